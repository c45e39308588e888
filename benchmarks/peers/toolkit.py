"""A peer toolkit: its environment and its scripts in this package, asked and answered."""

import fcntl
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.peers.child import REPOSITORY, PeerError, run_child
from benchmarks.peers.environment import Environment
from benchmarks.peers.translation_speed import BriefTraining, TranslationRun, TranslationSpeed


@dataclass(frozen=True)
class Toolkit:
    """Runs scripts of this package inside a peer's environment, on the CPUs of this process."""

    name: str  # for the reader, with the version
    module: str  # of this package, that has its scripts
    environment: Environment

    @property
    def directory(self) -> Path:
        """Its virtual environment, created on first use."""
        return REPOSITORY / f".venv-{self.module}"

    def train_briefly(self, training: BriefTraining) -> None:
        """Trains, or goes on, until the checkpoint has seen the steps asked for; logs beside it.

        Raises:
            PeerError: the toolkit could not be installed or failed.
        """
        training = replace(training, data=training.data.resolve(), folder=training.folder.resolve())
        training.folder.mkdir(parents=True, exist_ok=True)
        with (training.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a second call waits, and finds the work done
            self.run_script(
                "brief_training",
                training.to_arguments(),
                training.threads,
                log=training.folder / "training.log",
            )

    def translate(self, run: TranslationRun) -> TranslationSpeed:
        """Measures one pass over the text.

        Raises:
            PeerError: the toolkit could not be installed, failed, or printed no result.
        """
        paths = {
            name: getattr(run, name).resolve() for name in ("data", "folder", "text", "output")
        }
        arguments = replace(run, **paths).to_arguments()
        line = self.run_script("translate_speed", arguments, run.threads)
        try:
            return TranslationSpeed.from_json(line)
        except (TypeError, ValueError) as error:
            raise PeerError(f"{self.name} printed no translation speed but {line!r}") from error

    def run_script(
        self,
        script: str,
        arguments: list[str],
        threads: int,
        directory: Path | None = None,
        log: Path | None = None,
    ) -> str:
        """Runs a script of this package inside the environment; returns the last line it prints."""
        python = self.environment.ensure(directory or self.directory)
        variables = {
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
            # Checkpoints of peers hold their options, which PyTorch refuses to load by default.
            "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",
        }
        name = f"benchmarks.peers.{self.module}.{script}"
        command: list[str | Path] = [python, "-m", name, *arguments]
        output = run_child(command, f"{self.name} ({script})", variables, log)
        return (output.splitlines() or [""])[-1]
