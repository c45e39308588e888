"""What a training speed measurement is asked and what it answers, the same for every peer.

Both sides import this file, the project's process and the peer's, so it needs nothing but Python.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
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

    def to_arguments(self) -> list[str]:
        """The command line that `from_arguments` reads back."""
        return [
            part
            for name, value in asdict(self).items()
            for part in ("--" + name.replace("_", "-"), str(value))
        ]

    @classmethod
    def from_arguments(
        cls, description: str | None, arguments: Sequence[str] | None = None
    ) -> "TrainingRun":
        """Reads a run from a command line, by default that of this process."""
        parser = argparse.ArgumentParser(description=description)
        for field in fields(cls):
            flag = "--" + field.name.replace("_", "-")
            if field.default is MISSING:
                parser.add_argument(flag, type=field.type, required=True, help="required")
            else:
                text = f"default: {field.default}"
                parser.add_argument(flag, type=field.type, default=field.default, help=text)
        return cls(**vars(parser.parse_args(arguments)))


@dataclass(frozen=True, kw_only=True)
class TrainingSpeed:
    """Throughput over the measured steps; target tokens include EOS and exclude padding."""

    toolkit: str
    target_tokens: int
    seconds: float
    target_tokens_per_second: float
    parameters: int
    threads: int

    def to_json(self) -> str:
        """One line that `from_json` reads back."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "TrainingSpeed":
        """Reads what `to_json` wrote; any other text raises ValueError or TypeError."""
        return cls(**json.loads(line))
