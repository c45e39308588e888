"""An exported ONNX model as the server runs it, with the signatures of a SavedModel.

Neither TensorFlow nor Keras is imported. A long text is cut as `seq2seq translate` cuts a line.
What takes more than a text needs models that were exported for it: without, there is neither
`translate_terms` nor `score`, and of `translate_prefix` only what has no prefix.

Shape suffixes: B texts, K outputs, T target and S source positions.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from seq2seq.config.text_limits import (
    LONGEST_SCORED,
    LONGEST_TERMS,
    LONGEST_TEXT,
    MOST_BYTES,
    SEPARATOR,
)
from seq2seq.data.subwords import Subwords
from seq2seq.errors import DataError
from seq2seq.exported_folder import PREFIXES, SCORES, TERMS
from seq2seq.serving.saved_model.tensors import (
    DEFAULT_SIGNATURE,
    STRING,
    Arrays,
    Signature,
    TensorSpec,
    as_array,
)
from seq2seq.serving.server.errors import Code, RequestError
from seq2seq.serving.server.row_blocks import join_rows
from seq2seq.translation.batch_search import TermIds, Translation
from seq2seq.translation.exported_translator import (
    ExportedTranslator,
    Workers,
    load_exported,
)
from seq2seq.translation.line_translator import LineTranslation, joined

TEXT, NUMBER, COUNT = (TensorSpec(dtype, (None,)) for dtype in (STRING, "float32", "int32"))
NOTHING = Translation([], 0.0, 0.0, np.zeros(0, np.float32), [], np.zeros((0, 0), np.float32))
Types = Mapping[str, TensorSpec]
Given = TypeVar("Given")  # a prefix, or terms
Row = Mapping[str, Any]  # what a signature gives for one text, by name


def load_served_export(directory: Path, threads: int | None = None) -> "ServedExport":
    """A directory of `seq2seq export --format onnx`, after one request is answered.

    Args:
        directory: of the model.
        threads: of a run; as many as the process has processors if None.

    Raises:
        ExportError: see `load_exported`.
    """
    model = ServedExport(load_exported(directory, {}, Workers(1, threads)))
    model.predict(DEFAULT_SIGNATURE, {"text": as_array(["a"], STRING)})
    return model


class ServedExport:
    """A `ServedModel` on an exported translator.

    What each signature gives is told by the functions of `seq2seq.serving.saved_model.signatures`.

    Attributes:
        languages: of its source and its target.
        signatures: without those that need attention, if the model gives none.
    """

    def __init__(self, translator: ExportedTranslator) -> None:
        self._translator = translator
        self.languages = translator.languages
        self.signatures = {
            name: Signature(name, {"text": TEXT}, outputs)
            for name, outputs in _output_types(translator.decoding.n_best).items()
            if translator.gives_attention or name not in ATTENDED
        }
        for name, (further, kind) in TAKING_MORE.items():
            if kind not in translator.further and name != LED:
                self.signatures.pop(name, None)
            elif own := self.signatures.get(name):
                inputs = {further: TEXT, "text": TEXT}
                self.signatures[name] = Signature(name, dict(sorted(inputs.items())), own.outputs)

    def prepare(self) -> None:
        """Opens the models that take more than text."""
        self._translator.open_further()

    def predict(self, signature: str, inputs: Arrays) -> Arrays:
        """Runs one signature.

        Raises:
            RequestError: there is a prefix, for which the model has not been exported.
        """
        subwords, count = self._translator.subwords, self._translator.decoding.n_best
        texts = [_readable(text, subwords) for text in inputs["text"]]
        if signature == SCORED:
            return self._scores(texts, inputs["reference"])
        found = self._lines(signature, texts, inputs)
        types = self.signatures[signature].outputs
        rows = [_as_arrays(ROWS[signature](line, subwords, count), types) for line in found]
        return {name: values[:-1] for name, values in join_rows(rows).items()}

    def _lines(self, signature: str, texts: list[str], inputs: Arrays) -> list[LineTranslation]:
        """Of the texts and of one more, so that outputs of no texts have shapes too."""
        attended = signature in ATTENDED
        prefixes = [_readable(each, self._translator.subwords) for each in inputs.get("prefix", ())]
        if any(each.strip() for each in prefixes):
            if PREFIXES not in self._translator.further:
                raise RequestError(
                    Code.UNIMPLEMENTED,
                    "this ONNX model cannot begin a translation as told; leave the prefix out, or "
                    "export it with --also prefixes",
                )
            translate = self._translator.line_translator(attended, prefixed=True)

            def led(some: list[str], given: list[str]) -> list[LineTranslation]:
                return next(translate([some], prefixes=iter(given)))

            return _that_fit(led, [*texts, ""], [*prefixes, ""])
        if signature == WITH_TERMS:
            terms = [self._term_ids(each) for each in inputs["terms"]]
            texts = ["" if ids is None else text for text, ids in zip(texts, terms, strict=True)]
            constrained = self._translator.line_translator(constrained=True)

            def having(some: list[str], given: list[TermIds]) -> list[LineTranslation]:
                return next(constrained([some], wanted=iter(given)))

            return _that_fit(having, [*texts, ""], [*(ids or [] for ids in terms), []])
        return next(self._translator.line_translator(attended)([[*texts, ""]]))

    def _term_ids(self, terms: bytes) -> TermIds | None:
        """Of a list of terms; None if no output can have them."""
        read = terms[:MOST_BYTES].decode(errors="replace").split(SEPARATOR)
        some = [each for each in read if each.strip()]
        try:
            ids = self._translator.subwords.encode_known(some[: LONGEST_TERMS + 1])
        except DataError:  # a symbol that the vocabulary lacks
            return None
        return None if sum(map(len, ids)) > LONGEST_TERMS or len(some) > LONGEST_TERMS else ids

    def _scores(self, texts: list[str], references: np.ndarray) -> Arrays:
        subwords, longest = self._translator.subwords, self._translator.decoding.longest_source
        targets = [_readable(each, subwords) for each in references]
        found = self._translator.score(texts, targets, max(LONGEST_SCORED, longest))
        return {
            "score": np.array([each.score for each in found], np.float32),
            "log_probability": np.array([each.log_probability for each in found], np.float32),
            "length": np.array([len(each.ids) for each in found], np.int32),
        }


def _that_fit(
    translate: Callable[[list[str], list[Given]], list[LineTranslation]],
    texts: list[str],
    given: list[Given],
) -> list[LineTranslation]:
    """Translations of all texts; nothing of one that has no room for what is given."""
    try:
        return translate(texts, given)
    except DataError:
        if len(texts) == 1:
            return [LineTranslation([])]
    each = zip(texts, given, strict=True)
    return [line for text, own in each for line in _that_fit(translate, [text], [own])]


def _output_types(count: int) -> dict[str, Types]:
    """The outputs of each signature, of K = `count` outputs a text."""

    def of(dtype: str, *further: int | None) -> TensorSpec:
        return TensorSpec(dtype, (None, *further))

    ranked = {
        "translations": of(STRING, count),
        "scores": of("float32", count),
        "log_probabilities": of("float32", count),
    }
    source = {"source_tokens": of(STRING, None), "source_length": COUNT}
    return {
        DEFAULT_SIGNATURE: {"translation": TEXT},
        "translate": {"translation": TEXT, "score": NUMBER},
        "translate_nbest": ranked,
        WITH_TERMS: ranked,
        SCORED: {"score": NUMBER, "log_probability": NUMBER, "length": COUNT},
        "align": {
            **source,
            "translation": TEXT,
            "score": NUMBER,
            "tokens": of(STRING, None),
            "length": COUNT,
            "alignment": of("float32", None, None),
            "token_log_probabilities": of("float32", None),
        },
        LED: {
            **ranked,
            **source,
            "length_nbest": of("int32", count),
            "tokens_nbest": of(STRING, count, None),
            "token_log_probabilities_nbest": of("float32", count, None),
            "alignment_nbest": of("float32", count, None, None),
        },
    }


def _translation(line: LineTranslation, subwords: Subwords, count: int) -> Row:
    return {"translation": joined(line, subwords)[0].text}


def _scored(line: LineTranslation, subwords: Subwords, count: int) -> Row:
    best = joined(line, subwords)[0]
    return {"translation": best.text, "score": best.score}


def _translations(line: LineTranslation, subwords: Subwords, count: int) -> Row:
    outputs = joined(line, subwords)
    outputs += outputs[-1:] * (count - len(outputs))
    return {
        "translations": [each.text for each in outputs],
        "scores": [each.score for each in outputs],
        "log_probabilities": [each.log_probability for each in outputs],
    }


def _alignment(line: LineTranslation, subwords: Subwords, count: int) -> Row:
    best = line.parts[0].outputs[0] if line.parts else NOTHING
    return {
        "source_tokens": subwords.pieces(best.source_ids),
        "source_length": len(best.source_ids),
        "translation": subwords.decode(best.ids),
        "score": best.score,
        "tokens": subwords.pieces(best.ids),
        "length": len(best.ids),
        "alignment": best.attention,
        "token_log_probabilities": best.token_log_probabilities,
    }


def _continuation(line: LineTranslation, subwords: Subwords, count: int) -> Row:
    found = line.parts[0].outputs if line.parts else []
    outputs = [*found, *[NOTHING] * (count - len(found))]
    return {
        "translations": [subwords.decode(each.ids) for each in outputs],
        "scores": [each.score for each in outputs],
        "log_probabilities": [each.log_probability for each in outputs],
        "length_nbest": [len(each.ids) for each in outputs],
        "source_tokens": subwords.pieces(outputs[0].source_ids),
        "source_length": len(outputs[0].source_ids),
        "tokens_nbest": _stacked([subwords.pieces(each.ids) for each in outputs], STRING),
        "token_log_probabilities_nbest": _stacked(
            [each.token_log_probabilities for each in outputs], "float32"
        ),
        "alignment_nbest": _stacked([each.attention for each in outputs], "float32"),
    }


LED, WITH_TERMS, SCORED = "translate_prefix", "translate_terms", "score"
# Signatures of two inputs: the second, and which model answers.
TAKING_MORE = {
    LED: ("prefix", PREFIXES),
    WITH_TERMS: ("terms", TERMS),
    SCORED: ("reference", SCORES),
}
ATTENDED = ("align", LED)
ROWS: Mapping[str, Callable[[LineTranslation, Subwords, int], Row]] = {
    DEFAULT_SIGNATURE: _translation,
    "translate": _scored,
    "translate_nbest": _translations,
    "align": _alignment,
    LED: _continuation,
    WITH_TERMS: _translations,
}


def _readable(text: bytes, subwords: Subwords) -> str:
    """A text of a client: what is not UTF-8 replaced, and no more of it than is translated."""
    read = text[:MOST_BYTES].decode(errors="replace")
    if len(text) > LONGEST_TEXT:  # a subword has a byte at least
        ids = subwords.encode(read)
        if len(ids) > LONGEST_TEXT:
            return subwords.decode(ids[:LONGEST_TEXT])
    return read


def _stacked(values: Sequence[Any], dtype: str) -> np.ndarray:
    """Values of different sizes as one array, padded as `join_rows` pads."""
    return join_rows([{"": as_array(each, dtype)[None]} for each in values])[""]


def _as_arrays(row: Row, types: Types) -> Arrays:
    """A row as arrays with one row."""
    return {name: as_array(row[name], spec.dtype)[None] for name, spec in types.items()}
