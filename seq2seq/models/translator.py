"""The encoder-decoder, drawn once with the functional API, seen as models that share weights."""

from dataclasses import dataclass

import keras
from keras import ops

from seq2seq.config.architecture import ModelConfig
from seq2seq.models.bridge import Bridge
from seq2seq.models.decoder import Decoder, Source, decoder_of_settings, make_decoder
from seq2seq.models.decoder_parts import Vectors
from seq2seq.models.decoder_runs import AllPositions, decoder_step
from seq2seq.models.embeddings import Embedding, embed, make_embeddings, scaled
from seq2seq.models.encoder import Encoder, make_encoder
from seq2seq.models.feedback import FeedbackDecoder
from seq2seq.models.output import Output
from seq2seq.models.products import Tensor


@dataclass(frozen=True)
class Translator:
    """One set of weights seen several ways.

    Shapes: B sentences, S source and T target positions, K hypotheses a sentence, M memory units, R
    readout units, V vocabulary. Ids equal to `pad_id` are padding. States are a flat list: see
    `Decoder`.
    """

    training: keras.Model  # source_ids (B, S), target_in (B, T) -> logits (B, T, V)
    readout: keras.Model  # the same to readout (B, T, R), what the output layer gets
    # source_ids (B, S) -> memory (B, S, M), keys (B, S, A), the decoder's first states (B, ...)
    encoder: keras.Model
    # previous_ids (B, K), memory, keys, memory_mask (B, S), states, each (B, K, ...)
    # -> logits (B, K, V), states, attention weights (B, K, S)
    decoder_step: keras.Model
    output: Output
    layers: "Layers"


@dataclass(frozen=True)
class Layers:
    """Every layer with weights, made once."""

    source_embedding: Embedding
    target_embedding: Embedding
    encoder: Encoder
    bridge: Bridge
    decoder: Decoder
    output: Output


def build_translator(
    config: ModelConfig,
    vocabulary_size: int,
    pad_id: int = 0,
    word_dropout: float = 0.0,
    precision: str = "float32",
) -> Translator:
    """Builds the network with fresh weights.

    By default: bidirectional LSTM encoder, LSTM decoder whose layers start from the encoder's last
    states, Luong et al. 2015's attention on the top decoder layer (https://arxiv.org/abs/1508.04025,
    eq. 5) and no input feeding, so that training runs over all target positions in one call.

    Args:
        config: architecture.
        vocabulary_size: V, shared by source and target.
        pad_id: the id of padding.
        word_dropout: share of embedded subwords that is zeroed in training.
        precision: of matrix products; weights are float32 in any case.
    """
    layers = _make_layers(config, vocabulary_size, precision)
    source_ids = keras.Input((None,), dtype="int32", name="source_ids")
    source, states = _encode(layers, source_ids, pad_id, word_dropout)
    encoder = keras.Model(source_ids, [source.memory, source.keys, *states], name="encoder")
    # Before training's view, whose loop needs layers that are built.
    step = _draw_step(layers, source)

    target_in = keras.Input((None,), dtype="int32", name="target_in")
    mask = ops.not_equal(target_in, pad_id)
    vectors = embed(layers.target_embedding, target_in, config.dropout, word_dropout)
    if config.has_feedback:
        loop = FeedbackDecoder(layers.decoder, config.dropout, name="decoder")
        found = loop(vectors, mask, states, source.memory, source.keys, source.mask)
    else:
        found = _all_positions(layers.decoder, vectors, mask, states, source)
    found = keras.layers.Dropout(config.dropout)(found)
    readout = keras.Model([source_ids, target_in], found, name="readout")
    training = keras.Model([source_ids, target_in], _logits(layers, found), name="training")
    return Translator(training, readout, encoder, step, layers.output, layers)


def _make_layers(config: ModelConfig, vocabulary_size: int, precision: str) -> Layers:
    source, target = make_embeddings(config, vocabulary_size)
    decoder = make_decoder(config, precision)
    output = Output(vocabulary_size, config.tied_output, precision=precision, name="output")
    if config.tied_output:
        output.tie(target)
    return Layers(
        source_embedding=source,
        target_embedding=target,
        encoder=make_encoder(config, precision),
        bridge=Bridge(config, decoder.recurrent[0].states, precision, name="bridge"),
        decoder=decoder,
        output=output,
    )


def _logits(layers: Layers, readout: Tensor) -> Tensor:
    """The output layer, drawn with the table that it shares, if it shares one."""
    if not layers.output.tied:
        return layers.output(readout)
    return layers.output(readout, layers.target_embedding(readout, table=True))


def _encode(
    layers: Layers, source_ids: Tensor, pad_id: int, word_dropout: float
) -> tuple[Source, list[Tensor]]:
    """What decoder steps see, and the decoder's first state."""
    dropout = layers.decoder.config.dropout
    mask = ops.not_equal(source_ids, pad_id)
    vectors = embed(layers.source_embedding, source_ids, dropout, word_dropout)
    memory, last_states = layers.encoder(vectors, mask, dropout)
    return begin_decoding(layers, memory, last_states, mask)


def begin_decoding(
    layers: Layers, memory: Tensor, last_states: list[list[Tensor]], mask: Tensor
) -> tuple[Source, list[Tensor]]:
    """The same from what the encoder gave."""
    source = Source(memory, layers.decoder.keys(memory), mask)
    return source, layers.bridge(last_states, memory, mask)


def _all_positions(
    decoder: Decoder, vectors: Tensor, mask: Tensor, states: list[Tensor], source: Source
) -> Tensor:
    """Readouts (B, T, R) of every position at once; for decoders without feedback."""

    def noise(_: int, outputs: Tensor) -> Tensor:
        return keras.layers.Dropout(decoder.config.dropout)(outputs)

    run, embedded = AllPositions(decoder, mask, states, source, noise), Vectors(vectors)
    numbers = range(len(decoder.recurrent))
    outputs, context = decoder.through(run, numbers, embedded, None, None)
    return decoder.read_out(run, outputs, context, embedded)


@keras.saving.register_keras_serializable(package="seq2seq")
class DecoderStep(keras.layers.Layer):
    """`decoder_step` as a layer, to be drawn: one target position of K hypotheses.

    Args:
        decoder: whose weights are used.

    Call arguments:
        vectors: (B, K, E) of the previous tokens.
        memory, keys, mask: see `Source`.
        states: each (B, K, ...).

    Returns:
        Readouts (B, K, R), the new states, and attention weights (B, K, S).
    """

    def __init__(self, decoder: Decoder, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.decoder = decoder
        self.sublayers = decoder.layers  # tracked, as the fields of a data class are not

    def call(
        self, vectors: Tensor, memory: Tensor, keys: Tensor, mask: Tensor, states: list[Tensor]
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """See the class."""
        operands = self.decoder.weights(Source(memory, keys, mask))
        return decoder_step(self.decoder, Vectors(vectors), states, operands)

    def compute_output_spec(
        self, vectors: Tensor, memory: Tensor, keys: Tensor, mask: Tensor, states: list[Tensor]
    ) -> tuple:
        """Shapes of what `call` returns."""
        config, (batch, hypotheses, _) = self.decoder.config, vectors.shape
        readout = keras.KerasTensor((batch, hypotheses, config.readout_width))
        after = [keras.KerasTensor((batch, hypotheses, each.shape[-1])) for each in states]
        return readout, after, keras.KerasTensor((batch, hypotheses, memory.shape[1]))

    def get_config(self) -> dict:
        """Settings of the decoder, which a copy makes its own of."""
        return {**super().get_config(), **self.decoder.settings()}

    @classmethod
    def from_config(cls, config: dict) -> "DecoderStep":
        """A layer with a decoder of its own, with fresh weights."""
        return cls(**decoder_of_settings(config))


def _draw_step(layers: Layers, source: Source) -> keras.Model:
    """One target position of K hypotheses."""
    previous_ids = keras.Input((None,), dtype="int32", name="previous_ids")
    seen = Source(
        memory=keras.Input((None, source.memory.shape[-1]), name="memory"),
        keys=keras.Input((None, source.keys.shape[-1]), name="keys"),
        mask=keras.Input((None,), dtype="bool", name="memory_mask"),
    )
    states = [
        keras.Input((None, size), name=f"state_{n}")
        for n, size in enumerate(layers.decoder.state_sizes)
    ]
    vectors = scaled(layers.target_embedding, previous_ids)
    step = DecoderStep(layers.decoder, name="decoder_step")
    readout, new_states, weights = step(vectors, seen.memory, seen.keys, seen.mask, states)
    inputs = [previous_ids, seen.memory, seen.keys, seen.mask, *states]
    outputs = [_logits(layers, readout), new_states, weights]
    return keras.Model(inputs, outputs, name="decoder_step")
