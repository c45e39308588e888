"""Creates the virtual environment in which Marian 1.12.42 runs: pymarian's wheel of 604 MB.

python -m benchmarks.peers.marian.environment .venv-marian
"""

from benchmarks.peers.environment import Environment, create_from_command_line

MARIAN = Environment(
    name="marian",
    toolkit="pymarian==1.12.42",
    imported=("numpy==2.2.6", "PyYAML==6.0.3"),
    on_torch=False,
)


def main() -> None:
    """Creates the environment named on the command line."""
    create_from_command_line(MARIAN, __doc__)


if __name__ == "__main__":
    main()
