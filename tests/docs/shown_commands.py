"""The commands that README and docs show, as words."""

import contextlib
import itertools
import re
import shlex
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
ENDS = {"|", "&&", ";", "&", "||"}  # of a command
REDIRECTIONS = {">", "<", ">>"}


def blocks(text):
    """Fenced blocks of shell: those without a language, or of one that is a shell's."""
    for language, block in re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE):
        if language in ("", "bash", "sh", "console"):
            yield block


def programs(text):
    """Blocks of Python."""
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


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


def shown(text):
    """Calls of ours in the blocks of a page."""
    for line in itertools.chain.from_iterable(map(lines, blocks(text))):
        with contextlib.suppress(ValueError):  # what was printed may have a single quote
            yield from filter(None, map(program, commands(line)))


def mentioned(text):
    """Calls of ours in its sentences."""
    for line in re.findall(r"`((?:seq2seq|python -m \w+) [^`\[|]*|make \w+)`", text):
        yield from filter(None, map(program, commands(line)))
