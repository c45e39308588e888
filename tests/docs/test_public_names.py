"""What programs may build on has an entry in the reference, and types that mypy takes."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
from mypy import api as mypy

import seq2seq

DOCS = Path(__file__).parents[2] / "docs"
PROGRAM = Path(__file__).with_name("typed_program.py")
REFERENCE = "".join((DOCS / page).read_text(encoding="utf-8") for page in ("api.md", "layers.md"))
MODULES = re.findall(r"automodule:: ([\w.]+)\n   :members:", REFERENCE)
CLASSES = re.findall(r"autoclass:: ([\w.]+)", REFERENCE)
STRICT = ["--config-file=", "--strict", "--follow-imports=silent", "--cache-dir=.mypy_cache/strict"]


def public_names(module):
    """Functions and classes that a module defines."""
    found = {**vars(module)}.items()
    return {name for name, value in found if name[0] != "_" and _is_of(value, module)}


def _is_of(value, module):
    defined = inspect.isfunction(value) or inspect.isclass(value)
    return defined and value.__module__ == module.__name__


def test_every_public_name_of_the_package_has_an_entry():
    assert "seq2seq" in MODULES
    assert public_names(seq2seq) == set(seq2seq.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_every_name_of_the_reference_says_what_it_is(name):
    module = importlib.import_module(name)
    names = public_names(module)
    assert names and [each for each in names if not inspect.getdoc(getattr(module, each))] == []


def entry(name):
    """Whether a class has an entry, by itself or with its module."""
    return name in CLASSES or name.rpartition(".")[0] in MODULES


def test_types_that_public_functions_name_have_entries():
    imports = re.findall(r"from (seq2seq\.[\w.]+) import (\w+)", inspect.getsource(seq2seq))
    whole = {f"{module}.{name}" for module, name in imports if name[0].isupper()}
    whole -= {"seq2seq.cli.progress.LiveReporter"}  # inside of `train`
    assert len(whole) > 4
    assert {name for name in whole if not entry(name)} == set()
    assert not entry("seq2seq.translation.engine.Engine")  # the control


@pytest.mark.long
def test_a_program_on_the_public_names_passes_the_strictest_checks(tmp_path):
    said, _, status = mypy.run([*STRICT, str(PROGRAM)])
    assert status == 0, said
    wrong = tmp_path / "wrong.py"  # the control
    wrong.write_text("import seq2seq\n\nseq2seq.load(3).translate('a')\n")
    said, _, status = mypy.run([*STRICT, str(wrong)])
    assert status == 1 and '"load" has incompatible type "int"' in said
