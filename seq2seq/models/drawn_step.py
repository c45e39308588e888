"""Any network's decoder step as a search runs it: as it was drawn, for those without a faster form.

Shape suffixes: B sentences, K hypotheses, S source positions, V vocabulary, R readout units.
"""

from collections.abc import Sequence

from keras import ops

from seq2seq.models.output_kernel import OutputKernel
from seq2seq.models.products import Tensor
from seq2seq.models.translator import Translator


class DrawnStep:
    """`Translator.readout_step` with the methods of `DecoderStep`, which says what each does."""

    def __init__(
        self, translator: Translator, never: Sequence[int], precision: str, held: bool = True
    ) -> None:
        self._translator = translator
        self._precision = precision
        self.vocabulary = OutputKernel(translator.output, never, precision, held)

    def refresh(self) -> None:
        """Takes the layers' weights over as they are now."""
        self.vocabulary.refresh()

    def context(self, memory: Tensor, keys: Tensor, mask: Tensor) -> list[Tensor]:
        """What each step needs of B sentences."""
        return [memory, keys, mask]

    def __call__(
        self, previous_ids: Tensor, state: list[Tensor], context: list[Tensor], kernel: Tensor
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """One step: products with the kernel (B, K, V'), the new state, weights (B, K, S)."""
        inputs = [previous_ids, *context, *state]
        readout, state, weights = self._translator.readout_step(inputs, training=False)
        logits = ops.matmul(ops.cast(readout, self._precision), kernel)
        return ops.cast(logits, "float32"), state, weights
