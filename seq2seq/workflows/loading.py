"""Open a run folder as a translator: text in, text out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from seq2seq.config.sections import DecodingConfig
from seq2seq.data.subwords import Subwords
from seq2seq.errors import RunError
from seq2seq.models.translator import Translator
from seq2seq.workflows.assembly import make_search, network
from seq2seq.workflows.batch_translation import BatchTranslator
from seq2seq.workflows.run_folder import RunFolder, manifest_text


@dataclass(frozen=True)
class Alignment:
    """A translation and where the decoder looked for each of its subwords."""

    translation: str
    source_subwords: list[str]  # EOS at the end
    target_subwords: list[str]  # EOS at the end
    weights: (
        np.ndarray
    )  # (target subwords, source subwords); rows sum to 1, or are 0 without attention


class TextTranslator:
    """A trained translator; made by `seq2seq.load`.

    Args:
        subwords: the run's vocabulary.
        network: with trained weights.
        decoding: how to search.
    """

    def __init__(self, subwords: Subwords, network: Translator, decoding: DecodingConfig) -> None:
        self.subwords = subwords
        self.network = network
        self.decoding = decoding
        search = make_search(network, decoding)
        self._texts = BatchTranslator(subwords, search, decoding.batch_tokens)

    def translate(self, texts: Sequence[str]) -> list[str]:
        """A translation for each text, in order; a blank text gives "".

        Raises:
            TypeError: `texts` is a single string.
        """
        if isinstance(texts, str):
            raise TypeError(
                "translate takes a list of texts, e.g. translate([text]); got one string"
            )
        return list(self._texts.translate(texts))

    def translate_lines(self, lines: Iterable[str]) -> Iterator[str]:
        """A translation for each line of a stream, of which no more than a window is held."""
        return self._texts.translate(lines)

    def align(self, text: str) -> Alignment:
        """The best translation of one text with its attention weights.

        Raises:
            ValueError: the text has no words.
        """
        search = make_search(self.network, self.decoding, keep_attention=True)
        hypotheses = BatchTranslator(self.subwords, search, self.decoding.batch_tokens).search(
            [text]
        )[0]
        if not hypotheses:
            raise ValueError("there is nothing to translate in a blank text")
        best = hypotheses[0]
        return Alignment(
            translation=self.subwords.decode(best.ids),
            source_subwords=self.subwords.pieces(best.source_ids),
            target_subwords=self.subwords.pieces(best.ids),
            weights=best.attention,
        )


def load_translator(run: Path, beam_width: int | None = None) -> TextTranslator:
    """Opens a run folder with its best weights.

    Args:
        run: the folder.
        beam_width: in place of the run's decoding.beam_width.

    Raises:
        RunError: no run, an altered file, or no weights yet.
    """
    run = Path(run)
    before = manifest_text(run)
    try:
        return _load(run, beam_width)
    except (RunError, OSError):
        if manifest_text(run) == before:
            raise
        return _load(run, beam_width)  # a training saved in between, and took old weights away


def _load(run: Path, beam_width: int | None) -> TextTranslator:
    folder = RunFolder.open(run)
    weights = folder.weights("best")
    if not weights:
        raise RunError(f"{run} has no trained weights yet; run `seq2seq train` again to go on")
    config, subwords = folder.config(), folder.subwords()
    translator = network(config, subwords.size)
    translator.training.load_weights(weights)
    decoding = (
        config.decoding if beam_width is None else replace(config.decoding, beam_width=beam_width)
    )
    return TextTranslator(subwords, translator, decoding)
