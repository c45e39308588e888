"""Commands and settings that README and docs show exist as they are shown."""

import contextlib
import importlib.util
import io
import itertools
import re
import shlex
from pathlib import Path

import pytest

from data_prep.__main__ import build_parser as data_prep_parser
from seq2seq.cli.main import build_parser as seq2seq_parser
from seq2seq.config.loading import as_run_config
from seq2seq.config.reference import reference
from seq2seq.errors import ConfigError

REPOSITORY = Path(__file__).parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
PROGRAMS = {"seq2seq": seq2seq_parser, "data_prep": data_prep_parser}
ENDS = {"|", "&&", ";", "&", "||"}  # of a command
REDIRECTIONS = {">", "<", ">>"}
# What a mention such as `seq2seq translate --beam K` leaves out or stands for.
ABRIDGED = re.compile(r"arguments are required|expected one argument|invalid \w+ value: '[A-Z]+'")


def blocks(text):
    """Fenced blocks of shell: those without a language, or of one that is a shell's."""
    for language, block in re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE):
        if language in ("", "bash", "sh", "console"):
            yield block


def lines(block):
    """Commands of a block; where some have a prompt, the others are what was printed."""
    whole = [line.strip() for line in block.replace("\\\n", " ").splitlines()]
    prompted = [line[2:] for line in whole if line.startswith("$ ")]
    return prompted or whole


def braces(word):
    """The shell's {a,b}.

    >>> braces("test.{en,de}")
    ['test.en', 'test.de']
    """
    found = re.search(r"\{([^{}]*,[^{}]*)\}", word)
    if not found:
        return [word]
    before, after = word[: found.start()], word[found.end() :]
    return [each for one in found[1].split(",") for each in braces(before + one + after)]


def commands(line):
    """The words of each command of a line."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.commenters, words.whitespace_split = "#", True
    for ends, command in itertools.groupby(words, lambda word: word in ENDS):
        if not ends:
            words_of_it = list(itertools.takewhile(lambda word: word not in REDIRECTIONS, command))
            yield [each for word in words_of_it for each in braces(word)]


def program(words):
    """A program of ours and its arguments; or None.

    >>> program(["python", "-m", "data_prep", "tsv"])
    ('data_prep', ['tsv'])
    """
    words = list(itertools.dropwhile(lambda word: re.fullmatch(r"[A-Z_]+=.*", word), words))
    if words[:1] and Path(words[0]).name == "python" and words[1:2] == ["-m"]:
        return words[2], words[3:]
    if words[:1] and Path(words[0]).name in ("seq2seq", "make"):
        return Path(words[0]).name, words[1:]
    return None


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


def shown(text):
    """Calls of ours in the blocks of a page."""
    for line in itertools.chain.from_iterable(map(lines, blocks(text))):
        with contextlib.suppress(ValueError):  # what was printed may have a single quote
            yield from filter(None, map(program, commands(line)))


def mentioned(text):
    """Calls of ours in its sentences."""
    for line in re.findall(r"`((?:seq2seq|python -m \w+) [^`\[|]*|make \w+)`", text):
        yield from filter(None, map(program, commands(line)))


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
