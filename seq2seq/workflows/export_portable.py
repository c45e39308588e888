"""Write a run as a directory for ONNX Runtime or LiteRT: ids in, ids out, no TensorFlow needed.

The model is compared with the search in memory before its directory gets its name. Rounded weights
change some translations of any text, most of them from one right one to another; how good they are
tells whether the weights are too coarse.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from seq2seq.config.loading import with_decoding
from seq2seq.config.sections import DecodingConfig, RunConfig
from seq2seq.data.lines import read_pairs
from seq2seq.data.subwords import PAD, SpecialIds, Subwords
from seq2seq.decoding.forced_tokens import FREE
from seq2seq.errors import DataError, ExportError
from seq2seq.exported_folder import FORMAT, LACKING, PREFIXES, SCORES, TERMS, model_file
from seq2seq.files import file_errors_of_libraries, file_sha256
from seq2seq.manifest import MANIFEST, SUBWORDS
from seq2seq.models.translator import Translator
from seq2seq.run_folder import PACKAGES, SOURCE_WORDS
from seq2seq.scoring.scores import corpus_bleu
from seq2seq.serving.portable.directory import new_directory
from seq2seq.serving.portable.formats import FORMATS, PortableFormat
from seq2seq.serving.portable.parity import (
    SCORE_BOUND,
    TIE_BOUND,
    Example,
    Parity,
    PortableSearch,
    compare,
)
from seq2seq.translation.exported_translator import batch_search
from seq2seq.translation.line_translator import LineTranslator, joined
from seq2seq.translation.loading import load_run
from seq2seq.translation.portable_graphs import (
    Graph,
    find_examples,
    find_further_examples,
    further_graph,
    portable_search,
)
from seq2seq.workflows.export_examples import example_texts

logger = logging.getLogger(__name__)

FILLINGS = {PREFIXES: FREE, TERMS: FREE, SCORES: PAD}  # of what is shorter in a batch
LINES = 1000  # of validation text that show what rounding costs
MOST_BLEU_LOST = 0.5


@dataclass(frozen=True)
class PortableJob:
    """What to export, and into what.

    Attributes:
        run: a trained run folder.
        directory: of the model; new or empty.
        format: of the model.
        settings: decoding settings in place of the run's. `sampling` and `mbr` are off and
            `precision` is float32 whatever the run says; `shortlist` is off for LiteRT.
        weights: how they are stored, of those that the format can.
        further: models beside the one that searches freely, of `FURTHER` (ONNX).
    """

    run: Path
    directory: Path
    format: Literal["onnx", "litert"]
    settings: Mapping[str, Any] = field(default_factory=dict)
    weights: str = "float32"
    further: Sequence[str] = ()


def export_portable(job: PortableJob) -> Path:
    """Writes and checks a model, subwords.model and manifest.json; returns the directory.

    The model takes source_ids (B, S) int32, rows ending in EOS and padded with 0, and gives ids and
    token_log_probabilities (B, N, T), lengths, scores and log_probabilities (B, N), and attention
    (B, N, T, S), best output first. Further models take one more input each; see `FURTHER`.

    Raises:
        ConfigError: a setting that is out of range.
        RunError: no run, an altered file, or no weights yet.
        ExportError: a package is missing, the directory cannot be written, the network cannot be
            converted, or the model translates otherwise than the run; nothing is left behind then.
        OSError: the disk does not take the model; nothing is left behind then.
    """
    started = time.monotonic()

    def say(message: str) -> None:
        logger.info("%.0f s: %s", time.monotonic() - started, message)

    portable = FORMATS[job.format]
    if job.weights not in portable.weights:
        raise ExportError(
            f"--weights {job.weights} is not for --format {job.format}; give "
            f"{' or '.join(portable.weights)}"
        )
    if job.further and portable.batch is not None:
        raise ExportError(f"--also is for --format onnx; leave it out with --format {job.format}")
    portable.require_packages()
    with new_directory(job.directory) as directory:
        _write(job, directory, say)
    say("exported")
    return job.directory


def _write(job: PortableJob, directory: Path, say: Callable[[str], None]) -> None:
    portable = FORMATS[job.format]
    loaded = load_run(job.run, partial(_whole_beam, job))
    own = loaded.folder.config()
    config = with_decoding(own, _settings(job))
    if own.decoding.shortlist and not config.decoding.shortlist:
        logger.info("the vocabulary shortlist is left out: the model scores every subword")
    translator, decoding = loaded.translator(), config.decoding
    if TERMS in job.further:
        translator.check_takes_terms()
    texts = example_texts(config, translator.subwords)
    say("searching the run's own sentences")
    examples = find_examples(translator, texts)
    network, ids = translator.network, translator.subwords.unwritten
    free = portable_search(network, ids, decoding, portable.batch, loaded.shortlist)
    converted = partial(_converted, job, directory, network, decoding, say)
    with portable.named_failures(), file_errors_of_libraries(directory):
        found, parity = converted(portable.file, free, examples)
        cost = None
        if job.weights != "float32":
            say(f"rounding the weights to {job.weights}")
            rounded = portable.round_weights(directory / portable.file, job.weights)
            cost = cost_of_rounding(found, rounded, config, translator.subwords)
        for kind in job.further:
            graph = further_graph(kind, translator, decoding, loaded.shortlist)
            some = find_further_examples(kind, translator, examples)
            converted(model_file(kind), graph, some, kind)
            if job.weights != "float32":
                portable.round_weights(directory / model_file(kind), job.weights)
    (directory / SUBWORDS).write_bytes(translator.subwords.model)
    if translator.source_words:
        (directory / SOURCE_WORDS).write_bytes(translator.source_words.to_bytes())
    about = {
        "decoding": asdict(decoding),
        "languages": asdict(config.data.languages),
        "tags": asdict(config.data.tags) if config.data.tags else None,
        "vocabulary_size": translator.subwords.size,
        "weights": job.weights,
        "rounding": asdict(cost) if cost else None,
        "compared": {**asdict(parity), "score_bound": SCORE_BOUND, "tie_bound": TIE_BOUND},
    }
    (directory / MANIFEST).write_bytes(_manifest(job, directory, about))


def _converted(
    job: PortableJob,
    directory: Path,
    network: Translator,
    decoding: DecodingConfig,
    say: Callable[[str], None],
    file: str,
    graph: Graph,
    examples: Sequence[Example],
    kind: str = "",
) -> tuple[PortableSearch, Parity]:
    """Writes a model, and compares it."""
    portable = FORMATS[job.format]
    say(f"converting the search to {file}")
    variables = [weight.value for weight in network.training.weights]
    found = portable.convert(graph, variables, directory / file)
    say(f"comparing {len(examples)} sentences")
    n_best = 1 if kind == SCORES else decoding.n_best
    parity = compare(found, examples, n_best, portable.batches, FILLINGS.get(kind, PAD))
    _log(parity, portable)
    return found, parity


def _settings(job: PortableJob) -> dict[str, Any]:
    settings = {**job.settings, **LACKING}
    return settings if FORMATS[job.format].batch is None else {**settings, "shortlist": False}


def _whole_beam(job: PortableJob, own: RunConfig) -> dict[str, Any]:
    """Every output of the beam, so that what ties with an output of the model is known."""
    settings = _settings(job)
    return {**settings, "n_best": with_decoding(own, settings).decoding.beam_width}


def _log(parity: Parity, portable: PortableFormat) -> None:
    logger.info(
        "compared %d outputs of %d sentences with the search in memory, in batches of %s: "
        "scores differ by %.1e at most (bound %.0e), %d outputs are others with the same score",
        *(parity.outputs, parity.sentences, " and ".join(map(str, portable.batches))),
        *(parity.largest_score_difference, SCORE_BOUND, parity.ties),
    )


def _manifest(job: PortableJob, directory: Path, about: Mapping[str, Any]) -> bytes:
    portable = FORMATS[job.format]
    written = {
        "format": FORMAT,
        "model": job.format,
        "versions": {each: version(each) for each in (*PACKAGES, *portable.packages)},
        "run_manifest_sha256": file_sha256(job.run / MANIFEST),
        "special_ids": asdict(SpecialIds()),
        **about,
        "files": {each.name: file_sha256(each) for each in sorted(directory.iterdir())},
    }
    return json.dumps(written, indent=2).encode() + b"\n"


@dataclass(frozen=True)
class RoundingCost:
    """The comparison of a model before and after its weights were rounded."""

    lines: int
    changed_lines: int
    bleu: float  # of the model with rounded weights
    float32_bleu: float
    most_bleu_lost: float = MOST_BLEU_LOST


def cost_of_rounding(
    before: PortableSearch, after: PortableSearch, config: RunConfig, subwords: Subwords
) -> RoundingCost | None:
    """What rounding costs on up to `LINES` lines; None if the validation text is not there.

    Args:
        before: the model with float32 weights.
        after: the model with rounded ones.
        config: of the run.
        subwords: its vocabulary.

    Raises:
        ExportError: it costs more than `MOST_BLEU_LOST`.
    """
    try:
        pairs = read_pairs(config.data.validation_source, config.data.validation_target)
        sources, references = zip(*islice(pairs, LINES), strict=True)
    except (DataError, ValueError):  # missing, unreadable by now, or empty
        logger.warning("the run's validation text is not there: what rounding costs is not known")
        return None
    language = config.data.language_of_target(config.data.validation_target)
    found = [_translated(each, sources, config, subwords) for each in (before, after)]
    float32_bleu, bleu = (corpus_bleu(each, references, language) for each in found)
    changed = sum(one != other for one, other in zip(*found, strict=True))
    if float32_bleu - bleu > MOST_BLEU_LOST:
        raise ExportError(
            f"rounded weights score {bleu:.2f} BLEU on the validation text and float32 "
            f"{float32_bleu:.2f}, which is more than {MOST_BLEU_LOST} less; export with --weights "
            "float32 or float16"
        )
    logger.info(
        "rounded weights change %d of %d translations of the validation text; BLEU %.2f, float32 "
        "%.2f (bound: %.1f less)",
        *(changed, len(sources), bleu, float32_bleu, MOST_BLEU_LOST),
    )
    return RoundingCost(len(sources), changed, round(bleu, 2), round(float32_bleu, 2))


def _translated(
    search: PortableSearch, sources: Sequence[str], config: RunConfig, subwords: Subwords
) -> list[str]:
    """The validation text's sources, into its target's language."""
    decoding, tags = config.decoding, config.data.tags_for(config.data.validation_target)
    found = batch_search(search, decoding)
    translate = LineTranslator(subwords, found, decoding.longest_source, tags=tags)
    return [joined(line, subwords)[0].text for window in translate([sources]) for line in window]
