"""What an exported translator has to answer: recorded from the translator in memory.

Shape suffixes: B texts, N outputs of a search, T target and S source positions.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seq2seq.config.text_limits import LONGEST_TERMS, SEPARATOR
from seq2seq.errors import ExportError
from seq2seq.serving.saved_model.expected_answers import FLOAT_TOLERANCE, Answer, first_difference
from seq2seq.serving.saved_model.tensors import Arrays, as_array, row_count, take_rows
from seq2seq.serving.saved_model.warmup import WarmupRequest
from seq2seq.translation.batch_search import Translation, forced_limit
from seq2seq.translation.text_translator import TextTranslator

BATCH = 40
BLANK = ["", " \t "]
FEW = 20  # texts of the signatures whose answers are large
MOST_TIES = 0.02  # share of the texts
WARMUP_BATCHES = (1, 8)
Predict = Callable[[str, Arrays], Arrays]


def record_answers(translator: TextTranslator, texts: Sequence[str]) -> list[Answer]:
    """The answers of every signature to some of the texts; blank ones join them."""
    few = [*texts[:FEW], *BLANK]
    answers = []
    for first in range(0, len(texts), BATCH):
        some = [*texts[first : first + BATCH], *BLANK]
        outputs = translator.search(some)
        answers.append(_answer("translate", some, _best(translator, outputs)))
        translation = {"translation": answers[-1].outputs["translation"]}
        answers.append(_answer("serving_default", some, translation))
    outputs = translator.search(few)
    answers.append(_answer("translate_nbest", few, _ranked(translator, outputs)))
    encoded = translator.subwords.encode_all([translator.read(text) for text in few])
    aligned = translator.batch_search(keep_attention=True)(
        encoded, [(number, 0) for number in range(len(few))]
    )
    answers.append(_answer("align", few, _aligned(translator, aligned)))
    references = [_text(translator, each, 0) for each in outputs]
    scored = translator.score(few, references)
    inputs = {"text": as_array(few, "string"), "reference": as_array(references, "string")}
    answers.append(Answer("score", inputs, _scored(scored)))
    prefixes = [_beginning(reference) for reference in references]
    inputs = {"text": as_array(few, "string"), "prefix": as_array(prefixes, "string")}
    led = _ranked(translator, translator.search(few, prefixes))
    answers.append(Answer("translate_prefix", inputs, led))
    if translator.decoding.takes_terms:
        answers.append(_with_terms(translator, few, outputs))
    return answers


def find_ties(answers: Sequence[Answer], predict: Predict) -> set[bytes]:
    """Texts that have several best translations, whose scores are equal up to rounding.

    The graph and the translator in memory add up the same numbers in other orders, so that they may
    choose differently; such a text is no example of what has to be answered.

    Args:
        answers: of the translator in memory.
        predict: gives the graph's outputs for a signature's name and inputs.

    Raises:
        ExportError: there are too many for chance.
    """
    texts = {text for answer in answers for text in answer.inputs["text"].tolist()}
    ties = {text for answer in answers for text in _ties(answer, predict)}
    if len(ties) > max(1, MOST_TIES * len(texts)):
        raise ExportError(
            f"the graph translates {len(ties)} of {len(texts)} texts otherwise than the run, "
            f"e.g. {min(ties).decode()!r}; this is a mistake in seq2seq, please report it"
        )
    return ties


def without(texts: Collection[bytes], answers: Sequence[Answer]) -> tuple[Answer, ...]:
    """The answers to all other texts."""
    kept = []
    for answer in answers:
        rows = [row for row, text in enumerate(answer.inputs["text"]) if text not in texts]
        inputs, outputs = take_rows(answer.inputs, rows), take_rows(answer.outputs, rows)
        kept.append(Answer(answer.signature, inputs, outputs))
    return tuple(kept)


def warmup_requests(translator: TextTranslator, texts: Sequence[str]) -> list[WarmupRequest]:
    """For each signature the shortest and the longest text, each alone and several times."""
    ordered = sorted(texts, key=lambda text: len(translator.subwords.encode(text)))
    requests = []
    for text in dict.fromkeys((ordered[0], ordered[-1])):
        for size in WARMUP_BATCHES:
            batch = as_array([text] * size, "string")
            for signature in ("serving_default", "translate", "translate_nbest", "align"):
                requests.append(WarmupRequest(signature, {"text": batch}))
            requests.append(WarmupRequest("score", {"text": batch, "reference": batch}))
            requests.append(WarmupRequest("translate_prefix", {"text": batch, "prefix": batch}))
            if translator.decoding.takes_terms:
                none = as_array([""] * size, "string")
                requests.append(WarmupRequest("translate_terms", {"text": batch, "terms": none}))
    return requests


def _with_terms(
    translator: TextTranslator, texts: Sequence[str], outputs: Sequence[Sequence[Translation]]
) -> Answer:
    """What each text gives if the last word of its worst output is asked for."""
    words = [_text(translator, each, len(each)).split()[-1:] for each in outputs]
    terms = [
        word if _fit(translator, text, word) else []
        for text, word in zip(texts, words, strict=True)
    ]
    found = translator.search(texts, terms=terms)
    asked = [SEPARATOR.join(each) for each in terms]
    inputs = {"text": as_array(texts, "string"), "terms": as_array(asked, "string")}
    return Answer("translate_terms", inputs, _ranked(translator, found))


def _fit(translator: TextTranslator, text: str, terms: Sequence[str]) -> bool:
    """Whether a translation may have the terms; without spaces, a sentence is one word."""
    subwords = translator.subwords
    room = forced_limit(subwords.encode(translator.read(text)), translator.decoding)
    return sum(map(len, subwords.encode_all(terms))) <= min(room, LONGEST_TERMS)


def _beginning(text: str) -> str:
    """Half of a translation, which may end inside a word."""
    return text[: len(text) // 2]


def _answer(signature: str, texts: Sequence[str], outputs: Mapping[str, Any]) -> Answer:
    return Answer(signature, {"text": as_array(texts, "string")}, outputs)


def _text(translator: TextTranslator, outputs: Sequence[Translation], rank: int) -> str:
    """The text of a rank, "" for a blank source; the last stands for those that are missing."""
    return translator.subwords.decode(outputs[min(rank, len(outputs) - 1)].ids) if outputs else ""


def _best(translator: TextTranslator, each: Sequence[Sequence[Translation]]) -> dict[str, Any]:
    return {
        "translation": as_array([_text(translator, outputs, 0) for outputs in each], "string"),
        "score": as_array([outputs[0].score if outputs else 0.0 for outputs in each], "float32"),
    }


def _ranked(translator: TextTranslator, each: Sequence[Sequence[Translation]]) -> dict[str, Any]:
    ranks = range(translator.decoding.n_best)

    def floats(name: str) -> np.ndarray:
        rows = [
            [getattr(found[min(rank, len(found) - 1)], name) if found else 0.0 for rank in ranks]
            for found in each
        ]
        return as_array(rows, "float32")

    texts = [[_text(translator, found, rank) for rank in ranks] for found in each]
    return {
        "translations": as_array(texts, "string"),
        "scores": floats("score"),
        "log_probabilities": floats("log_probability"),
    }


def _aligned(translator: TextTranslator, each: Sequence[Sequence[Translation]]) -> dict[str, Any]:
    lengths = [len(found[0].ids) if found else 0 for found in each]
    source_lengths = [len(found[0].source_ids) if found else 0 for found in each]
    steps, columns = max(lengths), max(source_lengths)
    tokens = np.full((len(each), steps), b"", object)
    source_tokens = np.full((len(each), columns), b"", object)
    log_probabilities = np.zeros((len(each), steps), np.float32)
    alignment = np.zeros((len(each), steps, columns), np.float32)
    pieces = translator.subwords.pieces
    for row, found in enumerate(each):
        length, source_length = lengths[row], source_lengths[row]
        if found:
            best = found[0]
            tokens[row, :length] = [piece.encode() for piece in pieces(best.ids)]
            source_tokens[row, :source_length] = [
                piece.encode() for piece in pieces(best.source_ids)
            ]
            log_probabilities[row, :length] = best.token_log_probabilities
            alignment[row, :length, :source_length] = best.attention
    return {
        **_best(translator, each),
        "source_tokens": source_tokens,
        "source_length": as_array(source_lengths, "int32"),
        "tokens": tokens,
        "length": as_array(lengths, "int32"),
        "alignment": alignment,
        "token_log_probabilities": log_probabilities,
    }


def _scored(each: Sequence[Translation]) -> dict[str, Any]:
    return {
        "score": as_array([found.score for found in each], "float32"),
        "log_probability": as_array([found.log_probability for found in each], "float32"),
        "length": as_array([len(found.ids) for found in each], "int32"),
    }


def _ties(answer: Answer, predict: Predict) -> Iterator[bytes]:
    """Texts with other words or subwords and the same scores."""
    if not answer.outputs.keys() & {"score", "scores"}:
        return
    found = predict(answer.signature, answer.inputs)
    for row in range(row_count(answer.inputs)):
        expected, actual = take_rows(answer.outputs, [row]), take_rows(found, [row])
        if _scores_agree(expected, actual) and first_difference(_words(expected), actual, 0):
            yield answer.inputs["text"][row]


def _scores_agree(expected: Arrays, actual: Arrays) -> bool:
    return all(
        np.allclose(actual[name], expected[name], atol=FLOAT_TOLERANCE)
        for name in ("score", "scores")
        if name in expected
    )


def _words(outputs: Arrays) -> Arrays:
    """Outputs that are no floats."""
    return {name: values for name, values in outputs.items() if values.dtype.kind != "f"}
