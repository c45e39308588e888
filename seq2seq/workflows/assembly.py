"""Where the parts meet: a network becomes a step function, a search becomes one compiled graph."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from seq2seq.config.sections import DecodingConfig, RunConfig
from seq2seq.data.subwords import BOS, EOS, LINE_BREAKS, PAD, UNKNOWN
from seq2seq.decoding.beam import beam_search
from seq2seq.decoding.greedy import greedy_search
from seq2seq.decoding.step import Hypotheses, State, Tensor, Tokens
from seq2seq.models.translator import Translator, build_translator

TOKENS = Tokens(bos=BOS, eos=EOS, never=(PAD, UNKNOWN, BOS, *LINE_BREAKS))
Search = Callable[[tf.Tensor], dict[str, tf.Tensor]]


def network(config: RunConfig, vocabulary_size: int) -> Translator:
    """The network of a run as it translates: float32, without training's noise."""
    return build_translator(config.model, vocabulary_size, pad_id=PAD)


def make_search(
    translator: Translator, config: DecodingConfig, keep_attention: bool = False
) -> Search:
    """A compiled function from source_ids (B, S), rows ending in EOS, to `Hypotheses`' fields.

    Without `keep_attention` the attention weights come back with no source positions.
    """
    signature = [tf.TensorSpec((None, None), tf.int32)]

    @tf.function(input_signature=signature, autograph=False)
    def search(source_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        return vars(run_search(translator, config, source_ids, keep_attention))

    return search


def run_search(
    translator: Translator, config: DecodingConfig, source_ids: tf.Tensor, keep_attention: bool
) -> Hypotheses:
    """Encodes and searches; to be traced."""
    memory, keys, *states = translator.encoder(source_ids, training=False)
    mask = tf.not_equal(source_ids, PAD)

    def step(previous_ids: Tensor, state: State) -> tuple[Tensor, State, Tensor]:
        inputs = [previous_ids, memory, keys, mask, *state]
        logits, state, weights = translator.decoder_step(inputs, training=False)
        return tf.nn.log_softmax(logits), state, weights if keep_attention else weights[:, :, :0]

    lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
    limits = output_limits(lengths, config)
    # A tensor in any case: a loop takes no variable whose static size it cannot keep.
    source_length = tf.shape(source_ids)[1] * int(keep_attention)
    state = [each[:, None] for each in states]
    alpha = config.length_penalty
    if config.beam_width == 1:
        return greedy_search(step, state, limits, source_length, TOKENS, alpha)
    return beam_search(step, state, limits, source_length, TOKENS, config.beam_width, alpha)


def output_limits(source_lengths: Any, config: DecodingConfig) -> Any:
    """Most output tokens (B,) of sources of `source_lengths` (B,) subwords, EOS counted."""
    scaled = tf.cast(source_lengths, tf.float32) * config.longest_factor
    return tf.cast(scaled, tf.int32) + config.longest_extra
