"""Sentences as the page draws them: words with their probabilities and attention, and flags."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seq2seq.scoring.quality_flags import BYTE, flags, words
from seq2seq.serving.saved_model.tensors import Arrays
from seq2seq.serving.server.page.unread_text import unread_text

DECIMALS = 4


def sentence(found: Arrays, row: int, text: str) -> dict[str, Any]:
    """One row of what `translate_prefix` gives; no outputs if it found none.

    `rest` is the text behind the part that was read, of a text that is longer than the network
    reads at once; if it is not known where that part ends, the outputs have a flag.

    Args:
        found: the outputs of the signature.
        row: its number.
        text: of that row.
    """
    source = _texts(found["source_tokens"][row, : found["source_length"][row]])
    outputs = []
    for rank, length in enumerate(found["length_nbest"][row]):
        if length:
            each = {
                "text": found["translations"][row, rank].decode(),
                "score": float(found["scores"][row, rank]),
                "log_probability": float(found["log_probabilities"][row, rank]),
                "tokens": _texts(found["tokens_nbest"][row, rank, :length]),
                "token_log_probabilities": found["token_log_probabilities_nbest"][
                    row, rank, :length
                ].tolist(),
                "alignment": found["alignment_nbest"][row, rank, :length, : len(source)].tolist(),
            }
            outputs.append(each)
    rest = unread_text(text, source)
    shown = drawn(source, outputs) | {"rest": rest or ""}
    if rest is None:
        for each in shown["outputs"]:
            detail = f"of the {len(text)} characters of this sentence"
            each["flags"].append({"kind": "first_part_only", "detail": detail})
    return shown


def drawn(source: Sequence[str], outputs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A sentence and its outputs, with their words.

    Args:
        source: subwords of the source, EOS at the end.
        outputs: each with text, score, log_probability, tokens (T), token_log_probabilities (T)
            and alignment (T, S).
    """
    return {
        "source_words": source_words(source),
        "source_tokens": list(source),
        "outputs": [_output(source, each) for each in outputs],
    }


def _output(source: Sequence[str], found: Mapping[str, Any]) -> dict[str, Any]:
    """An output with its words, each with its probability and its attention to source words."""
    tokens, weights = list(found["tokens"]), np.asarray(found["alignment"], float)
    weights = weights.reshape(len(tokens), -1)
    logs = np.asarray(found["token_log_probabilities"], float)
    attended = (
        [weights[:, each].sum(axis=1) for _, each in words(list(source))] if weights.any() else []
    )
    return {
        "text": found["text"],
        "score": round(found["score"], DECIMALS),
        "log_probability": round(found["log_probability"], DECIMALS),
        "tokens": tokens,
        "token_probabilities": np.round(np.exp(logs), DECIMALS).tolist(),
        "words": [
            {
                "text": text,
                "tokens": numbers,
                "probability": round(float(np.exp(logs[numbers].sum())), DECIMALS),
                "attention": [
                    round(float(each[numbers].sum() / len(numbers)), DECIMALS) for each in attended
                ],
            }
            for text, numbers in words(tokens)
        ],
        "flags": _flags(list(source), tokens, weights),
    }


def source_words(source: Sequence[str]) -> list[dict[str, Any]]:
    """Words of the source; `unknown` are those that the vocabulary has to spell in bytes."""
    return [
        {"text": text, "unknown": any(BYTE.fullmatch(source[number]) for number in numbers)}
        for text, numbers in words(list(source))
    ]


def _flags(source: list[str], tokens: list[str], weights: np.ndarray) -> list[dict[str, str]]:
    found = [
        {"kind": each.kind, "detail": each.detail}
        for each in flags(source, tokens, weights, ended=True)
    ]
    spelt = [each["text"] for each in source_words(source) if each["unknown"]]
    if spelt:
        quoted = ", ".join(f'"{each}"' for each in spelt)
        found.append({"kind": "unknown_source", "detail": f"spelt in bytes: {quoted}"})
    return found


def _texts(tokens: np.ndarray) -> list[str]:
    return [each.decode() for each in tokens]
