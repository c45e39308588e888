"""What a translator's beam search did with one sentence, and how sure it was of each token."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import tensorflow as tf

from seq2seq.config.sections import DecodingConfig
from seq2seq.decoding.step import Prefixes
from seq2seq.inspection.beam_history import beam_history, forced_log_probs
from seq2seq.inspection.beam_tree import History
from seq2seq.translation.engine import Engine, Forced, begin
from seq2seq.translation.search import search_rules
from seq2seq.translation.shortlist_mask import GraphShortlist


def search_history(
    engines: Sequence[Engine],
    config: DecodingConfig,
    source_ids: Sequence[int],
    shortlist: GraphShortlist | None = None,
    prefixes: Prefixes | None = None,
) -> History:
    """Every hypothesis that the search kept, with its attention.

    Runs outside a graph: some tenths of a second a sentence. A `beam_width` of 1 is the greedy
    search; sampling settings are not read.

    Args:
        engines: the networks that vote.
        config: how to search.
        source_ids: (S,) EOS at the end, no padding.
        shortlist: the search sees no other ids than it allows.
        prefixes: of the sentence; hypotheses that leave it are told too, though none was open.

    Raises:
        ValueError: the source is empty.
    """
    step, start = begin(engines, _batch(source_ids), config, True, shortlist, Forced(prefixes))
    width = config.beam_width
    found = beam_history(step, start, search_rules(config), width, min(config.n_best, width))
    if not shortlist:
        return found
    return replace(
        found,
        hypotheses=[
            replace(
                each, ids=tuple(step.real_ids(tf.constant(each.ids, tf.int32)).numpy().tolist())
            )
            for each in found.hypotheses
        ],
    )


def token_log_probs(
    engines: Sequence[Engine],
    config: DecodingConfig,
    source_ids: Sequence[int],
    target_ids: Sequence[int],
) -> np.ndarray:
    """Log-probabilities (T, V) of the whole vocabulary at each token of a given output.

    Args:
        engines: the networks that vote.
        config: of the engines.
        source_ids: (S,) EOS at the end, no padding.
        target_ids: (T,) EOS at the end.

    Raises:
        ValueError: source or output is empty.
    """
    step, start = begin(engines, _batch(source_ids), config, True, None)
    return forced_log_probs(step, start, search_rules(config), list(target_ids))


def _batch(source_ids: Sequence[int]) -> tf.Tensor:
    if not len(source_ids):
        raise ValueError("the source has no ids; it needs EOS at least")
    return tf.constant([list(source_ids)], tf.int32)
