"""Creates the virtual environment in which OpenNMT-py 3.5.1 runs.

python -m benchmarks.peers.opennmt.environment .venv-opennmt
"""

from benchmarks.peers.environment import Environment, create_from_command_line

OPENNMT = Environment(
    name="opennmt",
    toolkit="OpenNMT-py==3.5.1",
    imported=(
        "ConfigArgParse==1.9.0",
        "numpy==2.2.6",  # the last one that Python 3.10 accepts
        "pyahocorasick==2.3.1",
        "pyonmttok==1.38.1",
        "PyYAML==6.0.3",
        "RapidFuzz==3.14.6",
        "regex==2026.11.15",
        "sacrebleu==2.6.0",
        "six==1.17.0",
    ),
    stand_ins=("fasttext", "spacy"),  # imported by transforms that no run here selects
)


def main() -> None:
    """Creates the environment named on the command line."""
    create_from_command_line(OPENNMT, __doc__)


if __name__ == "__main__":
    main()
