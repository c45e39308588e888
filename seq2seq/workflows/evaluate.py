"""Score a translator: translate a source text and compare with its references."""

import json
import logging
from pathlib import Path

from seq2seq.config.loading import as_settings
from seq2seq.scoring.scores import Scores, corpus_scores
from seq2seq.workflows.corpus import evaluation_files, read_parallel
from seq2seq.workflows.loading import TextTranslator, load_translator
from seq2seq.workflows.run_folder import SCORES, RunFolder

logger = logging.getLogger(__name__)


def evaluate(run: Path, source: Path, reference: Path) -> Scores:
    """Scores of the run's translation of a source file against its reference file."""
    sources, references = read_parallel(source, reference)
    return _score(load_translator(run), sources, references)


def score_run(folder: RunFolder) -> None:
    """Scores the best weights on the run's validation and test text, once, into scores.json."""
    config = folder.config()
    splits = evaluation_files(config)
    scored = {
        "weights": folder.manifest["weights"].get("best"),
        "decoding": as_settings(config)["decoding"],
        "files": {split: [str(path) for path in files] for split, files in splits.items()},
    }
    if folder.scores().get("of") == scored:
        return
    logger.info("scoring the best weights with beam %d", config.decoding.beam_width)
    translator = load_translator(folder.path)
    scores: dict = {"of": scored}
    for name, (source, reference) in splits.items():
        scores[name] = _score(translator, *read_parallel(source, reference)).as_dict()
    folder.write_record(SCORES, json.dumps(scores, indent=2) + "\n")


def _score(translator: TextTranslator, sources: list[str], references: list[str]) -> Scores:
    return corpus_scores(translator.translate(sources), references)
