"""Creates the virtual environment in which JoeyNMT 2.3.0 runs.

python -m benchmarks.peers.joeynmt.environment .venv-joeynmt
"""

from benchmarks.peers.environment import Environment, create_from_command_line

JOEYNMT = Environment(
    name="joeynmt",
    toolkit="joeynmt==2.3.0",
    imported=(
        "importlib_metadata==10.2.0",
        "matplotlib==3.10.9",  # the last line that Python 3.10 accepts
        "numpy==2.2.6",  # likewise
        "packaging==26.3",
        "PyYAML==6.0.3",
        "sacrebleu==2.6.0",
        "sentencepiece==0.2.3",
        "subword-nmt==0.3.8",
        "tensorboard==2.21.0",
        "tqdm==4.70.1",
    ),
)


def main() -> None:
    """Creates the environment named on the command line."""
    create_from_command_line(JOEYNMT, __doc__)


if __name__ == "__main__":
    main()
