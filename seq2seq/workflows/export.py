"""Write a run as a version directory that a stock TensorFlow Serving loads, after verifying it."""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from seq2seq.config.languages import Languages
from seq2seq.data.graph_subwords import GraphSubwords
from seq2seq.data.shortlist import Shortlist
from seq2seq.data.subwords import SpecialIds
from seq2seq.errors import ExportError
from seq2seq.files import file_errors_of_libraries, file_sha256
from seq2seq.manifest import MANIFEST, SUBWORDS
from seq2seq.run_folder import PACKAGES
from seq2seq.serving.saved_model.expected_answers import EXPECTED_FILE, Expected, encode_expected
from seq2seq.serving.saved_model.languages import MANIFEST_FILE
from seq2seq.serving.saved_model.signatures import save_signatures
from seq2seq.serving.saved_model.version_directory import TEMPORARY, new_version, write_samples
from seq2seq.serving.saved_model.warmup import WARMUP_FILE, write_warmup
from seq2seq.serving.verify.c_api import CApiModel
from seq2seq.serving.verify.verification import ANSWERS, verify
from seq2seq.translation.loading import load_run
from seq2seq.translation.serving_graph import StoredNetwork, graph_settings, make_graph
from seq2seq.translation.text_translator import TextTranslator
from seq2seq.workflows.export_answers import find_ties, record_answers, warmup_requests, without
from seq2seq.workflows.export_examples import example_texts

logger = logging.getLogger(__name__)

EXTRA = "assets.extra"
FORMAT = 1
# How far rounding may move the score of a translation, on average over the examples.
SCORE_BOUNDS = {"bfloat16": 0.05, "float16": 0.005}


@dataclass(frozen=True)
class ExportJob:
    """What to export, and into what.

    Attributes:
        run: a trained run folder.
        model: the directory of the model's versions; its name is the model's.
        version: the number; the next one if None.
        settings: decoding settings in place of the run's; see `graph_settings`.
        weights: how they are stored. The narrow types halve the directory; what they round off
            is gone, and each request spends a moment on making them float32 again.
    """

    run: Path
    model: Path
    version: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    weights: Literal["float32", "bfloat16", "float16"] = "float32"


def export(job: ExportJob) -> Path:
    """Writes, verifies and numbers a version; returns its directory.

    Beside the model there is all that a server or another client may want, in assets.extra:
    warm-up requests, the subword model, manifest.json, and the answers the version is verified
    with, which hold sentences of the run's validation and test text.

    Raises:
        ConfigError: a setting that is out of range.
        RunError: no run, an altered file, or no weights yet.
        ExportError: the directory or the version cannot be written, or a server could not serve
            what was exported; nothing is left behind then.
        OSError: the disk does not take the version; nothing is left behind then.
    """
    started = time.monotonic()

    def say(message: str) -> None:
        logger.info("%.0f s: %s", time.monotonic() - started, message)

    with file_errors_of_libraries(job.model), new_version(job.model, job.version) as directory:
        _write(job, directory, say)
    written = TEMPORARY.fullmatch(directory.name)
    final = job.model / (written[1] if written else directory.name)
    for path in write_samples(job.model):
        logger.warning("%s was edited, so it stays as it is", path)
    say("exported")
    return final


def _write(job: ExportJob, directory: Path, say: Callable[[str], None]) -> None:
    """Fills the directory and verifies it."""
    loaded = load_run(job.run, partial(graph_settings, job.settings))
    translator = loaded.translator()
    texts = example_texts(loaded.folder.config(), translator.subwords)
    if job.weights != "float32":
        _round_weights(translator, texts, job.weights)
    say("tracing and saving the graph")
    parameter_bytes = _save_graph(translator, loaded.shortlist, job.weights, directory)
    say(f"searching {len(texts)} sentences")
    answers = record_answers(translator, texts)
    expected = Expected(tuple(answers), parameter_bytes=parameter_bytes)
    _write_extra(
        directory,
        {
            EXPECTED_FILE: encode_expected(expected),
            f"{EXTRA}/{SUBWORDS}": translator.subwords.model,
            MANIFEST_FILE: _manifest(job, translator, loaded.folder.config().data.languages),
        },
    )
    requests = warmup_requests(translator, texts)
    write_warmup(directory / WARMUP_FILE, job.model.absolute().name, requests)
    say("verifying")
    _verify(directory, expected)


def _verify(directory: Path, expected: Expected) -> None:
    """Verifies the version; texts without one best translation are left out of its answers.

    Raises:
        ExportError: a server could not serve it.
    """
    report = verify(directory)
    if any(problem.check == ANSWERS for problem in report.problems):
        with CApiModel(directory) as model:
            ties = find_ties(expected.answers, model.predict)
        if ties:
            logger.info("%d texts have several best translations, and are left out", len(ties))
            others = replace(expected, answers=without(ties, expected.answers))
            (directory / EXPECTED_FILE).write_bytes(encode_expected(others))
            report = verify(directory)
    report.require_ok()


def _save_graph(
    translator: TextTranslator, shortlist: Shortlist | None, dtype: str, directory: Path
) -> int:
    """Writes the SavedModel; returns the bytes of its parameters."""
    network = StoredNetwork(translator.network, translator.subwords.unwritten, dtype)
    encoder = GraphSubwords(translator.subwords)
    subwords, decoding = translator.subwords, translator.decoding
    graph = make_graph(network, subwords, encoder, decoding, shortlist, translator.tags)
    save_signatures(graph, [encoder.tokenizer], directory)
    return network.parameter_bytes


def _round_weights(translator: TextTranslator, texts: Sequence[str], dtype: str) -> None:
    """Makes the translator one of rounded weights, and says what that changes.

    Raises:
        ExportError: it changes too much.
    """
    before = [each[0] for each in translator.search(texts) if each]
    for weight in translator.network.training.weights:
        weight.assign(tf.cast(tf.cast(weight, dtype), weight.dtype))
    translator.refresh()
    after = [each[0] for each in translator.search(texts) if each]
    again = translator.score_ids([(each.source_ids, each.ids) for each in before])
    moved = np.abs([new.score - old.score for new, old in zip(again, before, strict=True)])
    logger.info(
        "%s weights: %d of %d translations change; scores move by %.4f on average, %.4f at most",
        *(dtype, sum(new.ids != old.ids for new, old in zip(after, before, strict=True))),
        *(len(texts), moved.mean(), moved.max()),
    )
    if not moved.mean() <= SCORE_BOUNDS[dtype]:
        raise ExportError(
            f"{dtype} weights move scores by {moved.mean():.4f} on average, more than "
            f"{SCORE_BOUNDS[dtype]}; export with --weights float32"
        )


def _write_extra(directory: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)


def _manifest(job: ExportJob, translator: TextTranslator, languages: Languages) -> bytes:
    written = {
        "format": FORMAT,
        "languages": asdict(languages),
        "versions": {package: version(package) for package in PACKAGES},
        "run_manifest_sha256": file_sha256(job.run / MANIFEST),
        "decoding": asdict(translator.decoding),
        "weights": job.weights,
        "vocabulary_size": translator.subwords.size,
        "special_ids": asdict(SpecialIds()),
    }
    return json.dumps(written, indent=2).encode() + b"\n"
