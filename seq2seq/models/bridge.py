"""Bridges: what the decoder starts from."""

import keras
from keras import ops

from seq2seq.config.architecture import ModelConfig
from seq2seq.models.products import Dense, Tensor


@keras.saving.register_keras_serializable(package="seq2seq")
class Bridge(keras.layers.Layer):
    """The decoder layers' first states.

    `copy`: the last states of the encoder layer beside each, counted from the top, so that the top
    layers meet; of the lowest one for those below it.
    `dense`: each is tanh(W h + b), Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473, A.2.2, of
    that encoder layer's last hidden state; of the memory's mean for an encoder without states.
    `zero`: zeros.

    Args:
        config: `bridge`, `decoder_layers`, `units`.
        count: state tensors of a layer.
        precision: of matrix products, "float32" or "bfloat16".

    Call arguments:
        last_states: of each encoder layer, h first; each (B, ...).
        memory: (B, S, M).
        mask: (B, S) bool, False at padding.

    Returns:
        Flat list of states, `count` a decoder layer, each (B, units); with input feeding, zeros for
        what the first step is fed.
    """

    def __init__(
        self, config: ModelConfig, count: int, precision: str = "float32", **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.count = count
        self.precision = precision
        self.denses = []
        if config.bridge == "dense":
            self.denses = [
                Dense(config.units, precision, activation="tanh", name=f"state_{n}")
                for n in range(config.decoder_layers * count)
            ]

    def build(self, *_: object, **__: object) -> None:
        """The projections of a dense bridge."""
        for place, dense in enumerate(self.denses):
            dense.build((None, self._projected_size(place // self.count)))

    def _projected_size(self, layer: int) -> int:
        """Units of what the states of a decoder layer are projections of."""
        config = self.config
        if config.encoder == "transformer":
            return config.memory_size
        beside = max(0, layer + config.encoder_layers - config.decoder_layers)
        return 2 * config.direction_units if config.reads_both_ways(beside) else config.units

    def call(self, last_states: list[list[Tensor]], memory: Tensor, mask: Tensor) -> list[Tensor]:
        """See the class."""
        config = self.config
        states = self._states(last_states, memory, mask)
        if config.input_feeding:
            states.append(_zeros(memory, config.fed_size))
        return states

    def get_config(self) -> dict:
        """Constructor arguments."""
        own = {"config": self.config.as_dict(), "count": self.count, "precision": self.precision}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict) -> "Bridge":
        """A layer with fresh weights."""
        return cls(**{**config, "config": ModelConfig(**config["config"])})

    def _states(
        self, last_states: list[list[Tensor]], memory: Tensor, mask: Tensor
    ) -> list[Tensor]:
        layers = range(self.config.decoder_layers)
        deeper = len(last_states) - len(layers)  # layers that the encoder has more
        beside = [last_states[max(0, n + deeper)] for n in layers] if last_states else []
        if self.config.bridge == "copy":
            return [state for states in beside for state in states]
        if self.config.bridge == "zero":
            return [_zeros(memory, self.config.units) for _ in range(len(layers) * self.count)]
        if beside:
            sources = [states[0] for states in beside]
        else:
            real = ops.cast(mask, memory.dtype)[:, :, None]
            mean = ops.sum(memory * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)
            sources = [mean for _ in layers]
        return [dense(sources[place // self.count]) for place, dense in enumerate(self.denses)]


def _zeros(memory: Tensor, units: int) -> Tensor:
    return ops.zeros((ops.shape(memory)[0], units))
