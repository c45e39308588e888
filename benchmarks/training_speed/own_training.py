"""Trains this project's network for some steps; prints its speed and the machine's as JSON.

    python -m benchmarks.training_speed.own_training FOLDER --threads 1 --precision bfloat16

FOLDER is what `benchmarks.training_speed` prepares: source.txt, target.txt and subwords.model. A
process of its own, because TensorFlow's number of threads is fixed at its first operation.
"""

import argparse
import json
import statistics
import time
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from benchmarks.machine import load_on_cores, machine_rate

WARM_UP, MEASURED = 10, 60  # steps
SENTENCES = 64  # a batch, on average


@dataclass(frozen=True, kw_only=True)
class OwnSpeed:
    """What was measured; tokens include EOS and exclude padding."""

    target_tokens: int
    source_tokens: int
    seconds: float
    parameters: int
    sentences: int
    multiply_adds: float  # forward and backward, of real tokens only
    machine_rate: float  # float32 multiply-adds a second of a large matrix product, same run

    @classmethod
    def from_json(cls, line: str) -> "OwnSpeed":
        """Reads what this module printed."""
        return cls(**json.loads(line))

    @property
    def target_tokens_per_second(self) -> float:
        """Throughput over the measured steps."""
        return self.target_tokens / self.seconds

    @property
    def share(self) -> float:
        """Of the machine's float32 matrix-product rate, what the network's multiply-adds make."""
        return self.multiply_adds / self.seconds / self.machine_rate


def multiply_adds(
    source_tokens: int, target_tokens: int, pairs: int, embedding: int, units: int, vocabulary: int
) -> float:
    """Of training on so many tokens, forward and backward (twice the forward's).

    Bidirectional encoder layer, decoder layer, general attention, untied output layer; `pairs` is
    the sum over sentences of source times target length. Biases, gates and embeddings count
    nothing.
    """
    half = units // 2
    encoder = 2 * (embedding + half) * 4 * half + units * units  # both directions, attention keys
    decoder = (embedding + units) * 4 * units + 2 * units * units + units * vocabulary
    attention = 2 * units  # scores and context
    return 3.0 * (source_tokens * encoder + target_tokens * decoder + pairs * attention)


def measure(folder: Path, threads: int, precision: str) -> OwnSpeed:
    """Trains at 256 embedding, 512 units, dropout 0.3 and 64 sentences a batch; see `WARM_UP`."""
    import numpy as np

    from seq2seq.config.loading import check_settings
    from seq2seq.data.subwords import PAD, Subwords
    from seq2seq.training.encoded_corpus import encode_corpus
    from seq2seq.training.epochs import Epochs
    from seq2seq.training.train_step import Optimization

    config = check_settings(_settings(folder, precision, 1024), "benchmark")
    subwords = Subwords.load(folder / "subwords.model")
    corpus = encode_corpus(config.data, subwords)
    counts = corpus.counts
    tokens_a_batch = SENTENCES * (counts.target_subwords / counts.kept + 1)
    config = check_settings(_settings(folder, precision, round(tokens_a_batch)), "benchmark")
    optimization = Optimization(config, subwords.size)
    batches = iter(Epochs(config, subwords, corpus).batches(0))
    for batch in islice(batches, WARM_UP):
        optimization.step(batch, 0.001)
    rates = [machine_rate()]
    used, started = [], time.monotonic()
    for batch in islice(batches, MEASURED):
        optimization.step(batch, 0.001)
        used.append(batch)
    seconds = time.monotonic() - started
    rates.append(machine_rate())
    lengths = [
        [np.sum(ids.numpy() != PAD, axis=1) for ids in (source, target)]
        for source, _, target in used
    ]
    source_tokens, target_tokens = (sum(int(pair[n].sum()) for pair in lengths) for n in (0, 1))
    pairs = sum(int((source * target).sum()) for source, target in lengths)
    return OwnSpeed(
        target_tokens=target_tokens,
        source_tokens=source_tokens,
        seconds=seconds,
        parameters=optimization.parameters,
        sentences=sum(len(source) for source, _ in lengths),
        multiply_adds=multiply_adds(source_tokens, target_tokens, pairs, 256, 512, subwords.size),
        machine_rate=statistics.mean(rates),
    )


def _settings(folder: Path, precision: str, batch_tokens: int) -> dict:
    source, target = str(folder / "source.txt"), str(folder / "target.txt")
    return {
        "data": {
            "train_source": source,
            "train_target": target,
            "validation_source": source,
            "validation_target": target,
            "batch_tokens": batch_tokens,
        },
        "model": {
            "embedding_size": 256,
            "units": 512,
            "dropout": 0.3,
            "attention": "general",
            "tied_embeddings": "none",
        },
        "training": {"precision": precision},
    }


def main() -> None:
    """Prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), required=True)
    arguments = parser.parse_args()
    load_on_cores(arguments.threads)
    print(json.dumps(asdict(measure(arguments.folder, arguments.threads, arguments.precision))))


if __name__ == "__main__":
    main()
