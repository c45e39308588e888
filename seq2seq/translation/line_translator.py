"""Lines to translations: split what is too long, encode, search, join again, and report."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from seq2seq.config.languages import LanguageTags
from seq2seq.config.sections import DecodingConfig
from seq2seq.data.output_formats import LineOutput, LineReport, PartReport
from seq2seq.data.source_words import SourceWords
from seq2seq.data.splitting import split_line
from seq2seq.data.subwords import UNKNOWN, Subwords
from seq2seq.errors import DataError
from seq2seq.scoring.quality_flags import flags
from seq2seq.translation.batch_search import BatchSearch, TermIds, Translation, output_limit

WINDOW = 2048  # lines sorted by length before they are cut into batches


@dataclass(frozen=True)
class Part:
    """What one search gave: a line is one part, unless it was split."""

    joint: str  # what stands before it in the line
    outputs: list[Translation]  # best first


@dataclass(frozen=True)
class LineTranslation:
    """The translation of a line: no part if it is blank."""

    parts: list[Part]


class _Piece(NamedTuple):
    joint: str  # what stands before it when the line is joined again
    text: str
    ids: list[int]


def joined(line: LineTranslation, subwords: Subwords) -> list[LineOutput]:
    """The translations of a line, best first; at least one, which is "" for a blank line.

    The n-th of a split line is made of the n-th outputs of its parts.
    """
    if not line.parts:
        return [LineOutput("", 0.0, 0.0)]
    found = []
    for rank in range(max(len(part.outputs) for part in line.parts)):
        chosen = [part.outputs[min(rank, len(part.outputs) - 1)] for part in line.parts]
        texts = [
            part.joint + subwords.decode(output.ids)
            for part, output in zip(line.parts, chosen, strict=True)
        ]
        score = sum(output.score for output in chosen) / len(chosen)
        total = sum(output.log_probability for output in chosen)
        found.append(LineOutput("".join(texts), score, total))
    return found


def source_text(line: LineTranslation, subwords: Subwords) -> str:
    """The text that was translated, as the network read it."""
    return "".join(part.joint + subwords.decode(part.outputs[0].source_ids) for part in line.parts)


def unknown_symbols(line: LineTranslation) -> int:
    """Source subwords that the vocabulary, which has no bytes, lacks."""
    return sum(part.outputs[0].source_ids.count(UNKNOWN) for part in line.parts)


def report(
    number: int, line: LineTranslation, subwords: Subwords, config: DecodingConfig, details: bool
) -> LineReport:
    """What `seq2seq translate` writes of a line beside its text.

    Args:
        number: of the line, from 1.
        line: its translation.
        subwords: the vocabulary.
        config: how it was searched.
        details: tokens, attention and quality flags of its parts too, as JSON has them.
    """
    outputs = joined(line, subwords)
    if not details:
        return LineReport(number, outputs)
    best = [part.outputs[0] for part in line.parts]
    found = [flag for output in best for flag in _flags(output, subwords, config)]
    return LineReport(
        number, outputs, parts=[_part(output, subwords) for output in best], flags=found
    )


class LineTranslator:
    """Translates windows of lines.

    Args:
        subwords: the vocabulary.
        search: of encoded sentences.
        longest: subwords; a longer line is split at sentence ends.
        prefixes: the places (B, P, 3) of texts, for a search that takes them: see `PrefixPlaces`.
        tags: what each piece begins with, if the network reads tags.
        terms: what the translation of a piece contains, for a search that takes terms.
    """

    def __init__(
        self,
        subwords: Subwords,
        search: BatchSearch,
        longest: int,
        prefixes: Callable[[Sequence[str]], np.ndarray] | None = None,
        tags: LanguageTags | None = None,
        terms: Callable[[str], TermIds] | None = None,
    ) -> None:
        self._subwords = subwords
        self._search = search
        self._longest = longest
        self._prefixes = prefixes
        self._tags = tags
        self._terms = terms
        self.split_lines = 0  # so far

    def __call__(
        self,
        windows: Iterable[Sequence[str]],
        first_line: int = 0,
        prefixes: Iterator[str] | None = None,
        wanted: Iterator[TermIds] | None = None,
    ) -> Iterator[list[LineTranslation]]:
        """Translations of the lines of each window, in order.

        Args:
            windows: lines that are held, and sorted by length, together.
            first_line: the number of the first line; sampling depends on it.
            prefixes: what the translation of each line begins with, that of its first part if it
                is split; to be given if the search takes them. A blank line stays blank.
            wanted: likewise what it contains, in place of a glossary's terms.

        Raises:
            DataError: a prefix is longer than the translation may be, or there is none for a line.
        """
        for lines in windows:
            pieces = self._pieces(lines)
            self.split_lines += sum(len(each) > 1 for each in pieces)
            numbers = [
                (first_line + line, part)
                for line, each in enumerate(pieces)
                for part in range(len(each))
            ]
            sources = [piece.ids for each in pieces for piece in each]
            terms = None
            if self._terms:
                terms = [self._terms(piece.text) for each in pieces for piece in each]
            elif wanted:
                own = zip(itertools.islice(wanted, len(pieces)), pieces, strict=True)
                terms = [ids if part == 0 else [] for ids, each in own for part in range(len(each))]
            forced = self._forced(prefixes, pieces, first_line) if prefixes else None
            outputs = iter(self._search(sources, numbers, forced, terms))
            yield [
                LineTranslation(
                    [Part(piece.joint, found) for piece in each if (found := next(outputs))]
                )
                for each in pieces
            ]
            first_line += len(lines)

    def _forced(
        self, prefixes: Iterator[str], pieces: Sequence[Sequence[Any]], first_line: int
    ) -> np.ndarray | None:
        """Places of each piece: the first has its line's prefix, the others are free."""
        if self._prefixes is None:
            return None
        some = list(itertools.islice(prefixes, len(pieces)))
        if len(some) < len(pieces):
            raise DataError(
                f"there is no prefix for line {first_line + len(some) + 1}; give one a line, an "
                "empty one where nothing is to be forced"
            )
        some = [
            prefix if part == 0 else ""
            for prefix, each in zip(some, pieces, strict=True)
            for part in range(len(each))
        ]
        return self._prefixes(some)

    def _pieces(self, lines: Sequence[str]) -> list[list["_Piece"]]:
        """Each line's pieces."""
        pieces = []
        marked = [self._tags.before(line) for line in lines] if self._tags else lines
        for line, ids in zip(lines, self._subwords.encode_all(marked), strict=True):
            if len(ids) <= self._longest:
                pieces.append([_Piece("", line, ids)])
                continue
            tag, text = self._tags.part(line) if self._tags else ("", line)
            parts = split_line(text, self._longest - len(self._subwords.encode(tag)), self._count)
            encoded = self._subwords.encode_all([tag + part.text for part in parts])
            pieces.append(
                [
                    _Piece(part.joint, part.text, ids)
                    for part, ids in zip(parts, encoded, strict=True)
                ]
            )
        return pieces

    def _count(self, texts: list[str]) -> list[int]:
        return [len(ids) for ids in self._subwords.encode_all(texts)]


class LineReporter(Protocol):
    """Hears how far a translation is."""

    def started(self, lines_done: int) -> None:
        """Before the first line; `lines_done` were translated before."""

    def advanced(self, lines: int) -> None:
        """After so many more lines."""


class TextEngine(Protocol):
    """What translates the lines of a file, by whichever runtime."""

    @property
    def subwords(self) -> Subwords:
        """The vocabulary."""

    @property
    def decoding(self) -> DecodingConfig:
        """How it searches."""

    @property
    def source_words(self) -> SourceWords | None:
        """The words of the training; None if they are not known."""

    def line_translator(
        self, keep_attention: bool = False, prefixed: bool = False
    ) -> LineTranslator:
        """A translator of windows of lines.

        Args:
            keep_attention: whether outputs have attention weights and their subwords probabilities.
            prefixed: whether it takes prefixes.

        Raises:
            Seq2SeqError: it cannot give what is asked for.
        """


def _part(output: Translation, subwords: Subwords) -> PartReport:
    return PartReport(
        source_tokens=subwords.pieces(output.source_ids),
        tokens=subwords.pieces(output.ids),
        token_log_probabilities=output.token_log_probabilities.tolist(),
        attention=output.attention.tolist(),
    )


def _flags(
    output: Translation, subwords: Subwords, config: DecodingConfig
) -> list[tuple[str, str]]:
    found = flags(
        subwords.pieces(output.source_ids),
        subwords.pieces(output.ids),
        output.attention,
        ended=len(output.ids) < output_limit(len(output.source_ids), config),
    )
    return [(flag.kind, flag.detail) for flag in found]
