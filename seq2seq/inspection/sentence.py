"""Everything about one translation: what the network kept, looked at, weighed and learns from.

Shape suffixes: S source positions, T target positions, H hypotheses, C candidates, P losses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from seq2seq.data.subwords import BOS, EOS, Subwords
from seq2seq.errors import DataError
from seq2seq.inspection.alternatives import Alternatives, alternatives
from seq2seq.inspection.beam_tree import History
from seq2seq.inspection.gradient_norms import GradientNorms, gradient_norms
from seq2seq.inspection.search import search_history, token_log_probs
from seq2seq.inspection.trace import Trace, trace
from seq2seq.translation.text_translator import TextTranslator

CANDIDATES = 5  # the likeliest tokens at each place
MOST_LOSSES = 24  # whose gradients are taken, evenly spaced over the output; each takes a while


@dataclass(frozen=True)
class Inspection:
    """A sentence, its translation, and the arrays that say how the one became the other."""

    source: str
    translation: str
    source_subwords: list[str]  # S, EOS at the end
    target_subwords: list[str]  # T, EOS at the end
    trace: Trace
    backward: frozenset[str]  # layers of the trace that read from right to left
    alternatives: Alternatives
    candidates: list[list[str]]  # (T, C) the subwords of `alternatives.ids`
    history: History
    outlines: list[str]  # H: the text of each hypothesis
    gradients: GradientNorms

    @property
    def has_attention(self) -> bool:
        """Whether the network looks at the source at all."""
        return bool(self.trace.attention.any())

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything by a name of its own, for one .npz; logits are left out for their size.

        Names of a layer's arrays start with its name, those of the search with "beam.": there, a
        parent or a step of -1, an id of -1 and a score that is not a number mean none.
        """
        found = {"source_subwords": np.array(self.source_subwords)}
        found["target_subwords"] = np.array(self.target_subwords)
        found |= self.trace.arrays()
        del found["logits"]
        for name in ("ids", "probabilities", "written", "ranks"):
            found[f"alternatives.{name}"] = getattr(self.alternatives, name)
        found["gradients.positions"] = np.array(self.gradients.positions)
        found["gradients.losses"] = self.gradients.losses
        found["gradients.source"] = self.gradients.source
        for kind, layers in (("hidden", self.gradients.hidden), ("cell", self.gradients.cell)):
            found |= {f"gradients.{name}.{kind}": norms for name, norms in layers.items()}
        return found | _beam_arrays(self.history)


def inspect(translator: TextTranslator, text: str, target: str | None = None) -> Inspection:
    """Translates a sentence and keeps everything; takes seconds.

    Args:
        translator: of several networks the first is inspected, and searches alone.
        text: is not split, however long.
        target: a translation to be inspected in place of the network's own.

    Raises:
        DataError: the sentence is blank, or longer than the translator takes in one piece.
    """
    subwords, network = translator.subwords, translator.network
    translator.take_changes_over()
    source_ids = [*subwords.encode(translator.read(text)), EOS]
    _check_length(source_ids, translator.decoding.longest_source)
    engines, config = translator.engines[:1], translator.decoding
    history = search_history(engines, config, source_ids, translator.shortlist)
    target_ids = list(history.hypotheses[history.outputs[0]].ids)
    if target is not None:
        target_ids = [*subwords.encode(target), EOS]
    target_in = [BOS, *target_ids[:-1]]
    likeliest = alternatives(
        token_log_probs(engines, config, source_ids, target_ids), target_ids, CANDIDATES
    )
    directions = [layer for both in network.layers.encoder.recurrent for layer in both]
    places = np.linspace(0, len(target_ids) - 1, min(MOST_LOSSES, len(target_ids)))
    return Inspection(
        source=text,
        translation=subwords.decode(target_ids),
        source_subwords=subwords.pieces(source_ids),
        target_subwords=subwords.pieces(target_ids),
        trace=trace(network, source_ids, target_in),
        backward=frozenset(layer.name for layer in directions if layer.backward),
        alternatives=likeliest,
        candidates=[_pieces(subwords, row) for row in likeliest.ids],
        history=history,
        outlines=[subwords.decode(each.ids) for each in history.hypotheses],
        gradients=gradient_norms(
            network, source_ids, target_in, target_ids, places.round().astype(int).tolist()
        ),
    )


def _check_length(source_ids: Sequence[int], longest: int) -> None:
    if len(source_ids) == 1:
        raise DataError("the sentence is blank; give a sentence to translate")
    if len(source_ids) - 1 > longest:
        raise DataError(
            f"the sentence has {len(source_ids) - 1} subwords, the translator reads up to "
            f"{longest} at once (decoding.longest_source); give a shorter one"
        )


def _pieces(subwords: Subwords, ids: np.ndarray) -> list[str]:
    """A network's output layer may have rows beyond the vocabulary, which are never likely."""
    return [subwords.pieces([i])[0] if i < subwords.size else "" for i in ids.tolist()]


def _beam_arrays(history: History) -> dict[str, np.ndarray]:
    every = history.hypotheses
    rows = zip_longest(*(each.ids for each in every), fillvalue=-1)
    longest, width = max(len(each.ids) for each in every), every[0].weights.shape[1]
    weights = np.zeros((len(every), longest, width), np.float32)
    for number, each in enumerate(every):
        weights[number, : len(each.ids)] = each.weights
    return {
        "beam.ids": np.array(list(rows), int).reshape(longest, len(every)).T,  # (H, T)
        "beam.parents": np.array([-1 if each.parent is None else each.parent for each in every]),
        "beam.log_probabilities": np.array([each.log_probability for each in every]),
        "beam.scores": np.array([np.nan if each.score is None else each.score for each in every]),
        "beam.fates": np.array([each.fate for each in every]),
        "beam.fell_at": np.array([-1 if each.fell_at is None else each.fell_at for each in every]),
        "beam.outputs": np.array(history.outputs),
        "beam.attention": weights,  # (H, T, S)
    }
