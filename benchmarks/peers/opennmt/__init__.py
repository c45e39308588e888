"""Runs OpenNMT-py 3.5.1 beside this project, for speed comparisons on the same machine."""

from dataclasses import replace
from pathlib import Path

from benchmarks.peers.child import PeerError
from benchmarks.peers.opennmt.environment import OPENNMT
from benchmarks.peers.toolkit import Toolkit
from benchmarks.peers.training_speed import TrainingRun, TrainingSpeed

TOOLKIT = Toolkit("OpenNMT-py 3.5.1", "opennmt", OPENNMT)


def measure(run: TrainingRun, environment: Path | None = None) -> TrainingSpeed:
    """Measures training speed in a child process, which inherits the CPUs of this one.

    Args:
        run: The network, its data and the number of steps.
        environment: OpenNMT-py's virtual environment, created on first use.

    Raises:
        PeerError: OpenNMT-py could not be installed, failed, or printed no result.
    """
    run = replace(run, source=run.source.resolve(), target=run.target.resolve())
    line = TOOLKIT.run_script("train_speed", run.to_arguments(), run.threads, environment)
    try:
        return TrainingSpeed.from_json(line)
    except (TypeError, ValueError) as error:
        raise PeerError(f"OpenNMT-py printed no training speed but {line!r}") from error
