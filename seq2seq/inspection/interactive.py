"""What a page asks about one sentence while somebody looks at it, as values that JSON can hold.

Arrays are thinned to what fits a screen: of each layer the liveliest units.
"""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from seq2seq.data.subwords import BOS, EOS
from seq2seq.decoding.step import Prefixes
from seq2seq.errors import DataError
from seq2seq.inspection.alternatives import alternatives
from seq2seq.inspection.beam_tree import History
from seq2seq.inspection.search import search_history, token_log_probs
from seq2seq.inspection.trace import LayerTrace, trace
from seq2seq.translation.batch_search import forced_limit
from seq2seq.translation.loading import LoadedRun
from seq2seq.translation.text_translator import TextTranslator

RUNNERS_UP = 6  # tokens at each place
UNITS = 12  # of a layer
DECIMALS = 3


class SentenceInspector:
    """Answers about sentences of one run; several threads may ask, one after the other is answered.

    Args:
        loaded: the run; its network is prepared for searching at the first question.
    """

    def __init__(self, loaded: LoadedRun) -> None:
        self._loaded = loaded
        self._translator: TextTranslator | None = None
        self._ids: dict[str, int] = {}
        self._lock = threading.Lock()

    def continued(self, text: str, tokens: Sequence[str]) -> dict[str, Any]:
        """The best outputs that begin with exactly these subwords.

        Args:
            text: a sentence.
            tokens: in their written form, without the end of the sentence.

        Raises:
            DataError: a blank or long text, a subword that there is not, or too many of them.
        """
        with self._lock:
            translator = self._prepared()
            source_ids = self._source_ids(text)
            places = translator.prefixes.exact(self._to_ids(tokens, self._room(source_ids)))
            search = translator.batch_search(keep_attention=True, prefixed=True)
            found = search([source_ids[:-1]], [(0, 0)], places)[0]
            return {
                "source_tokens": translator.subwords.pieces(source_ids),
                "outputs": [
                    {
                        "text": translator.subwords.decode(each.ids),
                        "score": each.score,
                        "log_probability": each.log_probability,
                        "tokens": translator.subwords.pieces(each.ids),
                        "token_log_probabilities": each.token_log_probabilities.tolist(),
                        "alignment": each.attention.tolist(),
                    }
                    for each in found
                ],
            }

    def details(self, text: str, tokens: Sequence[str]) -> dict[str, Any]:
        """Runners-up of an output, and the layers' memory.

        Args:
            text: a sentence.
            tokens: an output in its written form, without the end of the sentence.

        Raises:
            DataError: as `continued`.
        """
        with self._lock:
            translator = self._prepared()
            source_ids = self._source_ids(text)
            # An output that reached its limit has a subword in place of the end of the sentence.
            target_ids = [*self._to_ids(tokens, self._room(source_ids) + 1), EOS]
            log_probs = token_log_probs(
                translator.engines, translator.decoding, source_ids, target_ids
            )
            traced = trace(translator.network, source_ids, [BOS, *target_ids[:-1]])
            return {
                "runners_up": self._runners_up(translator, log_probs, target_ids),
                "layers": [
                    {"name": name, **_memory(layer)} for name, layer in traced.layers.items()
                ],
                "read": ["<s>", *tokens],
            }

    def tree(self, text: str, tokens: Sequence[str]) -> dict[str, Any]:
        """Every hypothesis of the search that `continued` makes; takes a second or more.

        Args:
            text: a sentence.
            tokens: what outputs begin with; none: the search is free.

        Raises:
            DataError: as `continued`.
        """
        with self._lock:
            translator = self._prepared()
            source_ids = self._source_ids(text)
            prefix = self._to_ids(tokens, self._room(source_ids))
            prefixes = None
            if prefix:
                places = tf.constant(translator.prefixes.exact(prefix))
                prefixes = Prefixes(places, tf.constant(translator.prefixes.ranks))
            history = search_history(
                *(translator.engines, translator.decoding, source_ids),
                translator.shortlist,
                prefixes,
            )
            return _tree(translator, history, prefix)

    def _prepared(self) -> TextTranslator:
        if self._translator is None:
            self._translator = self._loaded.translator()
            subwords = self._loaded.subwords
            pieces = subwords.pieces(range(subwords.size))
            never = {EOS, *subwords.unwritten}
            self._ids = {piece: i for i, piece in enumerate(pieces) if i not in never}
        return self._translator

    def _source_ids(self, text: str) -> list[int]:
        ids = self._loaded.subwords.encode(self._prepared().read(text))
        most = self._loaded.config.decoding.longest_source
        if not 0 < len(ids) <= most:
            raise DataError(f"the sentence has {len(ids)} subwords; give one of 1 to {most}")
        return [*ids, EOS]

    def _room(self, source_ids: Sequence[int]) -> int:
        """Most subwords that an output of the source can begin with."""
        return forced_limit(source_ids[:-1], self._prepared().decoding)

    def _to_ids(self, tokens: Sequence[str], room: int) -> list[int]:
        unknown = [each for each in tokens if each not in self._ids]
        if unknown:
            raise DataError(f"{unknown[0][:40]!r} is no subword that this run writes")
        if len(tokens) > room:
            raise DataError(f"{len(tokens)} subwords; an output of this text has {room} at most")
        return [self._ids[each] for each in tokens]

    def _runners_up(
        self, translator: TextTranslator, log_probs: np.ndarray, target_ids: Sequence[int]
    ) -> list[list[dict[str, Any]]]:
        known = log_probs[:, : translator.subwords.size]
        found = alternatives(known, target_ids, RUNNERS_UP)
        return [
            [
                {"token": token, "probability": round(float(probability), DECIMALS + 1)}
                for token, probability in zip(
                    translator.subwords.pieces(ids), probabilities, strict=True
                )
            ]
            for ids, probabilities in zip(found.ids, found.probabilities, strict=True)
        ]


def _tree(translator: TextTranslator, history: History, prefix: Sequence[int]) -> dict[str, Any]:
    """Hypotheses, parents before their children; those that leave the prefix were none."""
    kept = [
        number
        for number, each in enumerate(history.hypotheses)
        if all(one == other for one, other in zip(each.ids, prefix, strict=False))
    ]
    places = {number: place for place, number in enumerate(kept)}
    nodes = []
    for number in kept:
        each = history.hypotheses[number]
        nodes.append(
            {
                "parent": None if each.parent is None else places[each.parent],
                "token": translator.subwords.pieces(each.ids[-1:])[0] if each.ids else "",
                "log_probability": round(each.log_probability, DECIMALS),
                "score": None if each.score is None else round(each.score, DECIMALS),
                "fate": each.fate,
                "fell_at": each.fell_at,
            }
        )
    return {
        "nodes": nodes,
        "outputs": [places[number] for number in history.outputs if number in places],
        "steps": history.steps,
        "stopped_at_limit": history.stopped_at_limit,
    }


def _memory(layer: LayerTrace) -> dict[str, Any]:
    """Of the units whose state changes most, the state; of all, how open the gates are."""
    state = layer.hidden if layer.cell is None else layer.cell
    liveliest = np.sort(np.argsort(-np.ptp(state, axis=0), kind="stable")[:UNITS])
    gates = {name: values for name, values in layer.gates.items() if values.min() >= 0}
    return {
        "state": "hidden state" if layer.cell is None else "cell state",
        "units": liveliest.tolist(),
        "values": np.round(state[:, liveliest].T, DECIMALS).tolist(),
        "gates": {
            name: np.round(values.mean(axis=1), DECIMALS).tolist() for name, values in gates.items()
        },
    }
