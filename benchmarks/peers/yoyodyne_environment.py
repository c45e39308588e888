"""Creates the virtual environment in which yoyodyne 0.5.27 runs.

python -m benchmarks.peers.yoyodyne_environment .venv-yoyodyne
"""

from benchmarks.peers.environment import Environment, create_from_command_line

YOYODYNE = Environment(
    name="yoyodyne",
    toolkit="yoyodyne==0.5.27",
    imported=(
        "PyYAML==6.0.4",
        "jsonargparse[signatures]==4.53.0",
        "lightning==2.6.6",
        "maxwell==0.2.6",
        "numpy==2.4.6",
        "omegaconf==2.4.0",
        "rich==15.0.0",
        "torchmetrics==1.9.0",
        "wandb==0.31.0",  # imported; what it would send is never asked for
    ),
)


def main() -> None:
    """Creates the environment named on the command line."""
    create_from_command_line(YOYODYNE, __doc__)


if __name__ == "__main__":
    main()
