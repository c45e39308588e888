"""Operations that a stock tensorflow/serving executes beside those of TensorFlow's C library.

The server links the operations of tensorflow-text (its `SUPPORTED_TENSORFLOW_OPS`); the wheel has
them in one shared library each. Listed are those that prepare or assemble text for a translator;
FastSentencepieceTokenizer is left out for good: on BPE models it is wrong without a word.
"""

import importlib.util
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seq2seq.errors import ExportError

TEXT_LIBRARIES = {
    "_sentencepiece_tokenizer.so": (
        "SentencepieceOp",
        "SentencepieceTokenizeOp",
        "SentencepieceTokenizeWithOffsetsOp",
        "SentencepieceDetokenizeOp",
        "SentencepieceVocabSizeOp",
        "SentencepieceIdToStringOp",
        "SentencepieceStringToIdOp",
    ),
    "_normalize_ops.so": (
        "CaseFoldUTF8",
        "NormalizeUTF8",
        "NormalizeUTF8WithOffsetsMap",
        "FindSourceOffsets",
    ),
    "_regex_split_ops.so": ("RegexSplitWithOffsets",),
    "_unicode_script_tokenizer.so": ("UnicodeScriptTokenizeWithOffsets",),
    "_whitespace_tokenizer.so": ("WhitespaceTokenizeWithOffsets",),
    "_whitespace_tokenizer_v2.so": ("TFText>WhitespaceTokenizeWithOffsetsV2",),
    "_wordpiece_tokenizer.so": ("WordpieceTokenizeWithOffsets",),
}
TEXT_OPS = {op: library for library, ops in TEXT_LIBRARIES.items() for op in ops}

REFUSED = {  # whatever library has them
    re.compile(r"(Eager)?PyFunc.*"): "it needs Python; write it in TensorFlow operations",
    re.compile(r"Cudnn.*"): "it needs a GPU; set use_cudnn=False on the layers before tracing",
    re.compile(r"_?Xla.*"): "the server has XLA disabled; trace without jit_compile",
    re.compile(r"_?TPU.*"): "it needs a TPU; trace the model on a CPU",
}


@dataclass(frozen=True)
class Operations:
    """Operations of TensorFlow's C library, without Python, and those of them with a CPU kernel."""

    registered: frozenset[str]
    on_cpu: frozenset[str]


def why_refused(op: str) -> str | None:
    """The reason and the remedy, for an operation that is refused by its name."""
    for pattern, reason in REFUSED.items():
        if pattern.fullmatch(op):
            return reason
    return None


def text_libraries(ops: Iterable[str]) -> list[Path]:
    """Shared libraries of the tensorflow-text operations among `ops`.

    Raises:
        ExportError: there are some, and tensorflow-text is not installed.
    """
    names = sorted({TEXT_OPS[op] for op in ops if op in TEXT_OPS})
    if not names:
        return []
    package = importlib.util.find_spec(
        "tensorflow_text"
    )  # found, not imported: that would load all
    if package is None or package.origin is None:
        raise ExportError(
            "the model uses tensorflow-text operations; install it: pip install tensorflow-text"
        )
    return [Path(package.origin).parent / "python" / "ops" / name for name in names]
