"""What a run folder or a settings file amounts to, without training."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from seq2seq.config.corpora import TrainingCorpus
from seq2seq.config.loading import load_run_config
from seq2seq.config.sections import RunConfig
from seq2seq.errors import ConfigError
from seq2seq.manifest import SUBWORDS
from seq2seq.run_folder import RunFolder
from seq2seq.workflows.network_size import (
    LENGTH,
    LayerSize,
    sizes_of,
    training_bytes,
    translation_bytes,
)

Row = tuple[str, str]  # name and value; a heading has no value
MEBIBYTE = 2**20
NOT_SAID = "not said (data.source_language, data.target_language)"


def describe(subject: Path, overrides: Sequence[str] = ()) -> list[Row]:
    """Rows of name and value for a run folder or a settings file.

    Raises:
        ConfigError: the settings are wrong, or there are overrides for a run folder.
    """
    if subject.is_dir():
        if overrides:
            raise ConfigError(
                f"{subject} is a run folder, whose settings are fixed; --set is for settings files"
            )
        folder = RunFolder.open(subject)
        config, size = folder.config(), folder.manifest["vocabulary_size"]
        return [*_network(config, size), *_run(folder)]
    config = load_run_config(subject, list(overrides))
    return _network(config, config.subwords.vocabulary_size)


def _network(config: RunConfig, vocabulary_size: int) -> list[Row]:
    model = config.model
    languages = config.data.languages
    sizes = sizes_of(config, vocabulary_size)
    translating, training = translation_bytes(config, sizes), training_bytes(config, sizes)
    return [
        ("languages", ""),
        ("source language", languages.source or NOT_SAID),
        ("target language", languages.target or NOT_SAID),
        ("training text", ""),
        *([("shards", str(config.data.shards))] if config.data.shards else []),
        *_corpora(config.data.corpora),
        ("network", ""),
        ("cell", model.cell),
        ("encoder", f"{model.encoder}, {model.encoder_layers} layers"),
        ("decoder", f"{model.decoder_layers} layers of {model.units} units"),
        ("attention", model.attention),
        ("vocabulary", f"{vocabulary_size:,} {config.subwords.kind} subwords"),
        ("parameters", f"{sizes.parameters:,}"),
        *(_row(part) for part in sizes.parts),
        (
            "multiply-adds",
            f"{sizes.source_token:,} a source token, {sizes.target_token:,} a target token, "
            "attention's between positions not counted",
        ),
        (
            "memory to translate",
            f"{_mebibytes(translating['weights'])} of weights and "
            f"{_mebibytes(translating['tables'])} prepared of them, "
            "beside TensorFlow and the batches",
        ),
        (
            "memory to train",
            f"about {_mebibytes(training['weights'])} of weights and moments; of a batch, "
            f"{_mebibytes(training['logits'])} of logits and "
            f"{_mebibytes(training['activations'])} of activations at {LENGTH} subwords a sentence",
        ),
    ]


def _corpora(corpora: Sequence[TrainingCorpus]) -> Iterator[Row]:
    total = sum(corpus.share or 0 for corpus in corpora)
    for number, corpus in enumerate(corpora, 1):
        part = f"  {corpus.share / total:.1%} of an epoch" if corpus.share else ""
        weights = f", weights {corpus.weights}" if corpus.weights else ""
        yield f"corpus {number}", f"{corpus.source}, {corpus.target}{weights}{part}"


def _mebibytes(size: int) -> str:
    return f"{size / MEBIBYTE:,.0f} MiB"


def _row(part: LayerSize) -> Row:
    shapes = " ".join("x".join(map(str, shape)) for shape in part.shapes)
    shown = shapes if len(shapes) <= 60 else f"{len(part.shapes)} weights"
    return f"  {part.name}", f"{part.parameters:>12,}  {shown}"


def _run(folder: RunFolder) -> list[Row]:
    manifest = folder.manifest
    rows: list[Row] = [("run", ""), ("folder", str(folder.path))]
    rows += [(f"{role} weights", name) for role, name in manifest["weights"].items()]
    if began := manifest.get("started_from"):
        kept = began["vocabulary"] == manifest["files"][SUBWORDS]
        vocabulary = "its vocabulary" if kept else "another vocabulary"
        rows.append(
            ("began from", f"{began['run']}, best weights {began['weights'][:8]}, {vocabulary}")
        )
    rows += _training(folder)
    rows += [("versions", "")]
    rows += [(name, number) for name, number in manifest["versions"].items()]
    rows += [("scores", "")]
    for row in [each for each in folder.history() if each["best"] == "1"][-1:]:
        wrong = row.get("wrong_source_perplexity")  # runs of version 0.1 have none
        beside = f" ({float(wrong):.2f} with other sources)" if wrong else ""
        rows.append(("validation perplexity", f"{float(row['validation_perplexity']):.2f}{beside}"))
    for split, scores in folder.scores().items():
        if split != "of":
            rows.append((f"{split} BLEU", f"{scores['bleu']:.2f}  {scores['bleu_signature']}"))
            rows.append((f"{split} chrF", f"{scores['chrf']:.2f}  {scores['chrf_signature']}"))
            rows.append((f"{split} TER", f"{scores['ter']:.2f}  {scores['ter_signature']}"))
    return rows


def _training(folder: RunFolder) -> list[Row]:
    """How fast it was, and over how much a step is."""
    history = folder.history()
    if not history or not history[-1].get("target_tokens_per_second"):
        return []
    last = history[-1]
    rate = float(last["target_tokens_per_second"])
    rows = [("training", ""), ("steps", last["step"]), ("target tokens a second", f"{rate:,.0f}")]
    if batches := last.get("batches_a_step"):
        rows.append(("batches a step", f"{batches}, on {last['workers']} workers"))
    return rows
