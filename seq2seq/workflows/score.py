"""Score translations that are there already, by forced decoding."""

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seq2seq.config.languages import language_of_file
from seq2seq.data.lines import read_pairs
from seq2seq.translation.batch_search import Translation
from seq2seq.translation.line_translator import WINDOW
from seq2seq.translation.loading import load_translator
from seq2seq.translation.text_translator import TextTranslator
from seq2seq.workflows.evaluate import writing


def score(run: Path, source: Path, target: Path, settings: Mapping[str, Any]) -> Iterator[dict]:
    """For each line: what the network gives to the target, and to each of its subwords.

    Raises:
        Seq2SeqError: the run, a setting or a file cannot be used, or the files' lines differ in
            number.
    """
    yield from score_with(load_translator(run, settings), source, target)


def score_with(translator: TextTranslator, source: Path, target: Path) -> Iterator[dict]:
    """`score` by a translator that is loaded already.

    Of several target languages the one is scored that the target's name ends in.

    Raises:
        Seq2SeqError: a file cannot be used, or the files' lines differ in number.
    """
    translator = writing(translator, language_of_file(target))
    pairs = read_pairs(source, target)
    line = 0
    while window := list(itertools.islice(pairs, WINDOW)):
        sources, targets = zip(*window, strict=True)
        for found in translator.score(sources, targets):
            line += 1
            yield _row(line, found, translator)


def _row(line: int, found: Translation, translator: TextTranslator) -> dict:
    return {
        "line": line,
        "log_probability": round(found.log_probability, 4),
        "score": round(found.score, 4),
        "tokens": translator.subwords.pieces(found.ids),
        "token_log_probabilities": [
            round(float(each), 4) for each in found.token_log_probabilities
        ],
    }


def as_json(row: dict) -> str:
    """One line."""
    return json.dumps(row, ensure_ascii=False)
