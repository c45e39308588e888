"""What a run folder or a settings file amounts to, without training."""

from pathlib import Path

from seq2seq.config.loading import load_run_config
from seq2seq.config.sections import RunConfig
from seq2seq.models.translator import Translator
from seq2seq.workflows.assembly import network
from seq2seq.workflows.run_folder import RunFolder

Row = tuple[str, str]  # name and value; a heading has no value
COPIES = 5  # weights, gradients, two moments, and the network that validates


def describe(subject: Path) -> list[Row]:
    """Rows of name and value for a run folder or a settings file."""
    if subject.is_dir():
        folder = RunFolder.open(subject)
        config, size = folder.config(), folder.manifest["vocabulary_size"]
        return [*_network(config, size), *_run(folder)]
    config = load_run_config(subject)
    return _network(config, config.subwords.vocabulary_size)


def _network(config: RunConfig, vocabulary_size: int) -> list[Row]:
    translator = network(config, vocabulary_size)
    parts = _parameters(translator)
    total = sum(parts.values())
    copies = COPIES + bool(config.training.averaging)
    # Of the arrays that grow with the batch, logits and their softmax are by far the largest.
    logits = 2 * config.data.batch_tokens * vocabulary_size
    return [
        ("network", ""),
        ("cell", "lstm"),
        ("attention", config.model.attention),
        ("vocabulary", f"{vocabulary_size:,} {config.subwords.kind} subwords"),
        ("parameters", f"{total:,}"),
        *((f"  {name}", f"{count:,}") for name, count in parts.items()),
        ("memory to translate", f"{4 * total / 2**20:,.0f} MiB of weights"),
        (
            "memory to train",
            f"{4 * copies * total / 2**20:,.0f} MiB of weights and moments, "
            f"{4 * logits / 2**20:,.0f} MiB of logits a batch",
        ),
    ]


def _parameters(translator: Translator) -> dict[str, int]:
    """Trained values of each layer."""
    counts: dict[str, int] = {}
    for weight in translator.training.trainable_weights:
        layer = weight.path.split("/")[0]
        counts[layer] = counts.get(layer, 0) + int(weight.value.shape.num_elements())
    return counts


def _run(folder: RunFolder) -> list[Row]:
    manifest = folder.manifest
    rows: list[Row] = [("run", ""), ("folder", str(folder.path))]
    rows += [(f"{role} weights", name) for role, name in manifest["weights"].items()]
    rows += [("versions", "")]
    rows += [(name, number) for name, number in manifest["versions"].items()]
    rows += [("scores", "")]
    for split, scores in folder.scores().items():
        if split != "of":
            rows.append((f"{split} BLEU", f"{scores['bleu']:.2f}  {scores['bleu_signature']}"))
            rows.append((f"{split} chrF", f"{scores['chrf']:.2f}  {scores['chrf_signature']}"))
            rows.append((f"{split} TER", f"{scores['ter']:.2f}  {scores['ter_signature']}"))
    return rows
