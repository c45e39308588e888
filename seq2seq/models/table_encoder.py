"""The encoder as translation runs it: `Translator.encoder` with its first layer's input in a table.

Shape suffixes: B sentences, S source positions, G units of all gates, V vocabulary.
"""

import keras
from keras import ops

from seq2seq.gather import gather
from seq2seq.models.products import Tensor, value_of
from seq2seq.models.translator import Layers, begin_decoding


def supports_table(layers: Layers) -> bool:
    """Whether subwords reach the network's first recurrent layer as they are."""
    return not layers.encoder.front and bool(layers.encoder.recurrent)


class TableEncoder:
    """An encoder that looks embedding times kernel up, a row of a table for each subword.

    Results equal the drawn encoder's up to rounding. The tables, (V, G) for each direction, are
    held beside the network's weights.

    Args:
        layers: of a built and trained network, see `supports_table`.
        pad_id: the id of padding.
        precision: of the tables, "float32" or "bfloat16".
    """

    def __init__(self, layers: Layers, pad_id: int, precision: str) -> None:
        self._layers = layers
        self._pad_id = pad_id
        self._precision = precision
        self._tables = [
            keras.Variable(table, trainable=False, dtype=table.dtype, name=f"encoder_table_{n}")
            for n, table in enumerate(self._make_tables())
        ]

    def refresh(self) -> None:
        """Takes the layers' weights over as they are now."""
        for variable, table in zip(self._tables, self._make_tables(), strict=True):
            variable.assign(table)

    def __call__(self, source_ids: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Memory, keys and states of sentences (B, S), as `Translator.encoder` gives them."""
        mask = ops.not_equal(source_ids, self._pad_id)
        ids_SB = ops.transpose(source_ids)
        first = []
        for layer, table in zip(self._layers.encoder.recurrent[0], self._tables, strict=True):
            inputs_SBG = gather(ops.convert_to_tensor(table), ids_SB)
            first.append(layer.run(ops.cast(inputs_SBG, "float32"), mask))
        memory, last_states = self._layers.encoder.above(first, mask)
        source, states = begin_decoding(self._layers, memory, last_states, mask)
        return source.memory, source.keys, states

    def _make_tables(self) -> list[Tensor]:
        embedding = self._layers.source_embedding
        vectors = value_of(embedding.embeddings) * embedding.output_dim**0.5
        return [
            ops.cast(ops.matmul(vectors, value_of(layer.cell.kernel)), self._precision)
            for layer in self._layers.encoder.recurrent[0]
        ]
