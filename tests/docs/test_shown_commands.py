"""Commands and settings that README and docs show exist as they are shown."""

import contextlib
import importlib.util
import io
import re

import pytest
from shown_commands import PAGES, REPOSITORY, mentioned, shown

from data_prep.__main__ import build_parser as data_prep_parser
from seq2seq.cli.main import build_parser as seq2seq_parser
from seq2seq.config.loading import as_run_config
from seq2seq.config.reference import reference
from seq2seq.errors import ConfigError

PROGRAMS = {"seq2seq": seq2seq_parser, "data_prep": data_prep_parser}
# What a mention such as `seq2seq translate --beam K` leaves out or stands for.
ABRIDGED = re.compile(r"arguments are required|expected one argument|invalid \w+ value: '[A-Z]+'")


def complaint(name, arguments):
    """What is wrong with a call, or ""."""
    if name == "make":
        targets = re.findall(r"^([\w-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
        return "" if set(arguments) <= set(targets) else f"no target {arguments}"
    if name.startswith("benchmarks"):
        return "" if importlib.util.find_spec(name) else f"no module {name}"
    if name not in PROGRAMS:
        return ""  # a program of others
    with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.suppress(SystemExit):
        PROGRAMS[name]().parse_args(arguments)
    return said.getvalue()


def mistakes(text):
    """Calls that do not go as a page shows them."""
    for call in shown(text):
        if complaint(*call):
            yield *call, complaint(*call)
    for call in mentioned(text):
        if complaint(*call) and not ABRIDGED.search(complaint(*call)):
            yield *call, complaint(*call)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_shown_is_one(page):
    assert list(mistakes(page.read_text(encoding="utf-8"))) == []


def test_a_wrong_command_is_noticed():
    """The control of the test above."""
    page = (
        "```\n$ echo a | seq2seq translate RUN --bean 3\n```\n`seq2seq trian CONFIG`, `make tset`"
    )
    assert [arguments[0] for _, arguments, _ in mistakes(page)] == ["translate", "trian", "tset"]
    assert not list(mistakes(page.replace("bean", "beam").replace("ia", "ai").replace("se", "es")))


SECTIONS = {section.name: {each.name for each in section.settings} for section in reference()}
SETTING = re.compile(rf"`({'|'.join(SECTIONS)})\.(\w+)(?:: ([\w.]+))?`")
FILE_ENDINGS = {"model", "onnx", "tflite"}
DATA = {
    f"{split}_{side}": f"{split}.{side}"
    for split in ("train", "validation")
    for side in ("source", "target")
}


def refusals(text):
    """Settings in a text that do not exist, or not with the value beside them."""
    for section, name, value in SETTING.findall(text):
        if name not in SECTIONS[section] | FILE_ENDINGS:
            yield f"{section}.{name}"
        elif value:
            try:
                as_run_config({"data": DATA}, [f"{section}.{name}={value}"])
            except ConfigError as error:
                if "Input should" in str(
                    error
                ):  # else it goes with other settings than the default
                    yield str(error)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_shown_is_one(page):
    assert list(refusals(page.read_text(encoding="utf-8"))) == []


def test_a_wrong_setting_is_noticed():
    """The control of the test above."""
    found = list(refusals("`model.unit`, `model.cell: lsmt`, `model.cell: gru`"))
    assert found[0] == "model.unit" and "lsmt" in found[1] and len(found) == 2
