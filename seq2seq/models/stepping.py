"""The decoder step as translation runs it: `Translator.decoder_step`, prepared once for many steps.

For each subword, embedding times the first layer's kernel is a row of a table; for each sentence,
memory times the readout's kernel comes before the steps; weights are rounded to the chosen
precision once. Results equal the drawn step's up to rounding.

Shape suffixes: B sentences, K hypotheses, S source positions, U units, G = 4U gates, M memory
units, R readout units, V vocabulary.
"""

from collections.abc import Sequence

import keras
from keras import ops

from seq2seq.config.architecture import MULTI_HEAD
from seq2seq.models.attention import MASKED_SCORE, NoAttention
from seq2seq.models.lstm import LSTM
from seq2seq.models.lstm_loop import lstm_step
from seq2seq.models.output_kernel import OutputKernel
from seq2seq.models.products import Tensor
from seq2seq.models.translator import Layers


def suits(layers: Layers) -> bool:
    """Whether the network's decoder has the form that is prepared here."""
    config = layers.decoder.config
    return (
        all(isinstance(layer, LSTM) for layer in layers.decoder.recurrent)
        and config.attention not in MULTI_HEAD
        and config.attention_reads == "top"
        and config.readout == "tanh"
        and not config.input_feeding
        and not 0 < config.residual_from <= config.decoder_layers
    )


class DecoderStep:
    """A network's decoder step with prepared weights.

    Args:
        layers: of a built and trained network.
        never: ids that are no output.
        precision: of matrix products, "float32" or "bfloat16".
        held: whether the prepared weights are held, beside the layers' own. If not, they are
            derived where the step is made, so at each call of a graph that it is made in, and there
            is no table: such a graph stores each weight once.
    """

    def __init__(
        self,
        layers: Layers,
        never: Sequence[int],
        precision: str,
        held: bool = True,
    ) -> None:
        self._layers = layers
        self._precision = precision
        self.vocabulary = OutputKernel(layers.output, never, precision, held)
        self._held = held
        self._weights = self._prepare()
        if held:
            self._weights = {
                name: keras.Variable(value, trainable=False, dtype=value.dtype, name=f"step_{name}")
                for name, value in self._weights.items()
            }

    def refresh(self) -> None:
        """Takes the layers' weights over as they are now."""
        self.vocabulary.refresh()
        for name, value in self._prepare().items():
            self._weights[name].assign(value)

    def context(self, memory: Tensor, keys: Tensor, mask: Tensor) -> list[Tensor]:
        """What each step needs of B sentences: mask, attention keys and values, all (B, ...).

        Args:
            memory: (B, S, M), as `Translator.encoder` gives it.
            keys: (B, S, A), likewise.
            mask: (B, S) bool, False at padding.
        """
        masked = ops.where(mask, 0.0, MASKED_SCORE)[:, None, :]
        if isinstance(self._layers.decoder.attention, NoAttention):
            return [masked]
        values = self._product(memory, self._weights["combine_memory"])
        return [masked, self._layers.decoder.attention.step_keys(keys), values]

    def __call__(
        self, previous_ids: Tensor, state: list[Tensor], context: list[Tensor], kernel: Tensor
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """One step of B sentences.

        Args:
            previous_ids: (B, K).
            state: h and c of each layer, each (B, K, U).
            context: see `context`.
            kernel: (R, V'), see `OutputKernel`.

        Returns:
            Products with the kernel (B, K, V'), to which the bias is still to be added; the new
            state; attention weights (B, K, S).
        """
        vectors, state = self._recur(previous_ids, state)
        query = self._product(vectors, self._weights["combine_query"])
        masked = context[0]
        if isinstance(self._layers.decoder.attention, NoAttention):
            weights = ops.zeros_like(query[:, :, :1]) * masked
        else:
            _, step_keys, values = context
            scores = self._layers.decoder.attention.step_scores(vectors, step_keys)
            weights = ops.softmax(scores + masked)
            query = query + ops.matmul(weights, values)
        return self._product(ops.tanh(query), kernel), state, weights

    def _recur(self, previous_ids: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        new_state: list[Tensor] = []
        z = hidden = self._read(previous_ids)
        for number, layer in enumerate(self._layers.decoder.recurrent):
            if number:
                kernel = self._weights[f"kernel_{number}"]
                z = self._product(hidden, kernel) + ops.convert_to_tensor(layer.bias)
            before, cell = state[2 * number : 2 * number + 2]
            z = z + self._product(before, self._weights[f"recurrent_{number}"])
            hidden, cell, _ = lstm_step(z, cell)
            new_state += [hidden, cell]
        return hidden, new_state

    def _read(self, previous_ids: Tensor) -> Tensor:
        """Embedding times the first layer's kernel, and bias: (B, K, G)."""
        if self._held:
            table = ops.convert_to_tensor(self._weights["table"])
            return ops.cast(ops.take(table, previous_ids, axis=0), "float32")
        embedding, first = self._layers.target_embedding, self._layers.decoder.recurrent[0]
        vectors = ops.take(ops.convert_to_tensor(embedding.embeddings), previous_ids, axis=0)
        vectors = vectors * embedding.output_dim**0.5
        return self._product(vectors, self._weights["kernel_0"]) + first.bias

    def _product(self, left: Tensor, right: Tensor) -> Tensor:
        """`left` is rounded here, `right` was."""
        if self._precision == "float32":
            return ops.matmul(left, right)
        return ops.cast(ops.matmul(ops.cast(left, self._precision), right), "float32")

    def _prepare(self) -> dict[str, Tensor]:
        layers = self._layers
        embedding, first = layers.target_embedding, layers.decoder.recurrent[0]
        query_rows = first.units
        combine = ops.convert_to_tensor(layers.decoder.readout.kernel)
        rounded = {
            "combine_memory": combine[:-query_rows],
            "combine_query": combine[-query_rows:],
        }
        if self._held:
            embedded = embedding.embeddings * embedding.output_dim**0.5
            rounded["table"] = ops.matmul(embedded, first.kernel) + first.bias
        for number, layer in enumerate(layers.decoder.recurrent):
            rounded[f"recurrent_{number}"] = ops.convert_to_tensor(layer.recurrent_kernel)
            if number or not self._held:
                rounded[f"kernel_{number}"] = ops.convert_to_tensor(layer.kernel)
        return {name: ops.cast(each, self._precision) for name, each in rounded.items()}
