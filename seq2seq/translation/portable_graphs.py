"""A trained translator as graphs that converters take, and sentences to compare each by.

A model that searches freely takes the ids of sentences alone. Others may stand beside it, for what
they take besides; see `FURTHER`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import tensorflow as tf

from seq2seq.config.sections import DecodingConfig
from seq2seq.data.shortlist import Shortlist
from seq2seq.data.subwords import EOS, PAD, Subwords
from seq2seq.decoding.forced_tokens import term_ids
from seq2seq.decoding.forcing import force
from seq2seq.decoding.step import Context, Hypotheses, Prefixes, State, StepFunction, Tensor
from seq2seq.decoding.terms import prepared
from seq2seq.exported_folder import PREFIXES, SCORES, TERMS
from seq2seq.models.recurrent.plain_recurrence import with_plain_loops
from seq2seq.models.translator import Translator
from seq2seq.serving.portable.parity import Example, Output
from seq2seq.translation.batch_search import Translation
from seq2seq.translation.engine import NOTHING_FORCED, Engine, Forced, begin
from seq2seq.translation.search import run_search, search_rules
from seq2seq.translation.shortlist_mask import GraphShortlist
from seq2seq.translation.text_translator import TextTranslator

EXAMPLES = 100  # sentences
FURTHER_EVERY = 4  # of them, each so many-th for a model that takes more
SOURCES = tf.TensorSpec((None, None), tf.int32, name="source_ids")
GIVEN = {
    PREFIXES: tf.TensorSpec((None, None, 3), tf.int32, name="prefix_places"),
    TERMS: tf.TensorSpec((None, None, None), tf.int32, name="term_ids"),
    SCORES: tf.TensorSpec((None, None, None), tf.int32, name="target_ids"),
}
Graph: TypeAlias = tf.types.experimental.GenericFunction


def portable_search(
    network: Translator,
    suppressed_ids: Sequence[int],
    decoding: DecodingConfig,
    batch: int | None,
    shortlist: Shortlist | None = None,
) -> Graph:
    """The search as a graph that converters take.

    Args:
        network: trained.
        suppressed_ids: ids that are no output: `Subwords.unwritten`.
        decoding: how to search.
        batch: sentences a call; any number if None.
        shortlist: the search sees no other ids than it allows.
    """
    network = replace(network, encoder=with_plain_loops(network.encoder))

    def search(source_ids: Tensor) -> dict[str, Tensor]:
        found = _Found(network, suppressed_ids, decoding, shortlist)
        return found.search(source_ids, batch is None)

    signature = [tf.TensorSpec((batch, None), tf.int32, name="source_ids")]
    return tf.function(search, input_signature=signature, autograph=False)


def further_graph(
    kind: str,
    translator: TextTranslator,
    decoding: DecodingConfig,
    shortlist: Shortlist | None = None,
) -> Graph:
    """A graph that takes something after the sentences, any number of them.

    Args:
        kind: of `FURTHER`.
        translator: of one network.
        decoding: how to search.
        shortlist: the search sees no other ids than it allows; scores are of all.
    """
    network = translator.network
    network = replace(network, encoder=with_plain_loops(network.encoder))
    ranks = translator.prefixes.ranks if kind == PREFIXES else None  # found outside the graph

    def compute(source_ids: Tensor, given: Tensor) -> dict[str, Tensor]:
        found = _Found(network, translator.subwords.unwritten, decoding, shortlist)
        if kind == SCORES:
            return found.scores(source_ids, given)
        if kind == PREFIXES:
            forced = Forced(Prefixes(given, tf.constant(ranks)))
        else:
            forced = Forced(terms=prepared(given))
        return found.search(source_ids, True, forced)

    return tf.function(compute, input_signature=[SOURCES, GIVEN[kind]], autograph=False)


class _Found:
    """What a network finds, to be traced."""

    def __init__(
        self,
        network: Translator,
        suppressed_ids: Sequence[int],
        decoding: DecodingConfig,
        shortlist: Shortlist | None,
    ) -> None:
        self._engine = Engine(network, PAD, suppressed_ids, "float32", cache_weights=False)
        self._decoding = decoding
        self._lists = GraphShortlist(shortlist) if shortlist else None

    def search(
        self, source_ids: Tensor, compacting: bool, forced: Forced = NOTHING_FORCED
    ) -> dict[str, Tensor]:
        step, inputs = begin([self._engine], source_ids, self._decoding, True, self._lists, forced)
        inputs = replace(inputs, compacting=compacting, normalized=True)
        found = run_search(_normalizing(step), inputs, self._decoding, None)
        return _named(found, step.real_ids(found.ids))

    def scores(self, source_ids: Tensor, target_ids: Tensor) -> dict[str, Tensor]:
        step, inputs = begin([self._engine], source_ids, self._decoding, True, None)
        rules = search_rules(self._decoding)
        inputs = replace(inputs, normalized=True)
        found = force(_normalizing(step), inputs, rules, target_ids)
        return _named(found, found.ids)


def _named(found: Hypotheses, ids: Tensor) -> dict[str, Tensor]:
    return {
        "ids": ids,
        "lengths": found.lengths,
        "scores": found.scores,
        "log_probabilities": found.log_probabilities,
        "token_log_probabilities": found.token_log_probabilities,
        "attention": found.weights,
    }


def _normalizing(step: StepFunction) -> StepFunction:
    """A step that gives log-probabilities: other runtimes have one fast operation for them."""

    def normalized(previous_ids: Tensor, state: State, context: Context) -> tuple:
        logits, state, weights = step(previous_ids, state, context)
        return tf.nn.log_softmax(logits), state, weights

    return normalized


def find_examples(translator: TextTranslator, texts: Sequence[str]) -> list[Example]:
    """At most `EXAMPLES` of the texts with what the search in memory finds for them.

    One subword, and as many as a source may have, join them: shapes that text may lack.
    """
    subwords, longest = translator.subwords, translator.decoding.longest_source
    some = texts[:: -(-len(texts) // EXAMPLES)]
    sources = subwords.encode_all([translator.read(text) for text in some])
    joined = [piece for ids in sources for piece in ids]
    sources += [joined[:1], joined[:longest]]
    search = translator.batch_search(keep_attention=True)
    found = search(sources, _numbers(sources))
    return [_example(subwords, *each) for each in zip(sources, found, strict=True)]


def find_further_examples(
    kind: str, translator: TextTranslator, examples: Sequence[Example]
) -> list[Example]:
    """Some of the examples with what is found if more is given: beginnings, words, or the output.

    What is given is taken from the last of the outputs of each, which a free search ranks below the
    others.

    Args:
        kind: of `FURTHER`.
        translator: whose beam's outputs all count.
        examples: of a free search.
    """
    subwords = translator.subwords
    some = [each for each in examples if each.outputs][::FURTHER_EVERY]
    sources = [each.source_ids[:-1] for each in some]
    lasts = [each.outputs[-1].ids for each in some]
    texts = [subwords.decode(ids) for ids in lasts]
    found: Sequence[Sequence[Translation]]
    if kind == SCORES:
        pairs = [(each.source_ids, ids) for each, ids in zip(some, lasts, strict=True)]
        found = [[each] for each in translator.score_ids(pairs, keep_attention=True)]
        given: Any = [[ids] for ids in lasts]
    elif kind == PREFIXES:
        given = translator.prefixes.of_texts([text[: len(text) // 2] for text in texts])
        search = translator.batch_search(keep_attention=True, prefixed=True)
        found = search(sources, _numbers(sources), prefixes=given)
    else:
        terms = [subwords.encode_known(sorted(text.split(), key=len)[-1:]) for text in texts]
        search = translator.batch_search(keep_attention=True, constrained=True)
        found = search(sources, _numbers(sources), terms=terms)
        given = [term_ids([each])[0] for each in terms]
    return [_example(subwords, *each) for each in zip(sources, found, given, strict=True)]


def _numbers(sources: Sequence[list[int]]) -> list[tuple[int, int]]:
    return [(number, 0) for number in range(len(sources))]


def _example(
    subwords: Subwords, ids: list[int], found: Sequence[Translation], given: Any = None
) -> Example:
    outputs = [
        Output(
            *(each.ids, each.score, each.log_probability),
            each.token_log_probabilities,
            each.attention,
        )
        for each in found
    ]
    return Example(subwords.decode(ids), [*ids, EOS], outputs, given)
