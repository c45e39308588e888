"""Trained networks as the step function of a search: one, or several that vote (an ensemble).

Shape suffixes: B sentences, K hypotheses, S source positions, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from seq2seq.config.sections import DecodingConfig
from seq2seq.decoding.step import Context, Prefixes, SearchInputs, State, Tensor, Terms
from seq2seq.models.fast_decoder import FastDecoderStep
from seq2seq.models.table_encoder import TableEncoder, supports_table
from seq2seq.models.translator import Translator
from seq2seq.translation.shortlist_mask import GraphShortlist


class Engine:
    """A network whose weights are prepared for searching.

    Args:
        translator: built with the same `precision`, trained.
        pad_id: the id of padding in source ids.
        suppressed_ids: ids that are no output.
        precision: of matrix products.
        cache_weights: see `FastDecoderStep`.
    """

    def __init__(
        self,
        translator: Translator,
        pad_id: int,
        suppressed_ids: Sequence[int],
        precision: str,
        cache_weights: bool = True,
    ) -> None:
        self.translator = translator
        self.pad_id = pad_id
        layers = translator.layers
        self.decoder = FastDecoderStep(layers, suppressed_ids, precision, cache_weights)
        self._encoder = None
        if cache_weights and supports_table(layers):
            self._encoder = TableEncoder(layers, pad_id, precision)

    def refresh(self) -> None:
        """Takes the network's weights over as they are now."""
        self.decoder.refresh()
        if self._encoder:
            self._encoder.refresh()

    def encode(self, source_ids: tf.Tensor, mask: tf.Tensor) -> tuple[State, Context]:
        """What a search starts from, and what its steps need of B sentences."""
        if self._encoder:
            memory, keys, states = self._encoder(source_ids)
        else:
            memory, keys, *states = self.translator.encoder(source_ids, training=False)
        return [each[:, None] for each in states], self.decoder.context(memory, keys, mask)


class EngineStep:
    """A `StepFunction` over engines that share a vocabulary; made by `begin`.

    The state and the context of several engines stand side by side in one list.
    """

    def __init__(
        self,
        engines: Sequence[Engine],
        ids_V: tf.Tensor | None,
        widths: list[tuple[int, int]],
        keep_attention: bool,
    ) -> None:
        self._engines = engines
        self._ids_V = ids_V
        self._widths = widths  # lengths of each engine's state and context
        self._keep_attention = keep_attention
        self._vocabularies = [engine.decoder.vocabulary(ids_V) for engine in engines]

    def __call__(
        self, previous_ids: Tensor, state: State, context: Context
    ) -> tuple[Tensor, State, Tensor]:
        """See `StepFunction`; the last of `context` says which ids are in a sentence's list."""
        if self._ids_V is not None:
            previous_ids = self.real_ids(previous_ids)
            *context, unlisted_BV = context
        new_state: State = []
        each_logits, each_weights = [], []
        for engine, (states, contexts), (kernel, bias) in zip(
            self._engines, self._widths, self._vocabularies, strict=True
        ):
            own_state, state = state[:states], state[states:]
            own_context, context = context[:contexts], context[contexts:]
            if self._ids_V is not None:
                bias = (bias + unlisted_BV)[:, None, :]
            logits, own_state, weights = engine.decoder(
                previous_ids, own_state, own_context, kernel
            )
            each_logits.append(logits + bias)
            each_weights.append(weights)
            new_state += own_state
        weights = tf.add_n(each_weights) / len(each_weights)
        if not self._keep_attention:
            weights = tf.ensure_shape(weights[:, :, :0], (None, None, 0))
        return _vote(each_logits), new_state, weights

    def real_ids(self, ids: Tensor) -> Tensor:
        """Vocabulary ids of places in the shortlist."""
        return ids if self._ids_V is None else tf.gather(self._ids_V, ids)


@dataclass(frozen=True)
class Forced:
    """What outputs have to say, whatever the network would."""

    prefixes: Prefixes | None = None
    terms: Terms | None = None

    def ids(self, pad_id: int) -> tf.Tensor | None:
        """(B, N) the tokens that are named, `pad_id` in place of none."""
        named = []
        if self.prefixes:
            named.append(self.prefixes.places[:, :, 0])
        if self.terms:
            batch = tf.shape(self.terms.ids)[0]
            named.append(tf.reshape(self.terms.ids, (batch, -1)))
        return tf.maximum(tf.concat(named, axis=1), pad_id) if named else None

    def as_places(self, ids_V: tf.Tensor, size: int) -> "Forced":
        """The same with places in a shortlist instead of the ids that stand there.

        Args:
            ids_V: the shortlist.
            size: of the vocabulary.
        """
        listed_at = tf.scatter_nd(ids_V[:, None], tf.range(tf.size(ids_V)), (size,))

        def places(ids: tf.Tensor) -> tf.Tensor:
            return tf.where(ids >= 0, tf.gather(listed_at, tf.maximum(ids, 0)), ids)

        prefixes, terms = self.prefixes, self.terms
        if prefixes:
            ids_BP1, ranges_BP2 = places(prefixes.places[:, :, :1]), prefixes.places[:, :, 1:]
            ranks = tf.gather(prefixes.ranks, ids_V)
            prefixes = Prefixes(tf.concat([ids_BP1, ranges_BP2], axis=2), ranks)
        return Forced(prefixes, terms._replace(ids=places(terms.ids)) if terms else None)


NOTHING_FORCED = Forced()


def begin(
    engines: Sequence[Engine],
    source_ids: tf.Tensor,
    config: DecodingConfig,
    keep_attention: bool,
    shortlist: GraphShortlist | None,
    forced: Forced = NOTHING_FORCED,
) -> tuple[EngineStep, SearchInputs]:
    """Encodes sentences (B, S), rows ending in EOS; to be traced.

    With a shortlist the search sees places in the batch's list instead of vocabulary ids. What is
    forced joins its sentence's list.
    """
    mask = tf.not_equal(source_ids, engines[0].pad_id)
    state: State = []
    context: Context = []
    widths = []
    for engine in engines:
        own_state, own_context = engine.encode(source_ids, mask)
        state, context = state + own_state, context + own_context
        widths.append((len(own_state), len(own_context)))
    ids_V = None
    if shortlist:
        forced_ids = forced.ids(engines[0].pad_id)
        ids_V, unlisted_BV = shortlist.of_batch(source_ids, forced_ids)
        context.append(unlisted_BV)
        if forced_ids is not None:
            forced = forced.as_places(ids_V, engines[0].translator.output.vocabulary_size)
    step = EngineStep(engines, ids_V, widths, keep_attention)
    lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
    return step, SearchInputs(
        state=state,
        context=context,
        max_lengths=output_limits(lengths, config),
        source_mask=mask if keep_attention else tf.ensure_shape(mask[:, :0], (None, 0)),
        terms=forced.terms,
        prefixes=forced.prefixes,
    )


def output_limits(source_lengths: Any, config: DecodingConfig) -> Any:
    """Most output tokens (B,) of sources of `source_lengths` (B,) subwords, EOS counted in both.

    See `batch_search.output_limit` for one outside the graph.
    """
    scaled = tf.cast(source_lengths, tf.float32) * config.longest_factor
    return tf.cast(scaled, tf.int32) + config.longest_extra


def _vote(each_logits: list[Tensor]) -> Tensor:
    """Of one network, its logits; of several, the logarithm of their mean probability.

    Up to a constant, which a search does not see.
    """
    if len(each_logits) == 1:
        return each_logits[0]
    log_probs = tf.stack([tf.nn.log_softmax(logits) for logits in each_logits])
    return tf.reduce_logsumexp(log_probs, axis=0)
