"""Creates the virtual environment in which OpenNMT-py 3.5.1 runs.

    python -m benchmarks.peers.opennmt_environment .venv-opennmt

Its own requirements ask for packages that training and translation never use and that do not build
on current Python versions, so it is installed without them, followed by what it does import.
"""

import argparse
import logging
import os
import venv
from pathlib import Path

from benchmarks.peers.child import PeerError, run_child

TORCH = "torch==2.13.0"
TOOLKIT = "OpenNMT-py==3.5.1"
IMPORTED = (
    "ConfigArgParse==1.9.0",
    "numpy==2.2.6",  # the last one that Python 3.10 accepts
    "pyahocorasick==2.3.1",
    "pyonmttok==1.38.1",
    "PyYAML==6.0.3",
    "RapidFuzz==3.14.6",
    "regex==2026.11.15",
    "sacrebleu==2.6.0",
    "six==1.17.0",
)
STAND_INS = ("fasttext", "spacy")  # imported by transforms of OpenNMT-py that no run here selects
STAMP = "opennmt-requirements.txt"

_logger = logging.getLogger(__name__)


def ensure_environment(directory: Path) -> Path:
    """Creates the environment unless it is already complete.

    Args:
        directory: Where the environment is or shall be; an incomplete or outdated one is replaced.

    Returns:
        The environment's Python interpreter.

    Raises:
        PeerError: The directory holds something else, or a package could not be installed.
    """
    directory = directory.resolve()
    scripts = "Scripts" if os.name == "nt" else "bin"
    python = directory / scripts / ("python.exe" if os.name == "nt" else "python")
    stamp = directory / STAMP
    wanted = "\n".join((TORCH, TOOLKIT, *IMPORTED, *STAND_INS)) + "\n"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    if directory.exists() and not _may_be_replaced(directory):
        raise PeerError(f"{directory} is no virtual environment; name an empty or new directory")
    _logger.info("creating %s for %s, about 900 MB", directory, TOOLKIT)
    venv.EnvBuilder(clear=True, with_pip=True, symlinks=os.name != "nt").create(directory)
    _install(python)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _may_be_replaced(directory: Path) -> bool:
    """Only an environment or an empty directory, so that a mistyped path costs no files."""
    if (directory / "pyvenv.cfg").is_file():
        return True
    return directory.is_dir() and not any(directory.iterdir())


def _install(python: Path) -> None:
    """Installs PyTorch first, so that nothing else chooses its version or its build."""
    for options in ((TORCH,), ("--no-deps", TOOLKIT), IMPORTED):
        run_child([python, "-m", "pip", "install", *options], f"installing {options[-1]}")
    locate = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run_child([python, "-c", locate], "locating the installed packages").strip())
    for name in STAND_INS:
        text = f'"""Empty stand-in: an unused part of {TOOLKIT} imports {name}."""\n'
        (packages / f"{name}.py").write_text(text, encoding="utf-8")


def main() -> None:
    """Creates the environment named on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path, metavar="VENV_DIR")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        print(ensure_environment(parser.parse_args().directory))
    except PeerError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
