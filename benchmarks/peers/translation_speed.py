"""What a peer's brief training and its translation are asked, and what they answer.

Both sides import this file, the project's process and the peer's, so it needs nothing but Python.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.messages import Answer, Request

SOURCE, TARGET = "train.source", "train.target"  # a sentence a line, subwords between spaces
VOCABULARY = "vocabulary.txt"  # joint, a subword a line, without special symbols


@dataclass(frozen=True, kw_only=True)
class BriefTraining(Request):
    """An LSTM network with general attention and input feeding, trained until outputs end.

    The encoder is one bidirectional layer of `units` / 2 per direction, the decoder one layer of
    `units`. `data` holds `SOURCE`, `TARGET` and `VOCABULARY`.
    """

    data: Path
    folder: Path  # of the checkpoints; a training that was stopped goes on from the last one
    vocabulary_size: int  # special symbols included
    embedding_size: int
    units: int
    steps: int
    dropout: float = 0.3
    batch_size: int = 64  # sentences
    save_every: int = 300  # steps
    threads: int = 1
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class TranslationRun(Request):
    """A text translated by a trained network."""

    data: Path  # as in `BriefTraining`
    folder: Path
    text: Path  # a sentence a line, subwords between spaces
    output: Path  # is written likewise
    beam_width: int  # 1 = greedy
    batch_size: int  # sentences
    warm_up_passes: int = 1  # over the whole text, before the one that is timed
    threads: int = 1


@dataclass(frozen=True, kw_only=True)
class TranslationSpeed(Answer):
    """One pass over the text, from its subwords to those of the translations; no loading."""

    toolkit: str
    seconds: float
    processor_seconds: float  # fewer than `seconds` where other work had the CPU
    sentences: int
    target_tokens: int  # of the translations, one EOS each included
    parameters: int
    training_steps: int  # of the checkpoint
    threads: int


@dataclass(frozen=True)
class Timed:
    """What the pass that was timed gave, and what it took."""

    found: Any
    seconds: float
    processor_seconds: float

    def speed(self, lines: list[str], **about: Any) -> TranslationSpeed:
        """What it says of the speed.

        Args:
            lines: the translations, subwords between spaces.
            about: the other fields.
        """
        return TranslationSpeed(
            seconds=self.seconds,
            processor_seconds=self.processor_seconds,
            sentences=len(lines),
            target_tokens=sum(len(line.split()) + 1 for line in lines),
            **about,
        )


def timed(translate: Callable[[], Any], warm_up_passes: int) -> Timed:
    """Translates `warm_up_passes` times, and once more by the clock."""
    for _ in range(warm_up_passes):
        translate()
    started, processor_started = time.monotonic(), time.process_time()
    found = translate()
    return Timed(found, time.monotonic() - started, time.process_time() - processor_started)


def write_translations(path: Path, lines: list[str]) -> None:
    """A line each."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
