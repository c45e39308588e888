"""What rounding the weights of exported ONNX models costs, and what it saves.

    python -m benchmarks.portable.rounding DIR... --source FILE --reference FILE [--rounds 3]

Each DIR is one of `seq2seq export --format onnx`, with float32 weights, which are rounded here. The
text is translated by each kind of weights in turn, with one thread, once to warm up and then to be
timed; tokens a second are output subwords, EOS counted, over seconds of the processor, which other
work on the machine changes little.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import processor_name
from benchmarks.spread import spread
from seq2seq.data.lines import read_pairs
from seq2seq.scoring.scores import corpus_bleu
from seq2seq.serving.portable.onnx_search import OnnxSearch
from seq2seq.serving.portable.rounded_weights import rewrite
from seq2seq.translation.exported_translator import MODEL, batch_search, load_exported
from seq2seq.translation.line_translator import LineTranslator, joined

WEIGHTS = ("float32", "float16", "int8")
MEGA = 1e6


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directories", metavar="DIR", type=Path, nargs="+")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--weights", nargs="+", choices=WEIGHTS, default=WEIGHTS)
    arguments = parser.parse_args()
    pairs = list(read_pairs(arguments.source, arguments.reference))
    sources, references = ([pair[side] for pair in pairs] for side in (0, 1))
    print(f"{processor_name()}, one thread, {len(pairs)} lines, {arguments.rounds} rounds\n")
    print("| model | weights | MB | BLEU | changed lines | tokens/s |\n|---|---|---|---|---|---|")
    for directory in arguments.directories:
        _measure(directory, arguments.weights, sources, references, arguments.rounds)


def _measure(
    directory: Path,
    kinds: Sequence[str],
    sources: Sequence[str],
    references: Sequence[str],
    rounds: int,
) -> None:
    """Prints the rows of a model.

    Args:
        directory: of the model.
        kinds: of weights; lines that change are those that differ from the first's.
        sources: lines.
        references: their translations.
        rounds: of translating them by each.
    """
    exported = load_exported(directory, {"n_best": 1})
    subwords, decoding = exported.subwords, exported.decoding
    sizes, searches = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for weights in kinds:
            path = Path(folder) / f"{weights}.onnx"
            shutil.copy(directory / MODEL, path)
            if weights != "float32":
                rewrite(path, weights)
            sizes[weights] = path.stat().st_size / MEGA
            searches[weights] = batch_search(OnnxSearch(path, 1), decoding)
    texts: dict[str, list[str]] = {}
    rates: dict[str, list[float]] = {weights: [] for weights in kinds}
    for number in range(rounds + 1):  # the first warms up: ONNX Runtime plans its memory then
        for weights, search in searches.items():
            translate = LineTranslator(subwords, search, decoding.longest_source)
            started = time.process_time()
            found = [line for window in translate([sources]) for line in window]
            seconds = time.process_time() - started
            texts[weights] = [joined(line, subwords)[0].text for line in found]
            tokens = sum(len(ids) + 1 for ids in subwords.encode_all(texts[weights]))
            if number:
                rates[weights].append(tokens / seconds)
    for weights in kinds:
        before, after = texts[kinds[0]], texts[weights]
        changed = sum(one != other for one, other in zip(before, after, strict=True))
        bleu = corpus_bleu(after, references)
        print(
            f"| {directory.name} | {weights} | {sizes[weights]:.1f} | {bleu:.2f} | {changed} "
            f"| {spread(rates[weights], 0)} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
