"""The encoder-decoder, drawn once with the functional API, seen as models that share weights."""

from dataclasses import dataclass

import keras
from keras import ops

from seq2seq.config.sections import ModelConfig
from seq2seq.models.attention import make_attention
from seq2seq.models.lstm import LSTM, LSTMStep
from seq2seq.models.output import Output
from seq2seq.models.products import Projection, Tensor


@dataclass(frozen=True)
class Translator:
    """One set of weights seen several ways.

    Shapes: B sentences, S source and T target positions, K hypotheses a sentence, U units, M memory
        units,
    R readout units, V vocabulary. Ids equal to `pad_id` are padding. States are [h, c] of each
    decoder layer, in one flat list.
    """

    training: keras.Model  # source_ids (B, S), target_in (B, T) -> logits (B, T, V)
    readout: (
        keras.Model
    )  # source_ids (B, S), target_in (B, T) -> readout (B, T, R), what the output layer gets
    encoder: (
        keras.Model
    )  # source_ids (B, S) -> memory (B, S, M), keys (B, S, A), states, each (B, U)
    decoder_step: (
        keras.Model
    )  # previous_ids (B, K), memory, keys, memory_mask (B, S), states, each (B, K, U)
    #                            -> logits (B, K, V), states, attention weights (B, K, S)
    output: Output
    layers: "Layers"


@dataclass(frozen=True)
class Layers:
    """Every layer with weights, made once."""

    source_embedding: keras.layers.Embedding
    target_embedding: keras.layers.Embedding
    encoder: list[tuple[LSTM, LSTM]]  # forward and backward
    decoder: list[LSTM]
    keys: keras.layers.Layer
    attention: keras.layers.Layer
    combine: Projection
    output: Output


def build_translator(
    config: ModelConfig,
    vocabulary_size: int,
    pad_id: int = 0,
    word_dropout: float = 0.0,
    precision: str = "float32",
) -> Translator:
    """Builds the network with fresh weights.

    Bidirectional LSTM encoder, LSTM decoder whose layers start from the encoder's last states,
    Luong et al. 2015's attention on the top decoder layer (https://arxiv.org/abs/1508.04025, eq. 5)
    and no input feeding, so that training runs over all target positions in one call.

    Args:
        config: architecture.
        vocabulary_size: V, shared by source and target.
        pad_id: the id of padding.
        word_dropout: share of embedded subwords that is zeroed in training.
        precision: of matrix products; weights are float32 in any case.
    """
    layers = _make_layers(config, vocabulary_size, precision)

    # Training: the whole target at once.
    source_ids = keras.Input((None,), dtype="int32", name="source_ids")
    target_in = keras.Input((None,), dtype="int32", name="target_in")
    memory, keys, states = _encode(layers, source_ids, pad_id, config.dropout, word_dropout)
    outputs = _embed(layers.target_embedding, target_in, config.dropout, word_dropout)
    for layer, start in zip(layers.decoder, _pairs(states), strict=True):
        outputs, _ = layer(outputs, ops.not_equal(target_in, pad_id), start)
        outputs = keras.layers.Dropout(config.dropout)(outputs)
    mask = ops.not_equal(source_ids, pad_id)
    vectors, _ = _read(layers, outputs, memory, keys, mask, config.dropout)
    readout = keras.Model([source_ids, target_in], vectors, name="readout")
    training = keras.Model([source_ids, target_in], layers.output(vectors), name="training")

    # Decoding: one target position of K hypotheses.
    encoder = keras.Model(source_ids, [memory, keys, *states], name="encoder")
    previous_ids = keras.Input((None,), dtype="int32", name="previous_ids")
    memory = keras.Input((None, memory.shape[-1]), name="memory")
    keys = keras.Input((None, keys.shape[-1]), name="keys")
    memory_mask = keras.Input((None,), dtype="bool", name="memory_mask")
    states = [keras.Input((None, config.units), name=f"state_{n}") for n in range(len(states))]
    vectors, new_states = _scaled(layers.target_embedding, previous_ids), []
    for layer, state in zip(layers.decoder, _pairs(states), strict=True):
        vectors, new_state = LSTMStep(layer)(vectors, state)
        new_states += new_state
    vectors, weights = _read(layers, vectors, memory, keys, memory_mask, 0.0)
    decoder_step = keras.Model(
        [previous_ids, memory, keys, memory_mask, *states],
        [layers.output(vectors), new_states, weights],
        name="decoder_step",
    )
    return Translator(training, readout, encoder, decoder_step, layers.output, layers)


def _make_layers(config: ModelConfig, vocabulary_size: int, precision: str) -> Layers:
    def embedding(name: str) -> keras.layers.Embedding:
        # Small enough for an output layer to share; as an input it is scaled up (`_scaled`).
        deviation = config.embedding_size**-0.5
        start = keras.initializers.RandomNormal(stddev=deviation)
        return keras.layers.Embedding(vocabulary_size, config.embedding_size, start, name=name)

    def direction(number: int, backward: bool) -> LSTM:
        name = f"encoder_{number}_{'backward' if backward else 'forward'}"
        return LSTM(config.units // 2, backward=backward, precision=precision, name=name)

    target = embedding("target_embedding")
    source = target if config.tied_embeddings == "all" else embedding("source_embedding")
    tied = None if config.tied_embeddings == "none" else target
    readout_size = config.units if tied is None else config.embedding_size
    keys, attention = make_attention(config.attention, config.units, precision)
    return Layers(
        source_embedding=source,
        target_embedding=target,
        encoder=[(direction(n, False), direction(n, True)) for n in range(config.encoder_layers)],
        decoder=[
            LSTM(config.units, precision=precision, name=f"decoder_{n}")
            for n in range(config.decoder_layers)
        ],
        keys=keys,
        attention=attention,
        combine=Projection(
            readout_size, activation="tanh", use_bias=False, precision=precision, name="combine"
        ),
        output=Output(vocabulary_size, tied, precision=precision, name="output"),
    )


def _embed(
    embedding: keras.layers.Layer, ids: Tensor, dropout: float, word_dropout: float
) -> Tensor:
    vectors = _scaled(embedding, ids)
    vectors = keras.layers.Dropout(word_dropout, noise_shape=(None, None, 1))(vectors)
    return keras.layers.Dropout(dropout)(vectors)


def _scaled(embedding: keras.layers.Embedding, ids: Tensor) -> Tensor:
    """Embedded ids with values of about unit size (Vaswani et al. 2017, section 3.4)."""
    return keras.layers.Rescaling(embedding.output_dim**0.5)(embedding(ids))


def _encode(
    layers: Layers, source_ids: Tensor, pad_id: int, dropout: float, word_dropout: float
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Memory, attention keys, and the states that the decoder layers start from."""
    mask = ops.not_equal(source_ids, pad_id)
    vectors = _embed(layers.source_embedding, source_ids, dropout, word_dropout)
    return encode_above(
        [layer(vectors, mask) for layer in layers.encoder[0]], layers, mask, dropout
    )


def encode_above(
    first: list[tuple], layers: Layers, mask: Tensor, dropout: float = 0.0
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Memory (B, S, M), keys (B, S, A) and states (B, U), from what the first layer returned.

    Args:
        first: of both directions, see `LSTM`.
        layers: the network.
        mask: (B, S).
        dropout: after each layer.
    """
    outputs, states = _joined(first, dropout)
    last_states = [states]
    for directions in layers.encoder[1:]:
        outputs, states = _joined([layer(outputs, mask) for layer in directions], dropout)
        last_states.append(states)
    top = len(last_states) - 1
    states = [state for n in range(len(layers.decoder)) for state in last_states[min(n, top)]]
    return outputs, layers.keys(outputs), states


def _joined(both: list[tuple], dropout: float) -> tuple[Tensor, list[Tensor]]:
    """Outputs, and h and c, of two directions side by side."""
    (ahead, states_ahead), (back, states_back) = both
    outputs = keras.layers.Dropout(dropout)(ops.concatenate([ahead, back], axis=-1))
    pairs = zip(states_ahead, states_back, strict=True)
    return outputs, [ops.concatenate(pair, axis=-1) for pair in pairs]


def _read(
    layers: Layers, query: Tensor, memory: Tensor, keys: Tensor, mask: Tensor, dropout: float
) -> tuple[Tensor, Tensor]:
    """Readout vectors tanh(W [context; query]) and attention weights."""
    context, weights = layers.attention(query, memory, keys, mask)
    vectors = layers.combine(ops.concatenate([context, query], axis=-1))
    return keras.layers.Dropout(dropout)(vectors), weights


def _pairs(states: list[Tensor]) -> list[list[Tensor]]:
    """[h, c, h, c] to [[h, c], [h, c]]."""
    return [states[n : n + 2] for n in range(0, len(states), 2)]
