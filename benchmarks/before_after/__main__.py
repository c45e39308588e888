"""Another checkout of this project and this one, side by side on one core: what a change is worth.

    python -m benchmarks.before_after OTHER_CHECKOUT [--configs configs/multi30k_7m.yaml ...]

For each settings file, by default those of the networks in docs/architectures.md: target tokens a
second in training, and greedy and beam-5 sentences a second, from text to text, in float32 and
bfloat16. The checkouts take turns (other, this, other, this ...), each in a process of its own with
one thread; printed are medians, ranges over the rounds, and the ratio this / other. Both have to be
able to open the runs that translate, so the other one trains them, briefly; they are kept in --runs
for the next time, unless the text or that checkout is another then. Such networks translate badly:
their speeds compare checkouts, not networks.

Training is timed between its first validation and its second, so that tracing counts nothing; one
save of the run is part of it. Where other work shares the core, the ratio of rates a second of
processor time is the one to trust. The last column says whether both computed the same.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks.before_after.speeds import Checkout, Speed, markdown
from benchmarks.before_after.turns import Network, Sizes, Turns
from benchmarks.peers.child import REPOSITORY, PeerError
from seq2seq.errors import Seq2SeqError

PUBLISHED = (
    "sutskever2014",
    "bahdanau2015",
    "luong2015",
    "gnmt2016",
    "rnmt_plus2018",
    "hybrid2018",
)
CONFIGS = [REPOSITORY / f"configs/{name}.yaml" for name in ("multi30k_7m", *PUBLISHED)]
PRECISIONS = ("float32", "bfloat16")
TASKS = ("training", "translation")


def main() -> None:
    """Prints a line a measurement on standard error, then Markdown."""
    arguments = _parser().parse_args()
    if not (arguments.other / "seq2seq" / "__init__.py").is_file():
        sys.exit(f"error: {arguments.other} is no checkout of this project: it has no seq2seq/")
    if arguments.core not in os.sched_getaffinity(0):
        sys.exit(f"error: --core {arguments.core}: not one of {sorted(os.sched_getaffinity(0))}")
    os.sched_setaffinity(0, {arguments.core})  # children inherit it
    speeds: list[Speed] = []
    try:
        for speed in _measured(arguments):
            speeds.append(speed)
            print(speed.line(), file=sys.stderr, flush=True)
            if arguments.json:  # after each one, so that a stopped command leaves what it measured
                text = json.dumps([asdict(each) for each in speeds], indent=1, ensure_ascii=False)
                arguments.json.write_text(text + "\n", encoding="utf-8")
    except (Seq2SeqError, PeerError) as error:
        sys.exit(f"error: {error}")
    print(markdown(speeds))


def _measured(arguments: argparse.Namespace) -> Iterator[Speed]:
    sizes = Sizes(
        pairs=arguments.pairs,
        brief_steps=arguments.brief_steps,
        steps=arguments.steps,
        sentences=arguments.sentences,
        shortest=arguments.seconds,
    )
    checkouts: dict[Checkout, Path] = {"other": arguments.other.resolve(), "this": REPOSITORY}
    turns = Turns(checkouts, arguments.runs, sizes, tuple(arguments.overrides))
    rounds = range(1, arguments.rounds + 1)
    for config in arguments.configs:
        network = Network.prepare(config, arguments.runs / "text" / config.stem, sizes)
        if "training" in arguments.tasks:
            for precision in arguments.training_precisions:
                for number in rounds:
                    yield from turns.training(network, precision, number)
        if "translation" in arguments.tasks:
            run = turns.brief_run(network)
            for number in rounds:
                yield from turns.translation(network, run, arguments.precisions, number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sizes = Sizes()
    add = parser.add_argument
    add("other", type=Path, metavar="OTHER_CHECKOUT")
    add("--configs", type=Path, nargs="+", default=CONFIGS, metavar="CONFIG", help="settings files")
    add("--tasks", nargs="+", choices=TASKS, default=TASKS)
    add("--runs", type=Path, default=Path("runs/before_after"), help="where trained runs are kept")
    add("--rounds", type=int, default=3, help="turns of each checkout (3)")
    add("--core", type=int, default=0, help="number of the CPU (0)")
    add("--steps", type=int, default=sizes.steps, help="of training, timed; as many before (40)")
    add("--sentences", type=int, default=sizes.sentences, help="of the test text (100)")
    add("--seconds", type=float, default=sizes.shortest, help="of translating, at least (3)")
    add("--pairs", type=int, default=sizes.pairs, help="of the training text (8000)")
    add("--brief-steps", type=int, default=sizes.brief_steps, help="of a run that translates (400)")
    add("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS, help="of translation")
    add("--training-precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS[1:])
    add("--set", dest="overrides", action="append", default=[], metavar="SECTION.FIELD=VALUE")
    add("--json", type=Path, metavar="FILE", help="every measurement, with the translations")
    return parser


if __name__ == "__main__":
    main()
