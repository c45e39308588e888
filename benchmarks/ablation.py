"""What does a part of the network buy? Trains variants alike and puts them into one table.

    python -m benchmarks.ablation CONFIG... --vary model.attention=none,dot,general,additive \
        [--vary model.input_feeding=false,true] [--set SECTION.FIELD=VALUE] [--minutes M] \
        [--jobs 2] [--output runs/ablation]

Every combination of settings file and varied values is trained from the file's seed, variants of
one file on the same batches, one core each, for the settings' epochs or for M minutes.
OUTPUT/table.md and table.csv are written anew after each; called again, it goes on where it was
interrupted. Combinations that the settings refuse are listed with the reason.
"""

import argparse
import csv
import io
import itertools
import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from queue import Queue
from threading import Lock

from benchmarks.ablation_variant import Result
from seq2seq.config.loading import load_run_config
from seq2seq.errors import ConfigError


@dataclass(frozen=True)
class Variant:
    """A settings file and a combination of the varied values."""

    config: Path
    choices: tuple[tuple[str, str], ...]  # setting and value

    @property
    def name(self) -> str:
        """As a folder may be called."""
        words = [f"{setting.rpartition('.')[2]}={value}" for setting, value in self.choices]
        return ",".join([self.config.stem, *words]).replace("/", "_")

    @property
    def overrides(self) -> list[str]:
        """As `--set` takes them."""
        return [f"{setting}={value}" for setting, value in self.choices]


def variants_of(configs: list[Path], varied: list[str]) -> list[Variant]:
    """Every file with every combination of settings given as "section.field=value,value".

    Raises:
        ConfigError: one is not of that form, or two variants would share a folder.
    """
    axes = []
    for each in varied:
        setting, equals, values = each.partition("=")
        if not equals or "." not in setting or not all(values.split(",")):
            raise ConfigError(f"--vary {each}: expected SECTION.FIELD=VALUE,VALUE")
        axes.append([(setting, value) for value in values.split(",")])
    variants = [Variant(*each) for each in itertools.product(configs, itertools.product(*axes))]
    twice = [name for name, count in Counter(each.name for each in variants).items() if count > 1]
    if twice:
        raise ConfigError(f"{twice[0]}: two variants have this name; rename a settings file")
    return variants


def markdown(results: dict[Variant, Result | str]) -> str:
    """The table; a text in place of a result says why there is none."""
    headings = ["settings", *(setting for setting, _ in next(iter(results)).choices)]
    headings += ["BLEU", "perplexity", "parameters", "steps", "training tokens/s"]
    headings += ["greedy sentences/s", "beam sentences/s", "seconds"]
    lines = [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}"]
    for variant, result in results.items():
        cells = [variant.config.stem, *(value for _, value in variant.choices)]
        if isinstance(result, str):
            cells += [result] + [""] * (len(headings) - len(cells) - 1)
        else:
            cells += [
                f"{result.bleu:.2f} ± {result.bleu_interval:.2f}",
                f"{result.perplexity:.2f}",
                f"{result.parameters:,}",
                f"{result.steps:,}",
                f"{result.training_tokens_per_second:,.0f}",
                f"{result.greedy_sentences_per_second:,.0f}",
                f"{result.beam_sentences_per_second:,.0f}",
                f"{result.training_seconds:,.0f}",
            ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def comma_separated(results: dict[Variant, Result | str]) -> str:
    """The same with every figure, for programs."""
    settings = [setting for setting, _ in next(iter(results)).choices]
    measured = [field.name for field in fields(Result)]
    text = io.StringIO()
    names = ["settings", *settings, *measured, "refused"]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for variant, result in results.items():
        found = {"refused": result} if isinstance(result, str) else asdict(result)
        writer.writerow({"settings": variant.config.stem, **dict(variant.choices), **found})
    return text.getvalue()


class Ablation:
    """The variants, trained `jobs` at a time.

    Args:
        arguments: of the command line.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._variants = variants_of(arguments.configs, arguments.vary)
        self._results: dict[Variant, Result | str] = {}
        self._writing = Lock()
        self._cores: Queue[int] = Queue()
        for core in range(arguments.jobs):
            self._cores.put(core)

    def run(self) -> None:
        """Trains what is not trained yet; tables are written after each."""
        self._arguments.output.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(self._arguments.jobs) as pool:
            list(pool.map(self._measure, self._variants))
        print(self._write(), end="")

    def _measure(self, variant: Variant) -> None:
        arguments = self._arguments
        overrides = [*arguments.overrides, *variant.overrides]
        record = arguments.output / f"{variant.name}.json"
        try:
            load_run_config(variant.config, overrides)
        except ConfigError as error:
            self._results[variant] = f"refused: {str(error).partition('model: ')[2] or error}"
            return
        asked = {
            "settings": str(variant.config),
            "overrides": overrides,
            "minutes": arguments.minutes,
        }
        if record.exists() and (known := json.loads(record.read_text()))["asked"] == asked:
            self._results[variant] = Result(**known["result"])
            return
        core = self._cores.get()
        print(f"{variant.name}: training on core {core}", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "benchmarks.ablation_variant", str(variant.config)]
        command += [str(arguments.output / variant.name), "--core", str(core)]
        command += [f"--set={override}" for override in overrides]
        if arguments.minutes:
            command += ["--minutes", str(arguments.minutes)]
        try:
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        finally:
            self._cores.put(core)
        result = Result(**json.loads(output.splitlines()[-1]))
        record.write_text(json.dumps({"asked": asked, "result": asdict(result)}, indent=1))
        self._results[variant] = result
        self._write()

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
        "--set", dest="overrides", action="append", default=[], metavar="SECTION.FIELD=VALUE"
    )
    parser.add_argument("--minutes", type=float, help="of training, in place of the epochs")
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
