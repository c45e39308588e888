"""Whose turn it is to translate: this project and its peers, the same text, one after the other."""

import hashlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.child import run_child
from benchmarks.peers.toolkit import Toolkit
from benchmarks.peers.translation_speed import (
    SOURCE,
    TARGET,
    VOCABULARY,
    BriefTraining,
    TranslationRun,
    TranslationSpeed,
)
from benchmarks.translation_speed.corpus import Corpus, Mode, evenly
from benchmarks.translation_speed.own_translation import OwnTranslation
from seq2seq.data.lines import read_lines, write_lines
from seq2seq.errors import ConfigError
from seq2seq.scoring.scores import corpus_bleu

OWN = "seq2seq"
BATCH_SIZES = (32, 64)  # of which a peer gets the faster one
UNDISTURBED = 0.97  # share of the CPU below which a measurement is marked
TRIAL = 256  # sentences that decide it


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One toolkit's turn."""

    round: int
    mode: str
    toolkit: str
    variant: str  # of this project; a peer's is its batch size
    sentences: int
    target_tokens: int  # one EOS a sentence included
    seconds: float
    processor_seconds: float
    bleu: float
    share: float | None = None  # of the machine's matrix-product rate in the variant's precision
    machine_rates: dict[str, float] = field(default_factory=dict)  # multiply-adds a second
    training_steps: int | None = None  # of a peer

    @property
    def tokens_per_second(self) -> float:
        """Output subwords a second."""
        return self.target_tokens / self.seconds

    @property
    def sentences_per_second(self) -> float:
        """Sentences a second."""
        return self.sentences / self.seconds

    @property
    def processor_share(self) -> float:
        """Of the CPU, what this had while it was timed: 1 unless other work ran on it."""
        return self.processor_seconds / self.seconds

    def line(self) -> str:
        """For the reader who waits."""
        shared = self.processor_share < UNDISTURBED
        return (
            f"round {self.round}, {self.mode}: {self.toolkit}, {self.variant}: "
            f"{self.tokens_per_second:,.0f} tokens/s, "
            f"{self.sentences_per_second:,.1f} sentences/s, BLEU {self.bleu:.2f}"
            f"{f', with {self.processor_share:.0%} of the CPU' if shared else ''}"
        )


@dataclass(frozen=True)
class Peers:
    """The peers with networks of the run's dimensions.

    Attributes:
        corpus: the run and its text.
        toolkits: which.
        cache: folder of their data and checkpoints.
    """

    corpus: Corpus
    toolkits: Sequence[Toolkit]
    cache: Path

    @property
    def data(self) -> Path:
        """The training text in the run's subwords; beside it a folder of checkpoints for each."""
        model = self.corpus.config.model
        digest = hashlib.sha256(self.corpus.subwords.model).hexdigest()[:8]
        return self.cache / f"{model.embedding_size}x{model.units}-{digest}"

    def train(self, steps: int) -> None:
        """Trains each on so many batches of 64 sentences, unless it has been trained that long.

        Raises:
            ConfigError: the run was trained on shards alone.
        """
        model, corpora = self.corpus.config.model, self.corpus.config.data.corpora
        if not corpora:
            raise ConfigError(
                f"{self.corpus.run} was trained on shards alone, which no peer reads; give a run "
                "whose data.train_source and data.train_target are text"
            )
        corpus = corpora[0]
        self.data.mkdir(parents=True, exist_ok=True)
        for path, name in ((corpus.source, SOURCE), (corpus.target, TARGET)):
            if not (self.data / name).exists():
                self.corpus.write_pieces(self.data / name, read_lines(path))
        self.corpus.write_vocabulary(self.data / VOCABULARY)
        for toolkit in self.toolkits:
            print(f"{toolkit.name}: trained for {steps} steps", end="", file=sys.stderr, flush=True)
            training = BriefTraining(
                data=self.data,
                folder=self.data / toolkit.module,
                vocabulary_size=self.corpus.subwords.size,
                embedding_size=model.embedding_size,
                units=model.units,
                steps=steps,
            )
            toolkit.train_briefly(training)
            print(", done", file=sys.stderr, flush=True)

    def batch_size(self, toolkit: Toolkit, mode: Mode) -> int:
        """The faster one of `BATCH_SIZES`; 1 where sentences come one at a time."""
        if mode.single:
            return 1
        lines = [source for source, _ in evenly(self.corpus.text(mode), TRIAL)]
        rates = {}
        for size in BATCH_SIZES:
            speed, _ = self.translate(toolkit, mode, size, lines, warm_up_passes=1)
            rates[size] = speed.target_tokens / speed.seconds
        tried = ", ".join(f"{size}: {rate:,.0f}" for size, rate in rates.items())
        print(f"{toolkit.name}, {mode.name}, tokens/s by batch size: {tried}", file=sys.stderr)
        return max(rates, key=rates.__getitem__)

    def translate(
        self, toolkit: Toolkit, mode: Mode, batch_size: int, lines: list[str], warm_up_passes: int
    ) -> tuple[TranslationSpeed, list[str]]:
        """What was measured, and the translations."""
        with tempfile.TemporaryDirectory() as name:
            text, output = Path(name) / "text.pieces", Path(name) / "output.pieces"
            self.corpus.write_pieces(text, lines)
            speed = toolkit.translate(
                TranslationRun(
                    data=self.data,
                    folder=self.data / toolkit.module,
                    text=text,
                    output=output,
                    beam_width=mode.beam_width,
                    batch_size=batch_size,
                    warm_up_passes=warm_up_passes,
                )
            )
            return speed, self.corpus.read_pieces(output)

    def turn(self, toolkit: Toolkit, mode: Mode, batch_size: int, number: int) -> Measurement:
        """One turn of a peer, the `number`th."""
        pairs = self.corpus.text(mode)
        lines = [source for source, _ in pairs]
        speed, translations = self.translate(toolkit, mode, batch_size, lines, warm_up_passes=1)
        return Measurement(
            round=number,
            mode=mode.name,
            toolkit=toolkit.name,
            variant=f"batches of {batch_size}",
            sentences=speed.sentences,
            target_tokens=speed.target_tokens,
            seconds=speed.seconds,
            processor_seconds=speed.processor_seconds,
            bleu=corpus_bleu(translations, [reference for _, reference in pairs]),
            training_steps=speed.training_steps,
        )


def own_turn(
    corpus: Corpus, mode: Mode, variants: Sequence[str], number: int
) -> Iterator[Measurement]:
    """One turn of this project, the `number`th: a measurement for each of its variants."""
    pairs = corpus.text(mode)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_lines(folder / "text", (source for source, _ in pairs))
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "benchmarks.translation_speed.own_translation",
        ]
        command += [corpus.run.resolve(), folder / "text", folder]
        command += ["--beam-width", str(mode.beam_width), "--variants", *variants]
        command += ["--single"] if mode.single else []
        output = run_child(command, "this project's translation")
        own = OwnTranslation.from_json(output.splitlines()[-1])
        for variant, speed in own.variants.items():
            translations = list(read_lines(folder / f"{variant}.txt"))
            yield Measurement(
                round=number,
                mode=mode.name,
                toolkit=OWN,
                variant=variant,
                sentences=len(pairs),
                target_tokens=speed.target_tokens,
                seconds=speed.seconds,
                processor_seconds=speed.processor_seconds,
                bleu=corpus_bleu(translations, [reference for _, reference in pairs]),
                share=own.share(variant),
                machine_rates=own.rates,
            )
