"""What is a run worth as a beginning? Trains on other text from it and from zero, equally long.

    python -m benchmarks.quality.fine_tuning RUN CORPUS... [--steps N] [--zero-vocabulary N] \
        [--output runs/fine_tuning]

A corpus is a folder with train.A, train.B, val.A and so on, and a test, of which A is the run's
source language. For each there are rows of test BLEU: of RUN as it is; after N steps
from RUN; after N steps from RUN on a mixture, one pair of RUN's text for each new one, if the
target language is the same; and after N steps from zero. All have RUN's settings. Where the target
language is the same, what begins with RUN has its vocabulary; otherwise, and from zero, one is
learnt from the new text. The last column is BLEU on RUN's own test text, or validation text if it
has no test: what was forgotten. Called again, it goes on where it was interrupted;
OUTPUT/table.md is written anew after each row.
"""

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.quality.ablation_variant import Result, best_weights
from benchmarks.quality.records import keep_result, known_result, run_variant
from seq2seq.config.corpora import PARTS
from seq2seq.config.languages import language_of_file
from seq2seq.config.loading import as_settings, load_run_config
from seq2seq.data.corpus_files import find_corpus
from seq2seq.errors import DataError, Seq2SeqError

Settings = dict[str, Any]
HEADINGS = ("text", "training", "steps", "BLEU", "BLEU on the old text")
SIDES = ("source", "target")


@dataclass(frozen=True)
class Row:
    """A run to be measured."""

    corpus: str
    training: str
    settings: Settings
    run: Path
    is_trained: bool = False  # already
    knew_old: bool = True  # it began with RUN, so the old text is asked about


class FineTuning:
    """The rows of a run and some corpora.

    Args:
        run: a trained run folder.
        steps: of each training.
        output: folder of settings, runs and results.
        vocabulary: subwords of the trainings from zero; as many as the run has if None.
    """

    def __init__(self, run: Path, steps: int, output: Path, vocabulary: int | None = None) -> None:
        self._run, self._steps, self._output = run, steps, output
        self._vocabulary = vocabulary
        self._weights = best_weights(run)
        self._old = as_settings(load_run_config(run / "config.yaml"))
        self._lines: list[str] = []

    def measure(self, corpora: list[Path]) -> str:
        """The table, which is also written."""
        self._output.mkdir(parents=True, exist_ok=True)
        for row in [row for corpus in corpora for row in self._rows(corpus)]:
            new = self._result(row, row.settings, "new")
            old = None
            if row.knew_old:
                data = row.settings["data"] | self._old_test()
                old = self._result(row, row.settings | {"data": data}, "old", is_trained=True)
            self._lines.append(_line(row, new, old))
            (self._output / "table.md").write_text(self._table())
        return self._table()

    def _old_test(self) -> Settings:
        """Of the run's own text, what it is scored by."""
        data = self._old["data"]
        text = "test" if data["test_source"] else "validation"
        return {f"test_{side}": data[f"{text}_{side}"] for side in SIDES} | {
            f"{side}_language": data[f"{side}_language"] for side in SIDES
        }

    def _rows(self, corpus: Path) -> list[Row]:
        source = _language(Path(self._old["data"]["validation_source"]))
        target = _language(Path(self._old["data"]["validation_target"]))
        files = texts_of(corpus, source)
        same = _language(Path(files["validation_target"])) == target
        languages = {} if same else {"target_language": None}
        none: Settings = {"train": [], "train_weights": None, "shards": None}
        zero = self._old | {"data": self._old["data"] | none | files | languages}
        zero["training"] = zero["training"] | {"start_from": None, "start_vocabulary": "kept"}
        vocabulary = "kept" if same else "learnt"
        begun = {"start_from": str(self._run), "start_vocabulary": vocabulary}
        tuned = zero | {"training": zero["training"] | begun}
        folder = self._output / corpus.name
        rows = [
            Row(corpus.name, "none: the run as it is", tuned, self._run, is_trained=True),
            Row(corpus.name, "from the run", tuned, folder / "tuned"),
        ]
        if same:
            parts = [{"source": files["train_source"], "target": files["train_target"]}]
            parts += self._old["data"]["train"] or [
                {part: self._old["data"][f"train_{part}"] for part in PARTS}
            ]
            data = tuned["data"] | {"train_source": None, "train_target": None}
            data["train"] = [
                {**part, "share": 1.0 if number == 0 else 1.0 / (len(parts) - 1)}
                for number, part in enumerate(parts)
            ]
            mixed = tuned | {"data": data}
            rows.append(Row(corpus.name, "from the run, half old text", mixed, folder / "mixed"))
        if self._vocabulary:
            zero |= {"subwords": zero["subwords"] | {"vocabulary_size": self._vocabulary}}
        return [*rows, Row(corpus.name, "from zero", zero, folder / "zero", knew_old=False)]

    def _result(self, row: Row, settings: Settings, text: str, is_trained: bool = False) -> Result:
        """What was measured of a run on a test text."""
        is_trained = is_trained or row.is_trained
        name = f"{row.corpus}-{row.run.name if not row.is_trained else 'before'}"
        record = self._output / f"{name}-{text}.json"
        config = self._output / f"{name}-{text}.yaml"
        config.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
        asked = {"run": str(row.run), "steps": self._steps, "settings": settings}
        asked["weights"] = self._weights
        known = known_result(record, asked)
        if known is None:
            options = ["--trained"] if is_trained else ["--steps", str(self._steps)]
            print(f"{row.corpus}, {row.training}, {text} text", file=sys.stderr, flush=True)
            known = run_variant(config, row.run, *options)
            keep_result(record, asked, known)
        return known

    def _table(self) -> str:
        head = [f"| {' | '.join(HEADINGS)} |", f"|{'---|' * len(HEADINGS)}"]
        return "\n".join([*head, *self._lines]) + "\n"


def texts_of(corpus: Path, source: str) -> dict[str, str]:
    """The settings in `data` of a corpus's files.

    Args:
        corpus: a folder.
        source: the language that the sources' names end in.

    Raises:
        DataError: files are missing, or there is more than one other language.
    """
    ends = {_language(path) for path in corpus.glob("train.*")}
    if source in ends and len(ends) == 2:
        (target,) = ends - {source}
        found = find_corpus(corpus, None, ends=(source, target))
        splits = {"train": found.train, "validation": found.validation, "test": found.test}
        if all(splits.values()):
            return {
                f"{name}_{side}": str(path)
                for name, files in splits.items()
                if isinstance(files, tuple)
                for side, path in zip(SIDES, files, strict=True)
            }
    raise DataError(
        f"{corpus} needs train.{source}, val.{source}, a test*.{source}, and the same of one "
        "other language"
    )


def _language(path: Path) -> str:
    """What a file's name ends in, .gz apart, which need not be a language."""
    return language_of_file(path) or path.name.removesuffix(".gz").rpartition(".")[2]


def _line(row: Row, new: Result, old: Result | None) -> str:
    cells = [row.corpus, row.training, "0" if row.is_trained else f"{new.steps:,}"]
    cells += [f"{new.bleu:.2f} ± {new.bleu_interval:.2f}"]
    cells += [f"{old.bleu:.2f}" if old else ""]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("corpora", type=Path, nargs="+", metavar="CORPUS")
    parser.add_argument("--steps", type=int, default=500, help="of each training (default: 500)")
    parser.add_argument(
        "--zero-vocabulary", type=int, metavar="N", help="of trainings from zero, on little text"
    )
    parser.add_argument("--output", type=Path, default=Path("runs/fine_tuning"))
    arguments = parser.parse_args()
    try:
        vocabulary = arguments.zero_vocabulary
        tuning = FineTuning(arguments.run, arguments.steps, arguments.output, vocabulary)
        print(tuning.measure(arguments.corpora), end="")
    except Seq2SeqError as error:
        sys.exit(f"error: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {error.cmd[3]} ended with {error.returncode}, and said above why")


if __name__ == "__main__":
    main()
