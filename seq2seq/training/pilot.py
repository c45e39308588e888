"""How long training will take: a few steps of it, timed."""

import itertools
import time
from dataclasses import dataclass

from seq2seq.config.sections import RunConfig
from seq2seq.data.subwords import Subwords
from seq2seq.training.encoded_corpus import encode_corpus
from seq2seq.training.epochs import Epochs
from seq2seq.training.train_step import Optimization

WARM_UP = 3  # steps that trace and fill caches
MOST_STEPS, MOST_SECONDS = 30, 10.0  # of the steps that are timed


@dataclass(frozen=True)
class Pilot:
    """What a few steps of a training told; means over batches as they come."""

    seconds: float  # a step
    pairs: float  # a step
    parameters: int  # of the network


def time_steps(config: RunConfig, subwords: Subwords) -> Pilot:
    """Trains a few steps of an epoch; nothing is kept.

    Args:
        config: settings of a run; its training text may be a part of a larger one.
        subwords: its vocabulary.

    Raises:
        DataError: the text has no usable pair.
    """
    optimization = Optimization(config, subwords.size)
    batches = Epochs(config, subwords, encode_corpus(config.data, subwords)).batches(0)
    timed: list[tuple[float, int]] = []
    before = time.monotonic()
    for batch in itertools.islice(batches, WARM_UP + MOST_STEPS):
        optimization.step(batch, 0.0)
        now = time.monotonic()
        timed.append((now - before, len(batch[0])))
        before = now
        if sum(seconds for seconds, _ in timed[WARM_UP:]) > MOST_SECONDS:
            break
    timed = timed[WARM_UP:] or timed[-1:]  # a tiny corpus has no more
    seconds, pairs = (sum(each) / len(timed) for each in zip(*timed, strict=True))
    return Pilot(seconds, pairs, optimization.parameters)
