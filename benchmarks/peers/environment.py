"""Virtual environments for peer toolkits: made once, checked by a stamp, replaced when outdated."""

import argparse
import logging
import os
import venv
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.child import PeerError, run_child

TORCH = "torch==2.13.0"
STAMP = "{}-requirements.txt"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Environment:
    """What a peer needs, every package with its version.

    A toolkit's own requirements may ask for packages that training and translation never use and
    that do not build on current Python versions, so one on PyTorch is installed without them,
    followed by what it does import.
    """

    name: str  # of the stamp
    toolkit: str  # as pip is asked for it
    imported: tuple[str, ...]
    stand_ins: tuple[str, ...] = ()  # modules that unused parts import, made empty
    on_torch: bool = True  # else it is installed with its own requirements

    def ensure(self, directory: Path) -> Path:
        """Creates the environment unless it is already complete.

        Args:
            directory: Where it is or shall be; an incomplete or outdated one is replaced.

        Returns:
            The environment's Python interpreter.

        Raises:
            PeerError: The directory holds something else, or a package could not be installed.
        """
        directory = directory.resolve()
        scripts = "Scripts" if os.name == "nt" else "bin"
        python = directory / scripts / ("python.exe" if os.name == "nt" else "python")
        stamp = directory / STAMP.format(self.name)
        packages = [package for options in self._installed() for package in options]
        wanted = "\n".join((*packages, *self.stand_ins)) + "\n"
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
            return python
        if directory.exists() and not _may_be_replaced(directory):
            raise PeerError(
                f"{directory} is no virtual environment; name an empty or new directory"
            )
        _logger.info("creating %s for %s, about 1 GB", directory, self.toolkit)
        venv.EnvBuilder(clear=True, with_pip=True, symlinks=os.name != "nt").create(directory)
        self._install(python)
        stamp.write_text(wanted, encoding="utf-8")
        return python

    def _installed(self) -> tuple[tuple[str, ...], ...]:
        """What pip is asked for, one call after the other."""
        if not self.on_torch:
            return ((self.toolkit, *self.imported),)
        # PyTorch first, so that nothing else chooses its version or its build.
        return (TORCH,), ("--no-deps", self.toolkit), self.imported

    def _install(self, python: Path) -> None:
        for options in self._installed():
            run_child([python, "-m", "pip", "install", *options], f"installing {options[-1]}")
        locate = "import sysconfig; print(sysconfig.get_path('purelib'))"
        found = run_child([python, "-c", locate], "locating the installed packages").strip()
        for name in self.stand_ins:
            text = f'"""Empty stand-in: an unused part of {self.toolkit} imports {name}."""\n'
            (Path(found) / f"{name}.py").write_text(text, encoding="utf-8")


def create_from_command_line(environment: Environment, description: str | None) -> None:
    """Creates the environment in the directory that is the command line's only argument."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path, metavar="VENV_DIR")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        print(environment.ensure(parser.parse_args().directory))
    except PeerError as error:
        raise SystemExit(f"error: {error}") from error


def _may_be_replaced(directory: Path) -> bool:
    """Only an environment or an empty directory, so that a mistyped path costs no files."""
    if (directory / "pyvenv.cfg").is_file():
        return True
    return directory.is_dir() and not any(directory.iterdir())
