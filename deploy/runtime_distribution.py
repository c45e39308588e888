"""The source of `seq2seq-runtime`, a distribution that needs no TensorFlow.

    python deploy/runtime_distribution.py FOLDER

It holds the package seq2seq as it is, and requires what translates and serves exported ONNX models,
in the versions of setup.cfg. `make dist` builds a wheel of it.
"""

import configparser
import re
import shutil
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
NAME = "seq2seq-runtime"
DESCRIPTION = "Translate and serve exported models of seq2seq-keras by ONNX Runtime, no TensorFlow"
# Those of the whole distribution that it keeps, and those that TensorFlow brings there.
KEPT = ("sentencepiece", "pydantic", "PyYAML", "rich", "regex", "shtab")
FURTHER = ("numpy>=1.26,<3", "protobuf>=5,<8")
SECTIONS = ("metadata", "options")
SECTIONS += tuple(f"options.{each}" for each in ("packages.find", "package_data", "entry_points"))
COPIED = ("README.md", "LICENSE", "pyproject.toml")


def main(folder: Path) -> None:
    """Writes the source into a new folder."""
    folder.mkdir(parents=True)
    shutil.copytree(
        REPOSITORY / "seq2seq", folder / "seq2seq", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in COPIED:
        shutil.copy(REPOSITORY / name, folder)
    settings = configparser.ConfigParser(interpolation=None)
    settings.optionxform = str  # type: ignore[assignment,method-assign]  # keeps capitals
    settings.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    extras = settings["options.extras_require"]
    kept = [each for each in _lines(settings["options"]["install_requires"]) if _name(each) in KEPT]
    kept += [each for each in _lines(extras["onnx"]) if _name(each) == "onnxruntime"]
    requirements = [*kept, *_lines(extras["serve"]), *FURTHER]
    settings["metadata"].update(name=NAME, description=DESCRIPTION)
    settings["options"]["install_requires"] = "\n" + "\n".join(requirements)
    settings["options.packages.find"]["include"] = "\nseq2seq*"
    for section in settings.sections():
        if section not in SECTIONS:
            del settings[section]
    with open(folder / "setup.cfg", "w", encoding="utf-8") as file:
        settings.write(file)


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def _name(requirement: str) -> str:
    return re.match(r"[A-Za-z0-9_.-]+", requirement)[0]  # type: ignore[index]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
