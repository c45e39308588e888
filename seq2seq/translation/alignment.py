"""Where the decoder looked while it wrote a translation, subword by subword."""

from dataclasses import dataclass

import numpy as np

from seq2seq.data.subwords import Subwords
from seq2seq.translation.batch_search import Translation


@dataclass(frozen=True)
class Alignment:
    """A translation and where the decoder looked for each of its subwords."""

    translation: str
    source_subwords: list[str]  # EOS at the end
    target_subwords: list[str]  # EOS at the end
    weights: np.ndarray  # (target subwords, source subwords); rows sum to 1, or are 0

    @classmethod
    def of(cls, found: Translation, subwords: Subwords) -> "Alignment":
        """That of an output of a search that kept attention.

        Args:
            found: the output.
            subwords: the vocabulary.
        """
        return cls(
            translation=subwords.decode(found.ids),
            source_subwords=subwords.pieces(found.source_ids),
            target_subwords=subwords.pieces(found.ids),
            weights=found.attention,
        )
