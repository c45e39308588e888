"""Subwords: one SentencePiece model for both languages, its training and its use.

With byte fallback, which only closed sets of words or characters go without, any text can be
encoded and decoded again, up to normalisation; the normaliser is part of the model file. Under
`identity` only SentencePiece's own space, U+2581, comes back as another character, a space; spaces
at the ends go, and a text of white space alone is blank.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import sentencepiece
from sentencepiece.sentencepiece_model_pb2 import ModelProto

from seq2seq.config.mistakes import printable
from seq2seq.config.sections import SubwordConfig
from seq2seq.errors import ConfigError, DataError

PAD, UNKNOWN, BOS, EOS = 0, 1, 2, 3
FIRST_BYTE = 4  # id of the byte piece 0; the others follow
LINE_BREAKS = tuple(FIRST_BYTE + byte for byte in b"\0\n\r")
WORD_START = (
    "\u2581"  # SentencePiece's visible space; comes back as bytes where a whole word was unknown
)
# A text of nothing else is blank and has no subwords, whatever a normaliser makes of it: U+0085
# would become three bytes. What `str.isspace` calls space, as a pattern for Python and for RE2.
WHITE_SPACE = "[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
# Characters; longer lines are cut at spaces, which subwords never cross, since SentencePiece's time
# grows with the square of a line.
LONGEST_TRAINING_LINE = 500
TRAINING_PIECE = re.compile(
    rf"\S(?:.{{0,{LONGEST_TRAINING_LINE - 2}}}\S)?(?!\S)|\S{{{LONGEST_TRAINING_LINE}}}", re.DOTALL
)
MOST_TRAINING_LINES = 2_000_000  # sampled from a larger corpus, which bounds memory


class VocabularySizeError(ConfigError):
    """A vocabulary that is too large or too small for its corpus; `nearest` would do."""

    def __init__(self, message: str, nearest: int) -> None:
        super().__init__(message)
        self.nearest = nearest


@dataclass(frozen=True)
class SpecialIds:
    """Ids that every vocabulary starts with."""

    pad: int = PAD
    unknown: int = UNKNOWN
    bos: int = BOS
    eos: int = EOS


@dataclass(frozen=True)
class Piece:
    """A subword that stands for text."""

    id: int
    score: float  # of BPE: the higher, the earlier it is merged
    whole: bool  # one of `subwords.symbols`, which nothing is merged with


class Subwords:
    """A vocabulary that turns text into ids and back, outside the graph.

    Args:
        model: contents of a SentencePiece .model file.

    Attributes:
        size: subwords in all.
        first_text: id of the first piece that stands for text; special ones and bytes come before.
        unwritten: ids that no output has: special ones, and bytes that break a line.
    """

    def __init__(self, model: bytes) -> None:
        self.model = model
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        self.size = int(self._processor.get_piece_size())
        has_bytes = self.size > FIRST_BYTE and self._processor.is_byte(FIRST_BYTE)
        self.first_text = FIRST_BYTE + 256 if has_bytes else FIRST_BYTE
        self.unwritten = (PAD, UNKNOWN, BOS, *(LINE_BREAKS if has_bytes else ()))

    @classmethod
    def load(cls, path: Path) -> "Subwords":
        """The vocabulary in a .model file."""
        return cls(path.read_bytes())

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without BOS and EOS; none of white space alone."""
        return self.encode_all([text])[0]

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, as `encode` gives them."""
        return self._processor.encode(["" if text.isspace() else _scalars(text) for text in texts])

    def encode_known(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of texts that an output is to have.

        Raises:
            DataError: a text has what no output has: a symbol that the vocabulary, which has no
                bytes, lacks, or one that breaks a line.
        """
        encoded = self.encode_all(texts)
        for text, ids in zip(texts, encoded, strict=True):
            if not set(self.unwritten).isdisjoint(ids):
                raise DataError(
                    f"{printable(text)} has a symbol that the run's vocabulary lacks, or one that "
                    "breaks a line; it is never written"
                )
        return encoded

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ids; PAD, BOS and EOS are left out, broken byte sequences become U+FFFD."""
        text = self._processor.decode([int(i) for i in ids])
        return text.replace(WORD_START, " ").strip(" ")

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """The written form of each id, e.g. "▁dog"."""
        return [self._processor.id_to_piece(int(i)) for i in ids]

    def written_pieces(self) -> dict[str, Piece]:
        """The pieces that stand for text, by their written form: all but special ones and bytes."""
        kinds = ModelProto.SentencePiece
        return {
            piece.piece: Piece(number, piece.score, piece.type == kinds.USER_DEFINED)
            for number, piece in enumerate(ModelProto.FromString(self.model).pieces)
            if piece.type in (kinds.NORMAL, kinds.USER_DEFINED)
        }

    def inside_text(self) -> "Subwords":
        """The vocabulary for parts of a text: only a space begins a word, and none is dropped."""
        changed = ModelProto.FromString(self.model)
        changed.normalizer_spec.add_dummy_prefix = False
        changed.normalizer_spec.remove_extra_whitespaces = False
        return Subwords(changed.SerializeToString())

    def normalize(self, text: str) -> str:
        """The text that is segmented, as `subwords.normalization` says."""
        return self._processor.normalize(text)

    def segmentations(self, text: str, most: int) -> list[tuple[list[int], float]]:
        """The `most` likeliest segmentations of a text, best first, with their log-probabilities.

        Only models of the unigram kind have more than one.
        """
        found = self._processor.nbest_encode(text, nbest_size=most, return_type="proto")
        return [([piece.id for piece in each.pieces], each.score) for each in found.nbests]


def normalizer(rule: str) -> Callable[[str], str]:
    """What `Subwords.normalize` will do to text by that `subwords.normalization`."""
    return sentencepiece.SentencePieceNormalizer(rule_name=rule).normalize


def train_subwords(lines: Iterable[str], config: SubwordConfig) -> Subwords:
    """The vocabulary learned from the lines of both languages.

    Raises:
        ConfigError: the corpus does not allow `vocabulary_size`.
        DataError: there is no text.
    """
    model, failures = io.BytesIO(), []
    only_words = config.kind == "word" and not config.byte_fallback  # a second space is none

    def readable() -> Iterator[str]:
        try:
            yield from _with_text(lines)
        except BaseException as failure:  # SentencePiece would make a text of it
            failures.append(failure)
            raise

    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=readable(),
            model_writer=model,
            model_type="char" if config.kind == "character" else config.kind,
            vocab_size=config.vocabulary_size,
            hard_vocab_limit=config.kind
            in ("unigram", "bpe"),  # words and characters: as many as there are
            byte_fallback=config.byte_fallback,
            # The rarest characters are left to the bytes, if there are any.
            character_coverage=0.9999 if config.byte_fallback else 1.0,
            normalization_rule_name=config.normalization,
            remove_extra_whitespaces=config.normalization != "identity" or only_words,
            user_defined_symbols=list(config.symbols),
            pad_id=PAD,
            unk_id=UNKNOWN,
            bos_id=BOS,
            eos_id=EOS,
            input_sentence_size=MOST_TRAINING_LINES,
            shuffle_input_sentence=True,
            max_sentence_length=4 * LONGEST_TRAINING_LINE,  # bytes
            minloglevel=2,
        )
    except RuntimeError as error:
        if failures:
            raise failures[0] from None
        raise _explained(str(error), config) from None
    moved = config.symbols and config.byte_fallback
    return Subwords(_bytes_first(model.getvalue()) if moved else model.getvalue())


def _bytes_first(model: bytes) -> bytes:
    """The model with its byte pieces right after the special ones, where SentencePiece has symbols.

    Ids of bytes are then the same in every vocabulary.
    """
    changed = ModelProto.FromString(model)
    symbol = ModelProto.SentencePiece.USER_DEFINED
    specials, others = changed.pieces[:FIRST_BYTE], changed.pieces[FIRST_BYTE:]
    symbols = [piece for piece in others if piece.type == symbol]
    rest = [piece for piece in others if piece.type != symbol]
    ordered = [*specials, *rest[:256], *symbols, *rest[256:]]
    del changed.pieces[:]
    changed.pieces.extend(ordered)
    return changed.SerializeToString()


def _scalars(text: str) -> str:
    """A text as UTF-8 can hold it: half a surrogate pair, as JSON may have it, becomes U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _with_text(lines: Iterable[str]) -> Iterator[str]:
    """Lines that hold something, in pieces that are short enough to train on.

    SentencePiece's trainer reads a NUL as the end of the line.
    """
    empty = True
    for line in lines:
        line = line.replace("\0", " ").strip()
        if not line:
            continue
        empty = False
        if len(line) <= LONGEST_TRAINING_LINE:
            yield line
        else:
            yield from (piece[0] for piece in TRAINING_PIECE.finditer(line))
    if empty:
        raise DataError("the training files hold no text; give files with a sentence a line")


def _explained(message: str, config: SubwordConfig) -> ConfigError:
    """SentencePiece's complaint in terms of the setting."""
    size = config.vocabulary_size
    if highest := re.search(r"value <= (\d+)", message):
        return VocabularySizeError(
            f"subwords.vocabulary_size: {size} is more than this corpus allows; "
            f"set it to {highest[1]} or less",
            int(highest[1]),
        )
    if lowest := re.search(r"required_chars\. \d+ vs (\d+)", message):
        return VocabularySizeError(
            f"subwords.vocabulary_size: {size} is too small for this corpus's characters; "
            f"set it to more than {lowest[1]}",
            int(lowest[1]) + 1,
        )
    reason = " ".join(message.split())
    return ConfigError(
        f"subwords: SentencePiece cannot train with vocabulary_size {size}: {reason}"
    )
