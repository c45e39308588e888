"""Measures one network at work; prints time, memory and multiply-adds as JSON.

    python -m benchmarks.growth.point translating --units 1024

A process of its own, because a process keeps the memory that it once had, and TensorFlow its
threads. Weights are random: what a step costs does not depend on them. Every output is given the
length of its source.
"""

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.machine import load_on_cores, machine_rate
from seq2seq.config.sections import DecodingConfig, RunConfig

REPEATS = 5  # of the timed call
LEAST_SECONDS = 0.2  # of each
DOINGS = ("translating", "training")
MIB = 2**20


@dataclass(frozen=True)
class Ask:
    """What is measured."""

    doing: str  # of `DOINGS`
    length: int = 20  # subwords of a source, and of a target
    beam: int = 5
    vocabulary: int = 8000
    units: int = 512  # and half as many in an embedding
    sentences: int = 16  # searched at once
    tokens: int = 1024  # target tokens of a training step, at most: sentences are whole

    @property
    def sentences_trained(self) -> int:
        """Of a training step."""
        return max(1, self.tokens // self.length)


@dataclass(frozen=True)
class Point:
    """What was found."""

    seconds: float  # of the core; a call's median
    least: float
    most: float
    multiply_adds: float  # of a call's products
    machine_rate: float  # multiply-adds a second of one large product of the same type
    mebibytes: float  # that the process grew by


def measure(ask: Ask) -> Point:
    """Makes the network, and lets it work until times agree."""
    before = _peak()
    config = settings(ask)
    call, precision = _PREPARE[ask.doing](ask, config)
    call()
    seconds = [_seconds(call) for _ in range(REPEATS)]
    grown = _peak() - before  # before the machine's rate is told, by large matrices of its own
    return Point(
        seconds=statistics.median(seconds),
        least=min(seconds),
        most=max(seconds),
        multiply_adds=multiply_adds(ask, config),
        machine_rate=machine_rate(precision, time.process_time),
        mebibytes=grown / MIB,
    )


def settings(ask: Ask) -> RunConfig:
    """Those of the network of configs/multi30k_7m.yaml, changed as asked."""
    from seq2seq.config.loading import check_settings

    files = ("train_source", "train_target", "validation_source", "validation_target")
    sections = {
        "data": {**dict.fromkeys(files, "none"), "batch_tokens": ask.tokens},
        "model": {
            "embedding_size": ask.units // 2,
            "units": ask.units,
            "tied_embeddings": "target",
            "dropout": 0.3,
        },
        "training": {"precision": "bfloat16"},
        "decoding": {
            "beam_width": ask.beam,
            "shortest": ask.length,
            "longest_factor": 0.001,
            "longest_extra": ask.length,
        },
    }
    return check_settings(sections, "benchmark")


def multiply_adds(ask: Ask, config: RunConfig) -> float:
    """Of a call: products with weights, attention's with the source, and training's backward."""
    from seq2seq.workflows.network_size import sizes_of

    sizes = sizes_of(config, ask.vocabulary)
    target = sizes.target_token + 2 * ask.units * ask.length
    if ask.doing == "translating":
        return ask.sentences * ask.length * (sizes.source_token + ask.beam * target)
    return 3.0 * ask.sentences_trained * ask.length * (sizes.source_token + target)


def _translating(ask: Ask, config: RunConfig) -> tuple[Callable[[], Any], str]:
    import numpy as np
    import tensorflow as tf

    from seq2seq.data.subwords import BOS, EOS, PAD
    from seq2seq.translation.search import make_engine, make_search, network

    decoding: DecodingConfig = config.decoding
    engine = make_engine(network(config, ask.vocabulary), decoding, [PAD, BOS])
    search = make_search([engine], decoding)
    ids = _random_ids(ask, ask.sentences)
    ids[:, -1] = EOS
    source_ids = tf.constant(ids)
    lengths = np.array(search(source_ids)["lengths"])
    assert lengths[:, 0].tolist() == [ask.length] * ask.sentences
    return lambda: search(source_ids)["ids"].numpy(), decoding.precision


def _training(ask: Ask, config: RunConfig) -> tuple[Callable[[], Any], str]:
    import tensorflow as tf

    from seq2seq.training.train_step import Optimization, seeded

    with seeded(1):
        optimization = Optimization(config, ask.vocabulary)
    ids = tf.constant(_random_ids(ask, ask.sentences_trained))
    return lambda: optimization.step((ids, ids, ids), 0.001), config.training.precision


_PREPARE = {"translating": _translating, "training": _training}


def _random_ids(ask: Ask, sentences: int) -> Any:
    import numpy as np

    draw = np.random.default_rng(1)
    return draw.integers(4, ask.vocabulary, (sentences, ask.length)).astype("int32")


def _seconds(call: Callable[[], Any]) -> float:
    """Of the core, a call; of as many calls as take long enough to be timed."""
    calls, started = 0, time.process_time()
    while (taken := time.process_time() - started) < LEAST_SECONDS:
        call()
        calls += 1
    return taken / calls


def _peak() -> int:
    """Bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("doing", choices=DOINGS)
    for name, value in asdict(Ask("")).items():
        if name != "doing":
            parser.add_argument(f"--{name}", type=int, default=value)
    ask = Ask(**vars(parser.parse_args()))
    load_on_cores(1)
    print(json.dumps(asdict(measure(ask))))


if __name__ == "__main__":
    main()
