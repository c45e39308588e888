"""The tutorials as they are committed; `make notebooks` runs them."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
NAMES = [
    "01_what_an_lstm_remembers",
    "02_translate_in_ten_minutes",
    "03_attention_step_by_step",
    "04_your_own_language_pair",
    "05_from_keras_to_tensorflow_serving",
]
MOST_BYTES = 1_500_000


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def nbformat():
    """The package, whose import takes a second that tests without it are spared."""
    import nbformat

    return nbformat


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request, nbformat):
    return nbformat.read(request.param, as_version=4)


def test_there_are_five_of_them_and_they_are_small():
    assert [path.stem for path in NOTEBOOKS] == NAMES
    assert all(path.stat().st_size < MOST_BYTES for path in NOTEBOOKS)


def test_every_cell_was_run_in_order_and_none_failed(notebook, nbformat):
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [each for each in outputs if each.output_type == "error"]
    text = "".join(each.text for each in outputs if each.output_type == "stream")
    assert "Traceback" not in text and "Warning" not in text


def test_each_shows_a_picture_or_a_server_and_asserts_what_it_says(notebook):
    cells = code_cells(notebook)
    outputs = [output for cell in cells for output in cell.outputs]
    pictures = [each for each in outputs if "image/png" in each.get("data", {})]
    serves = any('"serve"' in cell.source for cell in cells)
    assert pictures or serves
    asserted = [
        node
        for cell in cells
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Assert) or "assert_" in getattr(node, "attr", "")
    ]
    assert len(asserted) >= 5
    text = "".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert all(part in text for part in ("**Question:**", "**What to expect:**", "**Answer:**"))


@pytest.mark.parametrize("path", [*NOTEBOOKS, *PAGES], ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(path, nbformat):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = nbformat.reads(text, as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    assert links or path not in NOTEBOOKS  # each leads to the next, or to its documentation
    assert not [link for link in links if not (path.parent / link).exists()]


@pytest.mark.long
@pytest.mark.parametrize(("holds", "status"), [("1 + 1 == 2", 0), ("1 + 1 == 3", 1)])
def test_a_run_fails_when_an_expectation_fails(holds, status, tmp_path, nbformat):
    cell = nbformat.v4.new_code_cell(f"assert {holds}")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "one.ipynb")
    command = [sys.executable, "-m", "pytest", "-q", "--nbmake", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, str(tmp_path / "one.ipynb")], capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
