"""Score a translator: translate a source text and compare with its references."""

import io
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seq.config.languages import UNKNOWN, Languages, language_of_file, primary
from seq2seq.config.loading import as_settings
from seq2seq.config.mistakes import printable
from seq2seq.errors import ConfigError, DataError
from seq2seq.files import file_sha256, write_atomically
from seq2seq.inspection.figures.lengths import draw_bleu_by_length
from seq2seq.inspection.figures.picture import save
from seq2seq.run_folder import SCORES, RunFolder
from seq2seq.scoring.by_length import bleu_by_length
from seq2seq.scoring.comparison import Compared, Measured, compare, measure
from seq2seq.scoring.metrics import NAMES, USUAL
from seq2seq.scoring.report import EvaluationReport, System
from seq2seq.scoring.scores import Scores, corpus_scores
from seq2seq.training.corpus import evaluation_files, read_parallel
from seq2seq.translation.loading import load_translator
from seq2seq.translation.text_translator import TextTranslator

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """A run's translation of a text, beside its references and perhaps another translation."""

    source_path: Path
    reference_paths: tuple[Path, ...]
    sources: list[str]
    references: list[str]
    system: System
    baseline: System | None
    measured: list[Measured]  # `Compared` where there is a baseline
    languages: Languages = UNKNOWN
    others: Sequence[Sequence[str]] = ()  # more references; a blank line is none

    def as_dict(self) -> dict[str, Any]:
        """By metric's name in lower case; each with `_interval` and `_signature` too.

        With a baseline, its scores under "baseline", and `_p_value` of each difference.
        """
        listed: dict[str, Any] = {}
        for each in self.measured:
            name = each.metric.lower().replace(" ", "_")
            listed[name] = round(each.score, 2)
            listed[f"{name}_interval"] = round(each.interval, 2)
            listed[f"{name}_signature"] = each.signature
            if self.baseline and isinstance(each, Compared):
                listed[f"{name}_p_value"] = round(each.p_value, 4)
                others = listed.setdefault("baseline", {"name": self.baseline.name})
                others[name] = round(each.baseline, 2)
                others[f"{name}_interval"] = round(each.baseline_interval, 2)
        return listed

    def write_report(self, path: Path) -> None:
        """One HTML file: scores, BLEU by length, and the sentences to look at first."""
        systems = {"translation": self.system.lines}  # paths would fill the picture
        if self.baseline:
            systems["baseline"] = self.baseline.lines
        picture = io.BytesIO()
        if any(text.split() for text in self.sources):
            lengths = bleu_by_length(
                self.sources,
                systems,
                self.references,
                language=self.languages.target,
                others=self.others,
                source_language=self.languages.source,
            )
            save(draw_bleu_by_length(lengths.bins, lengths.scores, lengths.counts), picture, "svg")
        report = EvaluationReport(
            files=f"{self.source_path}, compared with {', '.join(map(str, self.reference_paths))}",
            system=self.system,
            baseline=self.baseline,
            sources=self.sources,
            references=self.references,
            measured=self.measured,
            by_length=picture.getvalue(),
            languages=self.languages,
            others=self.others,
        )
        with write_atomically(path) as stream:
            stream.write(report.html().encode())


def evaluate(
    run: Path,
    source: Path,
    reference: Path | Sequence[Path],
    baseline: Path | None = None,
    metrics: Sequence[str] = USUAL,
) -> Evaluation:
    """Scores the run's translation of a source file against its reference file.

    Args:
        run: a trained run folder.
        source: text to translate.
        reference: its right translation; or files of several, of which those after the first may
            have blank lines where there is no other.
        baseline: another run folder, or a file of translations of the same lines.
        metrics: names of `seq2seq.scoring.metrics.NAMES`.

    Raises:
        ConfigError: there is no such metric, or a run has several target languages and not that
            which the reference's name ends in.
        RunError: no run, or no weights yet.
        DataError: files are missing, or their numbers of lines differ.
    """
    unknown = [name for name in metrics if name not in NAMES]
    if unknown:
        raise ConfigError(f"--metrics {printable(','.join(unknown))}: there are {', '.join(NAMES)}")
    for path in (source, *_paths(reference)):
        if path.exists() and not path.is_file():
            raise DataError(f"{path} is no plain file; it is read more than once")
    for each in _paths(reference):
        sources, _ = read_parallel(source, each)  # mistakes that need no network to be seen
    other = None
    if baseline is not None and not baseline.is_dir():
        other = System(str(baseline), read_parallel(source, baseline)[1])
    translator = load_translator(run)
    named, own = language_of_file(source), translator.languages.source
    if named and own and primary(named) != primary(own):
        logger.warning("%s is named as text in %s is, and %s reads %s", source, named, run, own)
    if baseline is not None and other is None:
        loaded = writing(load_translator(baseline), language_of_file(_paths(reference)[0]))
        other = System(str(baseline), loaded.translate(sources))
    return evaluate_with(translator, str(run), source, reference, other, metrics)


def evaluate_with(
    translator: TextTranslator,
    name: str,
    source: Path,
    reference: Path | Sequence[Path],
    baseline: System | None = None,
    metrics: Sequence[str] = USUAL,
) -> Evaluation:
    """`evaluate` by a translator that is loaded already.

    Args:
        translator: what is scored.
        name: what it is called in the report.
        source: text to translate.
        reference: see `evaluate`.
        baseline: other translations of the same lines.
        metrics: see `evaluate`.

    Raises:
        DataError: files are missing, or their numbers of lines differ.
    """
    paths = _paths(reference)
    sources, references = read_parallel(source, paths[0])
    others = [read_parallel(source, path)[1] for path in paths[1:]]
    translator = writing(translator, language_of_file(paths[0]))
    system = System(name, translator.translate(sources))
    languages = translator.languages
    asked = (references, languages.target, metrics, others)
    measured: list[Measured] = (
        [*compare(system.lines, baseline.lines, *asked)]
        if baseline
        else measure(system.lines, *asked)
    )
    texts = (sources, references, system, baseline)
    return Evaluation(source, paths, *texts, measured, languages, others)


def _paths(reference: Path | Sequence[Path]) -> tuple[Path, ...]:
    return (reference,) if isinstance(reference, Path) else tuple(reference)


def score_run(folder: RunFolder) -> None:
    """Scores the best weights on the run's validation and test text, once, into scores.json."""
    config = folder.config()
    splits = evaluation_files(config)
    scored = {
        "weights": folder.manifest["weights"].get("best"),
        "decoding": as_settings(config)["decoding"],
        "files": {split: [str(path) for path in files] for split, files in splits.items()},
        "sha256": {split: [*map(file_sha256, files)] for split, files in splits.items()},
    }
    if folder.scores().get("of") == scored:
        return
    logger.info("scoring the best weights with beam %d", config.decoding.beam_width)
    translator = load_translator(folder.path)
    scores: dict = {"of": scored}
    for name, (source, reference) in splits.items():
        language = config.data.language_of_target(reference)
        texts = read_parallel(source, reference)
        scores[name] = _score(writing(translator, language), *texts, language).as_dict()
    folder.write_record(SCORES, json.dumps(scores, indent=2) + "\n")


def writing(translator: TextTranslator, language: str | None) -> TextTranslator:
    """A translator of several target languages with this one; others as they are.

    Raises:
        ConfigError: it has several, and not this one.
    """
    if language is None or not translator.target_languages:
        return translator
    return translator.into(language)


def _score(
    translator: TextTranslator, sources: list[str], references: list[str], language: str | None
) -> Scores:
    return corpus_scores(translator.translate(sources), references, language)
