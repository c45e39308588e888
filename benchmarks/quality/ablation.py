"""What does a part of the network buy? Trains variants alike and puts them into one table.

    python -m benchmarks.quality.ablation CONFIG... --vary model.attention=none,dot,general \
        [--vary model.input_feeding=false,true] [--one-at-a-time] [--set SECTION.FIELD=VALUE] \
        [--minutes M | --steps N] [--validation] [--jobs 2] [--output runs/ablation]

Every combination of settings file and varied values is trained from the file's seed, variants of
one file on the same batches, one core each, for the settings' epochs, for M minutes or for N steps;
with --one-at-a-time, each file as it is, and with each value alone instead of the combinations.
What differs in settings of decoding alone translates by one training. BLEU is of the test text, or
with --validation of that which decides, so that the test text is kept for the end.
OUTPUT/table.md and table.csv are written anew after each; called again, it goes on where it was
interrupted. Other settings, minutes or steps of the same variants need another OUTPUT. Combinations
that the settings refuse are listed with the reason.
"""

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from threading import Lock
from typing import Any

from benchmarks.quality.ablation_table import comma_separated, markdown
from benchmarks.quality.ablation_variant import Result
from benchmarks.quality.records import keep_result, known_result, run_variant
from benchmarks.quality.variations import Variant, variants_of
from seq2seq.config.loading import dump_run_config, load_run_config
from seq2seq.errors import ConfigError


class Ablation:
    """The variants, trained `jobs` at a time.

    Args:
        arguments: of the command line.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._variants = variants_of(arguments.configs, arguments.vary, arguments.one_at_a_time)
        self._results: dict[Variant, Result | str] = {}
        self._writing = Lock()
        self._cores: Queue[int] = Queue()
        for core in range(arguments.jobs):
            self._cores.put(core)

    def run(self) -> None:
        """Trains what is not trained yet; tables are written after each."""
        self._arguments.output.mkdir(parents=True, exist_ok=True)
        others = [each for each in self._variants if each.trained in self._variants]
        decoded = [each for each in others if each != each.trained]  # by a run that is another's
        with ThreadPoolExecutor(self._arguments.jobs) as pool:
            list(pool.map(self._measure, [e for e in self._variants if e not in decoded]))
            list(pool.map(self._measure, decoded))
        print(self._write(), end="")

    def _measure(self, variant: Variant) -> None:
        found = self._without_training(variant)
        if found is None:
            found = self._train(variant)
            keep_result(self._record(variant), self._asked(variant), found)
        self._results[variant] = found
        self._write()

    def _without_training(self, variant: Variant) -> Result | str | None:
        """What is known of it, or why it is not trained."""
        arguments = self._arguments
        try:
            config = load_run_config(variant.config, self._overrides(variant))
        except ConfigError as error:
            return f"refused: {str(error).partition('model: ')[2] or error}"
        if arguments.one_at_a_time and variant.choices:
            if config == load_run_config(variant.config, arguments.overrides):
                return "as in the file"
        return known_result(self._record(variant), self._asked(variant))

    def _train(self, variant: Variant) -> Result:
        arguments = self._arguments
        is_trained = variant != variant.trained and variant.trained in self._variants
        run = variant.trained if is_trained else variant
        options = [f"--set={override}" for override in self._overrides(variant)]
        if arguments.minutes:
            options += ["--minutes", str(arguments.minutes)]
        if arguments.steps:
            options += ["--steps", str(arguments.steps)]
        options += ["--validation"] * arguments.validation + ["--trained"] * is_trained
        core = self._cores.get()
        doing = "translating" if is_trained else "training"
        print(f"{variant.name}: {doing} on core {core}", file=sys.stderr, flush=True)
        try:
            return run_variant(
                variant.config, arguments.output / run.name, *options, "--core", str(core)
            )
        finally:
            self._cores.put(core)

    def _overrides(self, variant: Variant) -> list[str]:
        return [*self._arguments.overrides, *variant.overrides]

    def _record(self, variant: Variant) -> Path:
        """The file that keeps its result."""
        return Path(self._arguments.output / f"{variant.name}.json")

    def _asked(self, variant: Variant) -> dict[str, Any]:
        """What a result answers; another question is measured anew."""
        return {
            "settings": dump_run_config(load_run_config(variant.config, self._overrides(variant))),
            "minutes": self._arguments.minutes,
            "steps": self._arguments.steps,
            "validation": self._arguments.validation,
        }

    def _write(self) -> str:
        ordered = {each: self._results[each] for each in self._variants if each in self._results}
        table = markdown(ordered)
        with self._writing:
            (self._arguments.output / "table.md").write_text(table)
            (self._arguments.output / "table.csv").write_text(comma_separated(ordered))
        return table


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("configs", type=Path, nargs="+", metavar="CONFIG")
    parser.add_argument("--vary", action="append", default=[], metavar="SECTION.FIELD=VALUE,VALUE")
    parser.add_argument(
        "--one-at-a-time", action="store_true", help="each value alone, and the file as it is"
    )
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], metavar="SECTION.FIELD=VALUE"
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, help="of training, in place of the epochs")
    length.add_argument("--steps", type=int, help="of training, in place of the epochs")
    parser.add_argument("--validation", action="store_true", help="BLEU is of the validation text")
    parser.add_argument("--jobs", type=int, default=1, help="variants at a time, a core each")
    parser.add_argument("--output", type=Path, default=Path("runs/ablation"))
    arguments = parser.parse_args()
    try:
        Ablation(arguments).run()
    except ConfigError as error:
        sys.exit(f"error: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {error.cmd[4]} ended with {error.returncode}, and said above why")


if __name__ == "__main__":
    main()
