"""Translates a text with a run of this project; prints its speed and the machine's as JSON.

    python -m benchmarks.translation_speed.own_translation RUN TEXT FOLDER --beam-width 5 \
        --variants float32

A process of its own, because TensorFlow's number of threads is fixed at its first operation. FOLDER
gets the translations, a file for each variant.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import load_on_cores, machine_rate
from seq2seq.config.sections import ModelConfig
from seq2seq.data.lines import read_lines, write_lines
from seq2seq.translation.exported_translator import Workers, load_exported
from seq2seq.translation.line_translator import WINDOW, LineTranslation, TextEngine, joined
from seq2seq.workflows.onnx_engine import keep_model


@dataclass(frozen=True)
class Variant:
    """How a run is opened."""

    precision: str  # of matrix products
    shortlist: bool = False  # of target subwords, in place of the whole vocabulary
    engine: str = "tensorflow"  # or "onnx", whose model's weights have the precision


VARIANTS = {
    "float32": Variant("float32"),
    "bfloat16": Variant("bfloat16"),
    "bfloat16+shortlist": Variant("bfloat16", True),
    "onnx": Variant("float32", engine="onnx"),
    "onnx-int8": Variant("int8", engine="onnx"),
    "onnx-int8+shortlist": Variant("int8", True, "onnx"),
}
RATED = ("float32", "bfloat16")  # precisions of which TensorFlow's rate of a product is known


@dataclass(frozen=True, kw_only=True)
class VariantSpeed:
    """A pass over the text, from text to text; tokens include EOS and exclude padding."""

    seconds: float
    processor_seconds: float  # fewer than `seconds` where other work had the CPU
    source_tokens: int
    target_tokens: int
    multiply_adds: float | None  # None with a shortlist: its size varies


@dataclass(frozen=True, kw_only=True)
class OwnTranslation:
    """What was measured in one process."""

    variants: dict[str, VariantSpeed]
    rates: dict[str, float]  # precision -> multiply-adds a second of a large matrix product

    @classmethod
    def from_json(cls, line: str) -> "OwnTranslation":
        """Reads what this module printed."""
        fields = json.loads(line)
        speeds = {name: VariantSpeed(**each) for name, each in fields.pop("variants").items()}
        return cls(variants=speeds, **fields)

    def share(self, variant: str) -> float | None:
        """Of the rate in the variant's own precision, what the search's multiply-adds make."""
        speed = self.variants[variant]
        rate = self.rates.get(VARIANTS[variant].precision)
        if speed.multiply_adds is None or rate is None:
            return None
        return speed.multiply_adds / speed.seconds / rate


@dataclass(frozen=True)
class Products:
    """Multiply-adds of a search's matrix products; gates, biases, softmax and top-k count nothing.

    One bidirectional encoder layer, one decoder layer, general attention.
    """

    source_token: int
    target_token: int  # of one hypothesis
    pair: int = 0  # of a target token of a hypothesis with a source token

    @classmethod
    def of(cls, model: ModelConfig, vocabulary_size: int) -> "Products":
        """As this project searches, over the whole vocabulary.

        Embeddings times the decoder's kernel are looked up and count nothing; attention keys, and
        memory times the readout's kernel, are made once a source token.
        """
        units, half = model.units, model.units // 2
        readout = units if model.tied_embeddings == "none" else model.embedding_size
        return cls(
            source_token=2 * (model.embedding_size + half) * 4 * half + units * (units + readout),
            target_token=4 * units * units + units * readout + readout * vocabulary_size,
            pair=units + readout,
        )

    @classmethod
    def of_peers(cls, model: ModelConfig, vocabulary_size: int) -> "Products":
        """Of a target token with input feeding and an untied output layer, as OpenNMT-py has it."""
        units = model.units
        decoder = 4 * units * (model.embedding_size + 2 * units)
        return cls(source_token=0, target_token=decoder + 3 * units**2 + units * vocabulary_size)

    def of_search(self, lengths: list[tuple[int, int]], beam_width: int) -> float:
        """Encoder once, decoder for each hypothesis, on (source, target) lengths of best outputs.

        Steps that the search makes beyond the end of the best output count nothing.
        """
        target = sum(
            output * (self.target_token + source * self.pair) for source, output in lengths
        )
        return float(sum(source for source, _ in lengths) * self.source_token + beam_width * target)


SHORTEST = 5.0  # seconds that the timed passes take together, at least


def open_engine(run: Path, beam_width: int, variant: Variant) -> TextEngine:
    """A run opened as the variant says; by ONNX Runtime with one thread."""
    settings: dict[str, Any] = {"beam_width": beam_width, "shortlist": variant.shortlist}
    if variant.engine == "onnx":
        return load_exported(keep_model(run, settings, variant.precision), {}, Workers(1, 1))
    import seq2seq

    return seq2seq.load(str(run), precision=variant.precision, **settings)


def translate(engine: TextEngine, lines: Sequence[str], single: bool) -> list[LineTranslation]:
    """All lines at once, or one call for each."""
    size = 1 if single else WINDOW
    windows = [lines[first : first + size] for first in range(0, len(lines), size)]
    calls = [[each] for each in windows] if single else [windows]
    found = (window for call in calls for window in engine.line_translator()(call))
    return [line for window in found for line in window]


def measure(arguments: argparse.Namespace) -> OwnTranslation:
    """Each variant in turn, with the machine's rates before and after."""
    from seq2seq.run_folder import RunFolder

    folder = RunFolder.open(arguments.run)
    products = Products.of(folder.config().model, folder.subwords().size)
    lines = list(read_lines(arguments.text))
    precisions = sorted({VARIANTS[name].precision for name in arguments.variants} & {*RATED})
    before = {precision: machine_rate(precision) for precision in precisions}
    speeds = {
        name: _measure_variant(name, arguments, lines, products) for name in arguments.variants
    }
    after = {precision: machine_rate(precision) for precision in precisions}
    rates = {each: statistics.mean((before[each], after[each])) for each in precisions}
    return OwnTranslation(variants=speeds, rates=rates)


def _measure_variant(
    name: str, arguments: argparse.Namespace, lines: list[str], products: Products
) -> VariantSpeed:
    """Warms up with a whole pass, times further ones, and counts what they found."""
    variant = VARIANTS[name]
    engine = open_engine(arguments.run, arguments.beam_width, variant)

    def one_pass() -> tuple[list[LineTranslation], list[str]]:
        found = translate(engine, lines, arguments.single)
        return found, [joined(each, engine.subwords)[0].text for each in found]

    found, translations = one_pass()
    write_lines(arguments.folder / f"{name}.txt", translations)
    passes, started, processor_started = 0, time.monotonic(), time.process_time()
    while passes == 0 or time.monotonic() - started < SHORTEST:
        one_pass()
        passes += 1
    seconds = (time.monotonic() - started) / passes
    processor_seconds = (time.process_time() - processor_started) / passes
    outputs = [part.outputs[0] for each in found for part in each.parts]
    lengths = [(len(best.source_ids), len(best.ids)) for best in outputs]
    whole = products.of_search(lengths, arguments.beam_width)
    return VariantSpeed(
        seconds=seconds,
        processor_seconds=processor_seconds,
        source_tokens=sum(source for source, _ in lengths),
        target_tokens=sum(target for _, target in lengths),
        multiply_adds=None if variant.shortlist else whole,
    )


def main() -> None:
    """Prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--beam-width", type=int, required=True)
    parser.add_argument("--single", action="store_true", help="one sentence at a time")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    arguments = parser.parse_args()
    load_on_cores(1)
    print(json.dumps(asdict(measure(arguments))))


if __name__ == "__main__":
    main()
