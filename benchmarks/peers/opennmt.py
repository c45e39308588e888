"""Runs OpenNMT-py 3.5.1 beside this project, for speed comparisons on the same machine."""

from dataclasses import replace
from pathlib import Path

from benchmarks.peers.child import REPOSITORY, PeerError, run_child
from benchmarks.peers.opennmt_environment import ensure_environment
from benchmarks.peers.training_speed import TrainingRun, TrainingSpeed

ENVIRONMENT = REPOSITORY / ".venv-opennmt"


def measure(run: TrainingRun, environment: Path = ENVIRONMENT) -> TrainingSpeed:
    """Measures training speed in a child process, which inherits the CPUs of this one.

    Args:
        run: The network, its data and the number of steps.
        environment: OpenNMT-py's virtual environment, created on first use.

    Raises:
        PeerError: OpenNMT-py could not be installed, failed, or printed no result.
    """
    run = replace(run, source=run.source.resolve(), target=run.target.resolve())
    line = _run_script(environment, "opennmt_train_speed", run.to_arguments(), run.threads)
    try:
        return TrainingSpeed.from_json(line)
    except (TypeError, ValueError) as error:
        raise PeerError(f"OpenNMT-py printed no training speed but {line!r}") from error


def _run_script(environment: Path, script: str, arguments: list[str], threads: int) -> str:
    """Runs a script of this package inside the environment; returns the last line it prints."""
    python = ensure_environment(environment)
    variables = {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        # Checkpoints of OpenNMT-py hold its options, which PyTorch refuses to load by default.
        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",
    }
    command: list[str | Path] = [python, "-m", f"benchmarks.peers.{script}", *arguments]
    output = run_child(command, f"OpenNMT-py ({script})", variables)
    return (output.splitlines() or [""])[-1]
