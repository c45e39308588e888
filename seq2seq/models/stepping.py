"""The decoder step as translation runs it: `Translator.decoder_step`, prepared once for many steps.

For each subword, embedding times the first layer's kernel is a row of a table; for each sentence,
memory times the readout's kernel comes before the steps; weights are rounded to the chosen
precision once. Results equal the drawn step's up to rounding.

Shape suffixes: B sentences, K hypotheses, S source positions, U units, G = 4U gates, M memory
units, R readout units, V vocabulary.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from seq2seq.models.attention import MASKED_SCORE, NoAttention
from seq2seq.models.lstm_loop import lstm_step
from seq2seq.models.products import Tensor
from seq2seq.models.translator import Layers

NO_OUTPUT = -1e9  # logit of what is no output; finite, so that it can be summed and rounded
MULTIPLE = 64  # the vocabulary is filled up to one: a search looks at it in blocks


class DecoderStep:
    """A network's decoder step with prepared weights.

    Args:
        layers: of a built and trained network.
        vocabulary_size: V.
        never: ids that are no output.
        precision: of matrix products, "float32" or "bfloat16".
        held: whether the prepared weights are held, beside the layers' own. If not, they are
            derived where the step is made, so at each call of a graph that it is made in, and there
            is no table: such a graph stores each weight once.
    """

    def __init__(
        self,
        layers: Layers,
        vocabulary_size: int,
        never: Sequence[int],
        precision: str,
        held: bool = True,
    ) -> None:
        self._layers = layers
        self._precision = precision
        self._never = list(never)
        self._filling = -vocabulary_size % MULTIPLE
        self._held = held
        self._weights = self._prepare()
        if held:
            self._weights = {
                name: keras.Variable(value, trainable=False, dtype=value.dtype, name=f"step_{name}")
                for name, value in self._weights.items()
            }

    def refresh(self) -> None:
        """Takes the layers' weights over as they are now."""
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
        if isinstance(self._layers.attention, NoAttention):
            return [masked]
        values = self._product(memory, self._weights["combine_memory"])
        return [masked, self._layers.attention.step_keys(keys), values]

    def vocabulary(self, ids: Tensor | None = None) -> list[Tensor]:
        """What scores the vocabulary, or only `ids` (V'): kernel (R, V'), bias (V')."""
        weights = self._weights
        if ids is None:
            return [
                ops.convert_to_tensor(weights["output"]),
                ops.convert_to_tensor(weights["bias"]),
            ]
        kernel = ops.take(ops.convert_to_tensor(self._layers.output.kernel), ids, axis=0)
        kernel = ops.cast(ops.transpose(kernel), self._precision)
        return [kernel, ops.take(ops.convert_to_tensor(weights["bias"]), ids)]

    def __call__(
        self, previous_ids: Tensor, state: list[Tensor], context: list[Tensor], kernel: Tensor
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """One step of B sentences.

        Args:
            previous_ids: (B, K).
            state: h and c of each layer, each (B, K, U).
            context: see `context`.
            kernel: (R, V'), see `vocabulary`.

        Returns:
            Products with the kernel (B, K, V'), to which the bias is still to be added; the new
            state; attention weights (B, K, S).
        """
        vectors, state = self._recur(previous_ids, state)
        query = self._product(vectors, self._weights["combine_query"])
        masked = context[0]
        if isinstance(self._layers.attention, NoAttention):
            weights = ops.zeros_like(query[:, :, :1]) * masked
        else:
            _, step_keys, values = context
            scores = self._layers.attention.step_scores(vectors, step_keys)
            weights = ops.softmax(scores + masked)
            query = query + ops.matmul(weights, values)
        return self._product(ops.tanh(query), kernel), state, weights

    def _recur(self, previous_ids: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        new_state: list[Tensor] = []
        z = hidden = self._read(previous_ids)
        for number, layer in enumerate(self._layers.decoder):
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
        embedding, first = self._layers.target_embedding, self._layers.decoder[0]
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
        embedding, first = layers.target_embedding, layers.decoder[0]
        query_rows = first.units
        combine = ops.convert_to_tensor(layers.combine.kernel)
        rounded = {
            "combine_memory": combine[:-query_rows],
            "combine_query": combine[-query_rows:],
            "output": ops.pad(ops.transpose(layers.output.kernel), [[0, 0], [0, self._filling]]),
        }
        if self._held:
            embedded = embedding.embeddings * embedding.output_dim**0.5
            rounded["table"] = ops.matmul(embedded, first.kernel) + first.bias
        for number, layer in enumerate(layers.decoder):
            rounded[f"recurrent_{number}"] = ops.convert_to_tensor(layer.recurrent_kernel)
            if number or not self._held:
                rounded[f"kernel_{number}"] = ops.convert_to_tensor(layer.kernel)
        prepared = {name: ops.cast(each, self._precision) for name, each in rounded.items()}
        bias = ops.pad(
            ops.convert_to_tensor(layers.output.bias),
            [[0, self._filling]],
            constant_values=NO_OUTPUT,
        )
        written = np.ones(bias.shape, bool)
        written[self._never] = False
        return {**prepared, "bias": ops.where(written, bias, NO_OUTPUT)}
