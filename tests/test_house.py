"""The layout as it is drawn, written down in setup.cfg, and there."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    *sorted(str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "docs").glob("*.md")),
)
MOST_FILES = 19  # in a folder, `__init__.py` apart
MOST_LINES = 350


def layers_of_setup() -> list[str]:
    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    return setup["importlinter:contract:arrows"]["layers"].split("\n")[1:]


def drawn_layers(document: str) -> list[str]:
    """The left column of a document's picture: the block of code that begins with `cli`."""
    picture = re.search(r"^```\n(cli .*?)^```", document, re.DOTALL | re.MULTILINE)
    assert picture, "no picture"
    return [re.split(r" {2,}", line)[0] for line in picture[1].splitlines()]


@pytest.mark.parametrize("name", ["README.md", "docs/design.md"])
def test_the_picture_has_the_layers_of_setup_in_their_order(name):
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    assert drawn_layers(text) == layers_of_setup()
    # Control: a row less is noticed.
    assert drawn_layers(re.sub(r"^translation .*\n", "", text, flags=re.M)) != layers_of_setup()


def broken_links(document: Path) -> list[str]:
    """Relative links that lead nowhere."""
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    return [target for target in local if not (document.parent / target).exists()]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_link_to_what_is_there(name):
    assert broken_links(REPOSITORY / name) == []


def test_a_link_to_what_is_not_there_is_noticed(tmp_path):
    """The control of the test above."""
    (tmp_path / "there.md").touch()
    links = "[a](there.md#part) [b](gone.md) [c](https://keras.io) ![d](gone/d.png)"
    (tmp_path / "links.md").write_text(links)
    assert broken_links(tmp_path / "links.md") == ["gone.md", "gone/d.png"]


def lint_imports(folder: Path) -> tuple[int, str]:
    """The exit status of import-linter in a folder, and what it says, on one line."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    return done.returncode, " ".join(done.stdout.split())


@pytest.fixture
def copied(tmp_path):
    """The package and its contracts, to be changed."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "seq2seq", tmp_path / "seq2seq", ignore=ignored)
    shutil.copy(REPOSITORY / "setup.cfg", tmp_path)
    return tmp_path


def test_imports_point_as_drawn(copied):
    status, said = lint_imports(copied)
    assert status == 0, said
    assert " 0 broken" in said


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        (
            "models/planted.py",
            "import seq2seq.workflows.train",
            "seq2seq.models is not allowed to import seq2seq.workflows",
        ),
        (
            "data/planted.py",
            "import seq2seq.models.loss",
            "seq2seq.data is not allowed to import seq2seq.models",
        ),
        (
            "decoding/planted.py",
            "import tensorflow",
            "seq2seq.decoding is not allowed to import tensorflow",
        ),
        (
            "planted/__init__.py",
            "",
            "The following modules are not listed as layers: - seq2seq.planted",
        ),
    ],
)
def test_a_file_in_the_wrong_folder_is_noticed(copied, file, content, complaint):
    """The control of the test above."""
    planted = copied / "seq2seq" / file
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(f"{content}\n")
    status, said = lint_imports(copied)
    assert status == 1
    assert complaint in said


def crowded_folders(root: Path) -> list[str]:
    """Folders below `root` with more modules than one question needs."""
    counts = Counter(path.parent for path in root.rglob("*.py") if path.name != "__init__.py")
    crowded = [folder for folder, count in counts.items() if count > MOST_FILES]
    return sorted(str(folder.relative_to(root)) for folder in crowded)


def long_files(root: Path) -> list[str]:
    """Modules below `root` with more lines than one idea needs."""
    texts = {path: path.read_text(encoding="utf-8") for path in root.rglob("*.py")}
    long = [path for path, text in texts.items() if text.count("\n") > MOST_LINES]
    return sorted(str(path.relative_to(root)) for path in long)


# To be cut; what is cut goes from here, and nothing comes in.
PACKAGES = ("seq2seq", "data_prep", "benchmarks")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_folder_holds_no_more_than_one_question_needs(package):
    assert crowded_folders(REPOSITORY / package) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_file_holds_no_more_than_one_idea_needs(package):
    assert long_files(REPOSITORY / package) == []


def test_a_folder_or_file_that_grows_too_large_is_named(tmp_path):
    """The control of the tests above."""
    (tmp_path / "large.py").write_text("x = 1\n" * MOST_LINES)
    for number in range(MOST_FILES - 1):
        (tmp_path / f"{number}.py").touch()
    (tmp_path / "__init__.py").touch()
    assert crowded_folders(tmp_path) == [] and long_files(tmp_path) == []
    (tmp_path / "large.py").write_text("x = 1\n" * (MOST_LINES + 1))
    (tmp_path / "one_more.py").touch()
    assert crowded_folders(tmp_path) == ["."]
    assert long_files(tmp_path) == ["large.py"]
