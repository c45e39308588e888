"""What everybody translates: the test text of a run, in the run's subwords for its peers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from seq2seq.config.sections import ModelConfig, RunConfig
from seq2seq.data.lines import read_lines, read_pairs, write_lines
from seq2seq.data.subwords import UNKNOWN, SpecialIds, Subwords
from seq2seq.errors import ConfigError
from seq2seq.run_folder import RunFolder

Each = TypeVar("Each")


@dataclass(frozen=True)
class Mode:
    """A way to translate the text."""

    name: str
    beam_width: int  # 1 = greedy
    single: bool = False  # one sentence at a time


MODES = {
    "beam": (Mode("beam 5", 5),),
    "greedy": (Mode("greedy", 1),),
    "single": (
        Mode("beam 5, one sentence at a time", 5, single=True),
        Mode("greedy, one sentence at a time", 1, single=True),
    ),
}


@dataclass(frozen=True)
class Corpus:
    """A run, the text it is tested on, and its vocabulary."""

    run: Path
    config: RunConfig
    subwords: Subwords
    pairs: list[tuple[str, str]]  # source and reference
    single_pairs: list[tuple[str, str]]  # of those, what is translated one at a time

    @classmethod
    def of_run(cls, run: Path, sentences: int | None, single_sentences: int) -> "Corpus":
        """Reads the run's test text, without blank lines, which not every peer takes.

        Raises:
            Seq2SeqError: no run, no test text, or a network that the peers do not have.
        """
        folder = RunFolder.open(run)
        config = folder.config()
        _check(config.model)
        if config.data.test_source is None or config.data.test_target is None:
            raise ConfigError(f"{run} names no data.test_source; train with a test text")
        pairs = list(read_pairs(config.data.test_source, config.data.test_target))
        pairs = [pair for pair in pairs if all(map(str.strip, pair))]
        pairs = pairs if sentences is None else evenly(pairs, sentences)
        return cls(run, config, folder.subwords(), pairs, evenly(pairs, single_sentences))

    def text(self, mode: Mode) -> list[tuple[str, str]]:
        """What is translated in a mode."""
        return self.single_pairs if mode.single else self.pairs

    def write_pieces(self, path: Path, lines: Iterable[str]) -> None:
        """Writes the subwords of each line between spaces."""
        pieces = (self.subwords.pieces(self.subwords.encode(line)) for line in lines)
        write_lines(path, (" ".join(each) for each in pieces))

    def read_pieces(self, path: Path) -> list[str]:
        """The texts of subwords that a peer wrote; special symbols of its own are unknown."""
        numbers = {
            piece: number
            for number, piece in enumerate(self.subwords.pieces(range(self.subwords.size)))
        }
        lines = (line.split(" ") for line in read_lines(path))
        ids = ([numbers.get(piece, UNKNOWN) for piece in line if piece] for line in lines)
        return [self.subwords.decode(each) for each in ids]

    def write_vocabulary(self, path: Path) -> None:
        """A subword a line, without the special symbols, which every peer adds itself."""
        special = len(vars(SpecialIds()))
        write_lines(path, self.subwords.pieces(range(special, self.subwords.size)))


def evenly(values: Sequence[Each], count: int) -> list[Each]:
    """So many of the values, evenly spread."""
    count = min(count, len(values))
    return [values[number * len(values) // count] for number in range(count)]


def _check(model: ModelConfig) -> None:
    """Peers get one bidirectional encoder layer, one decoder layer and general attention."""
    wanted = {"encoder_layers": 1, "decoder_layers": 1, "attention": "general"}
    for name, value in wanted.items():
        if getattr(model, name) != value:
            raise ConfigError(f"model.{name}: the peers' networks have {value}; give such a run")
