"""Where the parts meet: networks become a step function, a search becomes one compiled graph."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from seq2seq.config.sections import DecodingConfig, RunConfig
from seq2seq.data.subwords import BOS, EOS, PAD
from seq2seq.decoding.beam import beam_search
from seq2seq.decoding.forced_tokens import term_ids
from seq2seq.decoding.forcing import force
from seq2seq.decoding.greedy import greedy_search
from seq2seq.decoding.rules import Rules
from seq2seq.decoding.sampling import sample
from seq2seq.decoding.step import Hypotheses, Prefixes, SearchInputs, StepFunction
from seq2seq.decoding.terms import prepared
from seq2seq.models.translator import Translator, build_translator
from seq2seq.translation.engine import Engine, Forced, begin
from seq2seq.translation.shortlist_mask import GraphShortlist

Search = Callable[..., dict[str, tf.Tensor]]


def network(config: RunConfig, vocabulary_size: int) -> Translator:
    """The network of a run as it translates: without training's noise."""
    return build_translator(
        config.model, vocabulary_size, pad_id=PAD, precision=config.decoding.precision
    )


def make_engine(
    translator: Translator, config: DecodingConfig, suppressed_ids: Sequence[int]
) -> Engine:
    """The network with its weights prepared for searching.

    Args:
        translator: trained.
        config: how to search.
        suppressed_ids: ids that are no output: `Subwords.unwritten`.
    """
    return Engine(translator, PAD, suppressed_ids, config.precision)


def make_search(
    engines: Sequence[Engine],
    config: DecodingConfig,
    keep_attention: bool = False,
    shortlist: GraphShortlist | None = None,
    ranks: np.ndarray | None = None,
    with_terms: bool = False,
) -> Search:
    """A compiled function from source_ids (B, S), rows ending in EOS, to `Hypotheses`' fields.

    When sampling it also takes the numbers to draw by, (B, n_best, T).

    Args:
        engines: the networks that vote.
        config: how to search.
        keep_attention: without it the attention weights come back with no source positions.
        shortlist: the search sees no other ids than it allows.
        ranks: of `Prefixes`; with them the function takes places (B, P, 3) after the sources.
        with_terms: whether it takes terms, a list of lists of ids for each sentence, after these.
    """
    with_attention = keep_attention or config.coverage_penalty > 0

    def search(source_ids: tf.Tensor, *others: tf.Tensor) -> dict[str, tf.Tensor]:
        prefixes = None
        if ranks is not None:
            prefixes, others = Prefixes(others[0], tf.constant(ranks)), others[1:]
        terms = None
        if with_terms:
            terms, others = prepared(others[0]), others[1:]
        forced = Forced(prefixes, terms)
        step, inputs = begin(engines, source_ids, config, with_attention, shortlist, forced)
        uniforms = others[0] if config.sampling else None
        found = run_search(step, inputs, config, uniforms)
        fields = dict(vars(found))
        if shortlist:
            fields["ids"] = step.real_ids(found.ids)
        return fields

    signature = [tf.TensorSpec((None, None), tf.int32)]
    if ranks is not None:
        signature.append(tf.TensorSpec((None, None, 3), tf.int32))
    if with_terms:
        signature.append(tf.TensorSpec((None, None, None), tf.int32))
    if config.sampling:
        signature.append(tf.TensorSpec((None, config.n_best, None), tf.float32))
    traced = tf.function(search, input_signature=signature, autograph=False)
    return functools.partial(_with_term_ids, traced) if with_terms else traced


def _with_term_ids(search: Search, *inputs: Any) -> dict[str, tf.Tensor]:
    """A search whose last input is terms as lists."""
    *others, terms = inputs
    return search(*others, term_ids(terms))


def make_scorer(engines: Sequence[Engine], config: DecodingConfig, keep_attention: bool) -> Search:
    """A compiled function from source_ids (B, S) and target_ids (B, K, T) to `Hypotheses`' fields.

    Rows end in EOS.
    """
    signature = [tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None, None, None), tf.int32)]

    @tf.function(input_signature=signature, autograph=False)
    def score(source_ids: tf.Tensor, target_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        with_attention = keep_attention or config.coverage_penalty > 0
        step, inputs = begin(engines, source_ids, config, with_attention, None)
        return vars(force(step, inputs, search_rules(config), target_ids))

    return score


def run_search(
    step: StepFunction, inputs: SearchInputs, config: DecodingConfig, uniforms: Any
) -> Hypotheses:
    """The search that the settings ask for; to be traced."""
    rules = search_rules(config)
    if config.sampling:
        narrowing = (config.temperature, config.top_k, config.top_p)
        return sample(step, inputs, rules, uniforms, *narrowing)
    if config.beam_width == 1:
        return greedy_search(step, inputs, rules)
    return beam_search(step, inputs, rules, config.beam_width, config.n_best)


def search_rules(config: DecodingConfig) -> Rules:
    """What the settings tell a search."""
    return Rules(
        bos=BOS,
        eos=EOS,
        pad=PAD,
        length_penalty=config.length_penalty,
        coverage_penalty=config.coverage_penalty,
        shortest=config.shortest,
        blocked_ngram=config.blocked_ngram,
    )
