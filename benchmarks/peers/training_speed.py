"""What a training speed measurement is asked and what it answers, the same for every peer.

Both sides import this file, the project's process and the peer's, so it needs nothing but Python.
"""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.messages import Answer, Request


@dataclass(frozen=True, kw_only=True)
class TrainingRun(Request):
    """One LSTM network with general attention, trained for a counted number of steps.

    The encoder is one bidirectional layer of `units` / 2 per direction, the decoder one layer of
    `units`. Both files hold one sentence per line as subwords separated by single spaces.
    """

    source: Path
    target: Path
    vocabulary_size: int  # joint, special symbols included; one row of each matrix per entry
    embedding_size: int = 256
    units: int = 512
    dropout: float = 0.3
    batch_size: int = 64  # sentences
    threads: int = 1
    warm_up_steps: int = 10  # run before the clock starts
    measured_steps: int = 60
    data_workers: int = 2  # processes that prepare batches; 0: the training process does it
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class TrainingSpeed(Answer):
    """Throughput over the measured steps; target tokens include EOS and exclude padding."""

    toolkit: str
    target_tokens: int
    seconds: float
    target_tokens_per_second: float
    parameters: int
    threads: int
