"""An exported ONNX model as a translator: text in, text out, without TensorFlow and Keras.

A directory of `seq2seq export --format onnx` has all that this needs; ONNX Runtime computes.
"""

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seq2seq.config.languages import UNKNOWN, Languages, LanguageTags
from seq2seq.config.sections import DecodingConfig
from seq2seq.data.source_words import SourceWords
from seq2seq.data.subwords import EOS, Subwords
from seq2seq.decoding.forced_tokens import term_ids
from seq2seq.errors import ExportError, install_extra
from seq2seq.exported_folder import (
    AGAIN,
    MODEL,
    PREFIXES,
    SCORES,
    TERMS,
    ExportedFolder,
    model_file,
)
from seq2seq.manifest import SUBWORDS
from seq2seq.run_folder import SOURCE_WORDS
from seq2seq.translation.batch_search import BatchSearch, Translation, score_pairs
from seq2seq.translation.glossary import Glossary
from seq2seq.translation.line_translator import LineTranslator
from seq2seq.translation.prefixes import PrefixPlaces

if TYPE_CHECKING:
    from seq2seq.serving.portable.onnx_search import OnnxSearch

ATTENTION = "attention"  # the name of an output


class Workers(NamedTuple):
    """How work is shared among processors."""

    batches: int = 1  # at once
    threads: int | None = None  # of each; None: as many as the process has processors


ALL_FOR_ONE = Workers()


class ExportedTranslator:
    """A `TextEngine` on an exported model; made by `load_exported`.

    Args:
        directory: of the model.
        subwords: the vocabulary.
        decoding: how the model searches; `n_best` may be less than what it gives.
        source_words: the words of the training, if they are known.
        languages: of its source and its target.
        tags: before each source, if training had them.
        workers: how many batches are searched at once, and by how many threads each.
        further: models beside it, of `FURTHER`; each is opened when it is first needed.
    """

    def __init__(
        self,
        directory: Path,
        subwords: Subwords,
        decoding: DecodingConfig,
        source_words: SourceWords | None,
        languages: Languages = UNKNOWN,
        tags: LanguageTags | None = None,
        workers: Workers = ALL_FOR_ONE,
        further: Collection[str] = (),
    ) -> None:
        self.subwords = subwords
        self.decoding = decoding
        self.source_words = source_words
        self.languages = languages
        self.further = frozenset(further)
        self._directory = directory
        self._tags = tags
        self._workers = workers
        self._glossary: Glossary | None = None
        self._run = self._open(MODEL)
        self._opened: dict[str, OnnxSearch] = {}
        self._places = PrefixPlaces(subwords) if PREFIXES in self.further else None

    def _open(self, file: str) -> "OnnxSearch":
        try:
            from seq2seq.serving.portable.onnx_search import OnnxSearch
        except ModuleNotFoundError as error:
            raise ExportError(
                f"{self._directory} is translated by ONNX Runtime, which is not installed; install "
                f"it with: {install_extra('onnx')}"
            ) from error
        return OnnxSearch(self._directory / file, self._workers.threads)

    @property
    def gives_attention(self) -> bool:
        """Whether the model does; those of format 1 do not."""
        return ATTENTION in self._run.outputs

    def with_glossary(self, glossary: Glossary) -> "ExportedTranslator":
        """This translator with terms whose translations have to be used; see `TextTranslator`.

        Raises:
            ExportError: it was exported without `TERMS`.
        """
        self._check_has(TERMS)
        other = copy.copy(self)  # of the same models
        other._glossary = glossary
        return other

    def line_translator(
        self, keep_attention: bool = False, prefixed: bool = False, constrained: bool | None = None
    ) -> LineTranslator:
        """See `TextEngine`.

        Args:
            keep_attention: whether outputs have attention weights.
            prefixed: whether it takes prefixes.
            constrained: whether it takes terms; None: if there is a glossary.
        """
        if constrained is None:
            constrained = self._glossary is not None
        if constrained:
            self._check_has(TERMS)
        if prefixed:
            self._check_has(PREFIXES)
            if constrained:
                raise ExportError(
                    "an ONNX model takes a prefix or a glossary, not both; give one of them, or "
                    "translate with --engine tensorflow"
                )
        if keep_attention and not self.gives_attention:
            raise ExportError(
                f"{self._directory} gives no attention, which --format jsonl has; {AGAIN}, or give "
                "--format tsv or text"
            )
        places = self._places.of_texts if self._places and prefixed else None
        terms = self._terms if self._glossary else None
        search = self.batch_search(PREFIXES if prefixed else TERMS if constrained else None)
        longest = self.decoding.longest_source
        return LineTranslator(self.subwords, search, longest, places, self._tags, terms)

    def batch_search(self, kind: str | None = None) -> BatchSearch:
        """The search of encoded sentences.

        Args:
            kind: `PREFIXES` or `TERMS` for one that takes these too.
        """
        run = self._of_kind(kind) if kind else self._run
        return batch_search(run, self.decoding, self._workers.batches)

    def score(
        self, sources: Sequence[str], targets: Sequence[str], longest: int | None = None
    ) -> list[Translation]:
        """What the network gives to targets that are there already, in order.

        Args:
            sources: as many as targets.
            targets: what is scored.
            longest: subwords of either that count; all if None.

        Raises:
            ExportError: it was exported without `SCORES`.
            ValueError: not as many targets as sources.
        """
        self._check_has(SCORES)
        read = [self._tags.before(each) if self._tags else each for each in sources]
        encoded = map(self.subwords.encode_all, (read, targets))
        sides = ([[*ids[:longest], EOS] for ids in side] for side in encoded)
        pairs = list(zip(*sides, strict=True))
        scorer = _fields_of(self._of_kind(SCORES), 1)
        return score_pairs(scorer, pairs, self.decoding.batch_tokens)

    def open_further(self) -> None:
        """Opens all models now, in place of when each is first needed."""
        for kind in self.further:
            self._of_kind(kind)

    def _terms(self, text: str) -> list[list[int]]:
        targets = self._glossary.targets(text) if self._glossary else []
        return self.subwords.encode_known(targets)

    def _check_has(self, kind: str) -> None:
        if kind not in self.further:
            raise ExportError(
                f"{self._directory} was exported without {kind}; export the run with --also "
                f"{kind}, or use the run folder"
            )

    def _of_kind(self, kind: str) -> "OnnxSearch":
        if kind not in self._opened:
            self._opened[kind] = self._open(model_file(kind))
        return self._opened[kind]


def batch_search(
    run: Callable[..., Mapping[str, np.ndarray]],
    decoding: DecodingConfig,
    threads: int = 1,
) -> BatchSearch:
    """The search of encoded sentences by a portable model.

    Args:
        run: the model.
        decoding: of its outputs `n_best` are taken.
        threads: batches searched at once.
    """
    fields_of = _fields_of(run, decoding.n_best)

    def search(source_ids: np.ndarray, given: Any = None) -> Mapping[str, np.ndarray]:
        if given is None:
            return fields_of(source_ids)
        # Places of prefixes, or terms as lists.
        return fields_of(source_ids, given if isinstance(given, np.ndarray) else term_ids(given))

    return BatchSearch(search, decoding, threads)


def _fields_of(
    run: Callable[..., Mapping[str, np.ndarray]], n_best: int
) -> Callable[..., Mapping[str, np.ndarray]]:
    """A model that gives the fields of `Hypotheses`; what those of before lack is empty."""

    def fields_of(*inputs: np.ndarray) -> Mapping[str, np.ndarray]:
        fields = {name: each[:, :n_best] for name, each in run(*inputs).items()}
        shape = fields["lengths"].shape
        return {
            "token_log_probabilities": np.zeros((*shape, 0), np.float32),
            "weights": fields.get(ATTENTION, np.zeros((*shape, 0, 0), np.float32)),
            **fields,
        }

    return fields_of


def load_exported(
    directory: Path, settings: Mapping[str, Any], workers: Workers = ALL_FOR_ONE
) -> ExportedTranslator:
    """Opens a directory of `seq2seq export --format onnx`.

    Args:
        directory: of the model.
        settings: decoding settings in place of the model's, those that it does not hold.
        workers: see `ExportedTranslator`.

    Raises:
        ConfigError: a setting that does not exist or is out of range.
        ExportError: an altered file, another format, a package that is missing, or a setting that
            the model holds.
    """
    folder = ExportedFolder.open(directory)
    manifest, decoding = folder.manifest, folder.decoding(settings)
    words = None
    if SOURCE_WORDS in manifest.files:
        words = SourceWords.from_bytes((directory / SOURCE_WORDS).read_bytes())
    subwords = Subwords.load(directory / SUBWORDS)
    about = (manifest.languages, manifest.tags, workers, folder.further)
    return ExportedTranslator(directory, subwords, decoding, words, *about)
