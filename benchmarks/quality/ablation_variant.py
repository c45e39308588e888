"""Trains one variant of a network, scores and times it; prints the result as JSON.

    python -m benchmarks.quality.ablation_variant CONFIG RUN --set model.attention=dot --minutes 15

With --trained a run is only translated by, with the decoding settings given. A process of its own,
pinned to a core, because TensorFlow's number of threads is fixed at its first operation. Minutes,
the rate of training in a pilot that plans them, and sentences a second are of the core's time for
the process, so that other work beside it lengthens the wait but does not change them. Seconds of
training, and its rate where no minutes are given, are the history's, of the clock. Called again, it
goes on where it was interrupted; a run that was trained with other settings is refused.
"""

import argparse
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from seq2seq.config.loading import (
    as_settings,
    check_settings,
    differences,
    dump_run_config,
    load_run_config,
    parse_yaml,
)
from seq2seq.config.sections import RunConfig
from seq2seq.errors import ConfigError, Seq2SeqError
from seq2seq.run_folder import RunFolder
from seq2seq.translation.quiet import load_tensorflow

PILOT_WARM_UP, PILOT_STEPS = 5, 40  # which say how many steps fit into the minutes
SPEED_LINES = 300  # of the test text, translated for the speeds
VALIDATIONS = 6  # in a training whose minutes are given
TRAINED_BY = ("data", "subwords", "model", "training")  # sections; one run serves all decoding


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was measured."""

    parameters: int
    steps: int
    training_seconds: float  # of the clock, for steps and validations
    # Target tokens; validations not counted. With minutes given, the pilot's, by the core's time;
    # else the history's median, by the clock.
    training_tokens_per_second: float
    perplexity: float  # of the best weights, validation text
    wrong_source_perplexity: float  # the same beside other sentences' sources
    bleu: float  # of the text that was asked for; the settings' decoding
    bleu_interval: float  # half width, 95 %
    greedy_sentences_per_second: float
    beam_sentences_per_second: float


def measure(config: RunConfig, run: Path, asked: argparse.Namespace) -> Result:
    """Trains, or goes on, to the end; translates and scores.

    Args:
        config: settings.
        run: the folder.
        asked: `minutes` or `steps` of training, whether it is `trained`, and whether the validation
            text is scored.

    Raises:
        ConfigError: the run was trained for another question.
    """
    from seq2seq.scoring.comparison import bleu_interval
    from seq2seq.scoring.scores import corpus_bleu
    from seq2seq.training.corpus import evaluation_files, read_parallel
    from seq2seq.translation.loading import load_translator
    from seq2seq.workflows.network_size import sizes_of
    from seq2seq.workflows.train import train

    plan = _plan(config, run, asked.minutes) if asked.minutes else None
    if plan:
        config = _planned(config, plan.steps)
    elif asked.steps:
        config = _planned(config, asked.steps)
    if not asked.trained:
        refuse_other_training(config, run)
    folder = RunFolder.open(run) if asked.trained else train(config, run, _Quiet())
    rows = numbers_of(folder.history())
    rates = [row["target_tokens_per_second"] for row in rows if row["step"]]
    best = next(row for row in reversed(rows) if row["best"] == 1)
    files = evaluation_files(config)
    text = "validation" if asked.validation else "test"
    sources, references = read_parallel(*files.get(text, files["validation"]))
    decoding = as_settings(config)["decoding"]
    beam = load_translator(run, decoding)
    greedy = load_translator(run, decoding | {"beam_width": 1, "n_best": 1, "mbr": "none"})
    translations = beam.translate(sources)
    lines = sources[:SPEED_LINES]
    return Result(
        parameters=sizes_of(config, folder.subwords().size).parameters,
        steps=int(rows[-1]["step"]),
        training_seconds=rows[-1]["seconds"],
        training_tokens_per_second=plan.tokens_per_second
        if plan
        else statistics.median(rates or [math.nan]),
        perplexity=best["validation_perplexity"],
        wrong_source_perplexity=best["wrong_source_perplexity"],
        bleu=corpus_bleu(translations, references, beam.languages.target),
        bleu_interval=bleu_interval(translations, references, beam.languages.target),
        greedy_sentences_per_second=_speed(greedy, lines),
        beam_sentences_per_second=_speed(beam, lines),
    )


def numbers_of(history: Sequence[Mapping[str, str]]) -> list[dict[str, float]]:
    """The rows of a run's history; NaN is what was not measured yet, of a beginning at step 0."""
    return [
        {name: float(value) if value else math.nan for name, value in row.items()}
        for row in history
    ]


@dataclass(frozen=True)
class Plan:
    """What a pilot found."""

    steps: int  # that fit into the minutes
    tokens_per_second: float  # target tokens, of training


def _plan(config: RunConfig, run: Path, minutes: float) -> Plan:
    """The same when asked again.

    Raises:
        ConfigError: the run was begun for other minutes, or with other settings.
    """
    path = run.parent / f"{run.name}.plan.json"
    if not path.exists():
        if RunFolder.exists(run):
            raise ConfigError(f"{run} was begun for no minutes; choose another --output")
        seconds, tokens = _pilot(config)
        steps = max(VALIDATIONS, int(60 * minutes / seconds))
        asked = {"minutes": minutes, "settings": dump_run_config(config)}
        path.write_text(json.dumps({"asked": asked, "plan": asdict(Plan(steps, tokens / seconds))}))
    known = json.loads(path.read_text())
    if known["asked"]["minutes"] != minutes:
        raise ConfigError(
            f"{run} was begun for {known['asked']['minutes']} minutes; choose another --output"
        )
    settings = parse_yaml(known["asked"]["settings"], str(path))
    _refuse_changes(run, check_settings(settings, str(path)), config)
    return Plan(**known["plan"])


def refuse_other_training(config: RunConfig, run: Path) -> None:
    """Looks that a run which is there was trained, or is being trained, with the same settings.

    `train` would return it, or go on with the changed ones, and the figures would answer neither
    question.

    Raises:
        ConfigError: it was not.
    """
    from seq2seq.training.starting_weights import with_vocabulary_of

    if not RunFolder.exists(run):
        return
    folder, beginning = RunFolder.open(run), config.training.start_from
    if beginning and config.training.start_vocabulary == "kept":
        config = with_vocabulary_of(folder.config(), config)
    _refuse_changes(run, folder.config(), config)
    if beginning and folder.manifest["started_from"]["weights"] != best_weights(beginning):
        raise ConfigError(
            f"{run} began with other weights than {beginning} has now; choose another --output"
        )


def best_weights(run: Path) -> str | None:
    """The SHA-256 of a run's best weights, if it has any yet.

    Raises:
        RunError: no run, or a damaged one.
    """
    manifest = RunFolder.open(run).manifest
    best = manifest["weights"].get("best")
    return manifest["files"][best] if best else None


def _refuse_changes(run: Path, before: RunConfig, now: RunConfig) -> None:
    changes = differences(before, now, TRAINED_BY)
    if changes:
        raise ConfigError(
            f"{run} was begun with other settings ({'; '.join(changes)}); choose another --output"
        )


def _planned(config: RunConfig, steps: int) -> RunConfig:
    """The settings for so many steps."""
    settings = as_settings(config)
    settings["training"] |= {
        "steps": steps,
        "validate_every": -(-steps // VALIDATIONS),
        "warmup_steps": min(config.training.warmup_steps, steps // 5),
    }
    return check_settings(settings, "planned settings")


def _pilot(config: RunConfig) -> tuple[float, float]:
    """Seconds of the core and target tokens of a training step, means over batches as they come.

    Raises:
        ConfigError: an epoch has too few batches to time any.
    """
    from seq2seq.training.corpus import learn_subwords
    from seq2seq.training.encoded_corpus import encode_corpus
    from seq2seq.training.epochs import Epochs
    from seq2seq.training.train_step import Optimization

    subwords = learn_subwords(config)
    optimization = Optimization(config, subwords.size)
    corpus = encode_corpus(config.data, subwords)
    epoch = Epochs(config, subwords, corpus).batches(0)
    batches = list(islice(epoch, PILOT_WARM_UP + PILOT_STEPS))
    if len(batches) <= PILOT_WARM_UP:
        raise ConfigError(
            f"an epoch has {len(batches)} batches, too few to plan minutes by; give --steps"
        )
    for batch in batches[:PILOT_WARM_UP]:
        optimization.step(batch, 0.0)
    started = time.process_time()
    tokens = sum(int(optimization.step(batch, 0.0)[1]) for batch in batches[PILOT_WARM_UP:])
    steps = len(batches) - PILOT_WARM_UP
    return (time.process_time() - started) / steps, tokens / steps


def _speed(translator: Any, lines: list[str]) -> float:
    """Sentences a second of the core, after a pass that warms up."""
    translator.translate(lines)
    started = time.process_time()
    translator.translate(lines)
    return len(lines) / (time.process_time() - started)


class _Quiet:
    """A `Reporter` that says nothing; the run folder holds the history."""

    def started(self, message: str) -> None:
        """Nothing."""

    def stepped(self, progress: Any, loss: float, tokens: int, learning_rate: float) -> None:
        """Nothing."""

    def validated(self, progress: Any, result: Any, best: bool) -> None:
        """Nothing."""


def main() -> None:
    """Prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--validation", action="store_true")
    parser.add_argument("--trained", action="store_true")
    parser.add_argument("--core", type=int, default=0)
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[arguments.core % len(cores)]})
    os.environ["OMP_NUM_THREADS"] = "1"
    config = load_run_config(arguments.config, arguments.overrides)
    load_tensorflow()
    try:
        result = measure(config, arguments.run, arguments)
    except Seq2SeqError as error:
        sys.exit(f"error: {error}")
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
