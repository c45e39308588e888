"""The decoder's step as a search runs it: the same wiring, over weights prepared for many steps.

For each subword, embedding times the first layer's kernel is a row of a table, and so is what a
readout makes of it; for each sentence, memory times the kernels that read the context comes before
the steps; weights are rounded to the chosen precision once. Results equal those of `decoder_step`
on plain weights up to rounding.

Shape suffixes: B sentences, K hypotheses, S source positions, R readout units, V vocabulary.
"""

from collections.abc import Sequence

import keras
from keras import ops

from seq2seq.gather import gather
from seq2seq.models.decoder import ATTENTION
from seq2seq.models.decoder_parts import Part, Prepared
from seq2seq.models.decoder_runs import decoder_step
from seq2seq.models.output import OutputKernel
from seq2seq.models.products import Tensor, product, value_of
from seq2seq.models.recurrent.operands import Operands
from seq2seq.models.translator import Layers

TABLE, MEMORY = "table/", "memory/"  # what names of products made beforehand begin with
# Names of the products with parts that are known beforehand, see `Decoder.matrices`.
OF_SUBWORDS = ("0/embedded", "readout/embedded")
OF_CONTEXT = "/context"


class FastDecoderStep:
    """A network's decoder step with prepared weights.

    Args:
        layers: of a built and trained network.
        suppressed_ids: ids that are no output.
        precision: of matrix products, "float32" or "bfloat16".
        cache_weights: whether the prepared weights are held, beside the layers' own. If not, they
            are derived where the step is made, so at each call of a graph that it is made in, and
            there are no tables: such a graph stores each weight once.
    """

    def __init__(
        self,
        layers: Layers,
        suppressed_ids: Sequence[int],
        precision: str,
        cache_weights: bool = True,
    ) -> None:
        self._layers = layers
        self._precision = precision
        self._cache_weights = cache_weights
        self.vocabulary = OutputKernel(layers.output, suppressed_ids, precision, cache_weights)
        self._weights = self._prepare()
        if cache_weights:
            self._weights = {
                name: keras.Variable(
                    value,
                    trainable=False,
                    dtype=value.dtype,
                    name=f"step_{name.replace('/', '_')}",
                )
                for name, value in self._weights.items()
            }
        self._sentence_names: list[str] = []

    def refresh(self) -> None:
        """Takes the layers' weights over as they are now."""
        self.vocabulary.refresh()
        for name, value in self._prepare().items():
            self._weights[name].assign(value)

    def context(self, memory: Tensor, keys: Tensor, mask: Tensor) -> list[Tensor]:
        """What each step needs of B sentences, all (B, ...).

        Args:
            memory: (B, S, M), as `Translator.encoder` gives it.
            keys: (B, S, A), likewise.
            mask: (B, S) bool, False at padding.
        """
        decoder = self._layers.decoder
        made = decoder.attention.sentences(memory, keys, mask)
        found = {ATTENTION + name: each for name, each in (made.matrices | made.values).items()}
        if self._is_never_read():
            found.pop(ATTENTION + "memory", None)
        found |= {
            MEMORY + name: product(memory, ops.convert_to_tensor(rows), self._precision)
            for name, rows in self._weights.items()
            if self._is_of_memory(name)
        }
        self._sentence_names = list(found)
        return list(found.values())

    def __call__(
        self, previous_ids: Tensor, state: list[Tensor], context: list[Tensor], kernel: Tensor
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """One step of B sentences.

        Args:
            previous_ids: (B, K).
            state: see `Decoder`, each (B, K, ...).
            context: see the method.
            kernel: (R, V'), see `OutputKernel`.

        Returns:
            Products with the kernel (B, K, V'), to which the bias is still to be added; the new
            state; attention weights (B, K, S).
        """
        sentences = dict(zip(self._sentence_names, context, strict=True))
        operands = _PreparedOperands(self._weights, sentences, self._precision)
        subwords = _Subwords(previous_ids, self._layers.target_embedding)
        decoder = self._layers.decoder
        readout, state, weights = decoder_step(decoder, subwords, state, operands)
        return product(readout, kernel, self._precision), state, weights

    def _is_never_read(self) -> bool:
        """Whether products with the memory stand for every context, so that none is made."""
        config, attention = self._layers.decoder.config, self._layers.decoder.attention
        feeds_context = config.input_feeding and not config.feeds_readout
        return attention.is_mean and config.readout != "both" and not feeds_context

    def _is_of_memory(self, name: str) -> bool:
        """Whether a kernel reads nothing but the context, a mean of the memory."""
        config, attention = self._layers.decoder.config, self._layers.decoder.attention
        is_context = name.endswith(OF_CONTEXT) or (
            name == "0/fed" and config.attention_reads == "before"
        )
        return is_context and attention.is_mean

    def _prepare(self) -> dict[str, Tensor]:
        decoder, embedding = self._layers.decoder, self._layers.target_embedding
        found = {}
        vectors = value_of(embedding.embeddings) * embedding.output_dim**0.5
        for name, each in decoder.matrices().items():
            if self._cache_weights and name in OF_SUBWORDS:
                found[TABLE + name] = ops.cast(ops.matmul(vectors, each), self._precision)
            else:
                found[name] = ops.cast(each, self._precision)
        return found | decoder.values()


class _PreparedOperands(Prepared):
    """See `Operands`; a matrix is rounded already."""

    def __init__(
        self, weights: dict[str, Tensor], sentences: dict[str, Tensor], precision: str
    ) -> None:
        self._weights = weights
        self._sentences = sentences
        self._precision = precision

    def times(self, name: str, left: Tensor) -> Tensor:
        if name in self._sentences:
            return ops.matmul(left, self._sentences[name])
        return product(left, self.value(name), self._precision)

    def value(self, name: str) -> Tensor:
        found = self._sentences.get(name)
        return ops.convert_to_tensor(self._weights[name]) if found is None else found

    def of_context(self, name: str, weights: Tensor) -> Tensor | None:
        memory = self._sentences.get(MEMORY + name)
        return None if memory is None else ops.matmul(weights, memory)

    def of_subwords(self, name: str, ids: Tensor) -> Tensor | None:
        table = self._weights.get(TABLE + name)
        if table is None:
            return None
        return ops.cast(gather(ops.convert_to_tensor(table), ids), "float32")


class _Subwords(Part):
    """The previous tokens by their ids."""

    def __init__(self, ids_BK: Tensor, embedding: keras.layers.Embedding) -> None:
        self._ids_BK = ids_BK
        self._embedding = embedding

    @property
    def tensor(self) -> Tensor:
        vectors = gather(value_of(self._embedding.embeddings), self._ids_BK)
        return vectors * self._embedding.output_dim**0.5

    def into(self, name: str, operands: Operands) -> Tensor:
        found = None
        if isinstance(operands, Prepared):
            found = operands.of_subwords(name, self._ids_BK)
        return operands.times(name, self.tensor) if found is None else found
