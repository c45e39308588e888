"""How many translations change with the batch they are in, and what that costs in BLEU.

    python -m benchmarks.quality.batch_invariance RUN SOURCE REFERENCE [--beam 5]

Every line is translated in large batches of its like, in small batches, and alone. In float32
nothing should change; bfloat16 rounds products, and their order of summation depends on their
shapes.
"""

import argparse
from pathlib import Path
from typing import Any

import seq2seq
from seq2seq.scoring.scores import corpus_bleu
from seq2seq.training.corpus import read_parallel
from seq2seq.translation.quiet import load_tensorflow

VARIANTS: dict[str, dict[str, Any]] = {
    "float32": {"precision": "float32"},
    "float32, shortlist": {"precision": "float32", "shortlist": True},
    "bfloat16": {"precision": "bfloat16"},
    "bfloat16, shortlist": {"precision": "bfloat16", "shortlist": True},
}
LARGE, SMALL = 4096, 128  # source subwords a batch


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("source", metavar="SOURCE", type=Path)
    parser.add_argument("reference", metavar="REFERENCE", type=Path)
    parser.add_argument("--beam", type=int, default=5)
    arguments = parser.parse_args()
    load_tensorflow()
    sources, references = read_parallel(arguments.source, arguments.reference)
    print(f"{len(sources)} lines, beam {arguments.beam}\n")
    print("| | BLEU, large batches | small | alone | changed, small | changed, alone |")
    print("|---|---|---|---|---|---|")
    for name, settings in VARIANTS.items():
        found = translations(arguments.run, {**settings, "beam_width": arguments.beam}, sources)
        scores = [f"{corpus_bleu(each, references):.2f}" for each in found]
        changed = [
            str(sum(one != other for one, other in zip(found[0], each, strict=True)))
            for each in found[1:]
        ]
        print(f"| {name} | {' | '.join([*scores, *changed])} |", flush=True)


def translations(run: str, settings: dict, sources: list[str]) -> list[list[str]]:
    """Of every line in large batches, in small ones, and alone."""
    large = seq2seq.load(run, **settings, batch_tokens=LARGE)
    small = seq2seq.load(run, **settings, batch_tokens=SMALL)
    alone = [small.translate([line])[0] for line in sources]
    return [large.translate(sources), small.translate(sources), alone]


if __name__ == "__main__":
    main()
