"""Settings of the text: the corpora of training, validation and test, and their languages."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from seq2seq.config.architecture import NUMBER, STRICT, Share, Unit
from seq2seq.config.languages import Languages, LanguageTag, LanguageTags, language_of_file

MANIFEST = "manifest.json"  # in a folder of shards; names all else in it by hash
PARTS = ("source", "target", "weights")  # of a corpus: files of equally many lines
BatchTokens = Annotated[int, Field(ge=16, le=10**6), NUMBER, Unit("subwords")]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TrainingCorpus:
    """One of the parallel texts that a run is trained on."""

    source: Path
    """Text in the source language."""
    target: Path
    """Its translation, line by line."""
    share: Annotated[float, Field(ge=1e-6, le=1e6), NUMBER] | None = None
    """How much of an epoch is drawn from this corpus, relative to the shares of the others; of all
    corpora or of none. Without shares each pair of each corpus comes once."""
    target_language: LanguageTag | None = None
    """Language of this corpus's target; without it, the one that the target file's name ends in, if
    any. For `language_tags`."""
    weights: Path | None = None
    """File of what each pair counts, as `train_weights`; without it, each counts 1."""


def _none_as_empty(value: Any) -> Any:
    return () if value is None else value


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DataConfig:
    """The parallel text: a sentence a line, plain or .gz; paths from the working directory."""

    train_source: Path | None = None
    """Training text in the source language; of several corpora, `train` has the files."""
    train_target: Path | None = None
    """Its translation, line by line."""
    train_weights: Path | None = None
    """File of what each training pair counts in the loss beside others, a number from 1e-6 to 1e6
    a line; all are divided by their mean, so that only ratios matter. Without it, each counts
    alike."""
    train: Annotated[tuple[TrainingCorpus, ...], BeforeValidator(_none_as_empty)] = ()
    """Several training corpora, in place of `train_source` and `train_target`; null: none."""
    shards: Path | None = None
    """Folder of `python -m data_prep shards`, which is trained on in place of the text; settings of
    text may stay beside it, and no file of theirs need be there."""
    validation_source: Path
    """Text that the best weights are chosen by."""
    validation_target: Path
    """Its translation."""
    test_source: Path | None = None
    """Text that is scored once, after training."""
    test_target: Path | None = None
    """Its translation."""
    source_language: LanguageTag | None = None
    """Language of the source, a BCP 47 tag such as en or pt-BR; without it, the one that the
    training file's name ends in, if any."""
    target_language: LanguageTag | None = None
    """Language of the target. BLEU finds words as this language has them: Japanese needs the extra
    ja, Korean ko."""
    language_tags: bool = False
    """Whether each source begins with a tag of the language that is wanted, such as `<2fr>`, one
    subword each: for training text with several target languages, among which `translate --to`
    chooses."""
    longest: Annotated[int, Field(ge=2, le=1000), NUMBER, Unit("subwords")] = 100
    """Longest side of a training pair; longer pairs are left out."""
    shuffle_buffer: Annotated[int, Field(gt=0, le=10**7), NUMBER, Unit("pairs")] = 100_000
    """Pairs held in memory while shuffling."""
    concatenation: Share = 0.0
    """Probability that a training pair is joined with the next one of an epoch's random order into
    a single pair, of at most `longest` a side (Nguyen et al. 2021)."""
    batch_tokens: BatchTokens = 1024
    """Target side of a batch, padding counted."""

    def __post_init__(self) -> None:
        """Rejects half of a set, two sets of training files, and shares of some corpora alone."""
        if (self.test_source is None) != (self.test_target is None):
            raise ValueError("test_source and test_target are given together or not at all")
        self._check_training_text()
        unknown = [corpus.target for corpus in self.corpora if not self.language_of(corpus)]
        if self.language_tags and unknown:
            raise ValueError(
                f"language_tags: which language is {unknown[0]}? Give train[].target_language, "
                "target_language, or a file whose name ends in one"
            )
        if self.language_tags and self.concatenation:
            raise ValueError(
                f"concatenation would put a tag into the middle of a source, and two languages "
                f"into a target (language_tags: true, concatenation: {self.concatenation})"
            )

    def _check_training_text(self) -> None:
        for part in PARTS:
            given = getattr(self, f"train_{part}") is not None
            if not (self.train or given or self.shards or part == "weights"):
                raise ValueError(f"train_{part}: Missing; add it to the file, or `train`")
            if self.train and given:
                raise ValueError(f"train is in place of train_{part}; leave one of them out (null)")
        if (self.train_source is None) != (self.train_target is None):
            raise ValueError("train_source and train_target are given together or not at all")
        if self.is_weighted and self.concatenation:
            raise ValueError(
                f"concatenation would make one pair of two that count differently; leave out the "
                f"weights, or concatenation (got {self.concatenation})"
            )
        shares = [corpus.share is not None for corpus in self.train]
        if any(shares) and not all(shares):
            raise ValueError(
                f"train.{shares.index(False)}.share: Missing; give every corpus a share, or none"
            )
        if not self.shards:
            return
        if any(shares):
            raise ValueError("shards hold each pair once; leave out train[].share, or shards")
        if self.is_weighted or self.train_weights:
            raise ValueError("shards hold pairs that count alike; leave out the weights, or shards")
        if self.concatenation:
            raise ValueError(
                f"shards are read as they are; concatenation: {self.concatenation} needs text"
            )
        if self.language_tags and not self.corpora:
            raise ValueError("language_tags: with shards, train says which languages there are")

    @property
    def corpora(self) -> tuple[TrainingCorpus, ...]:
        """The training corpora; one, if there is no list of them; none with `shards` alone."""
        if self.train_source is None or self.train_target is None:
            return self.train
        only = TrainingCorpus(
            source=self.train_source, target=self.train_target, weights=self.train_weights
        )
        return (only,)

    @property
    def is_weighted(self) -> bool:
        """Whether pairs may count differently."""
        return any(corpus.weights for corpus in self.corpora)

    @property
    def training_files(self) -> dict[str, Path]:
        """Source, target and weights, if any, of each corpus, by the settings that name them."""
        between = "train_" if not self.train else "train.{}."
        return {
            f"{between.format(number)}{part}": path
            for number, corpus in enumerate(self.corpora)
            for part in PARTS
            if (path := getattr(corpus, part))
        }

    @property
    def fixed_files(self) -> dict[str, Path]:
        """The files that a run is made from, by the settings that name them."""
        training = {"shards": self.shards / MANIFEST} if self.shards else self.training_files
        return {
            **training,
            "validation_source": self.validation_source,
            "validation_target": self.validation_target,
        }

    def language_of(self, corpus: TrainingCorpus) -> str | None:
        """The target language of a training corpus."""
        return corpus.target_language or self.language_of_target(corpus.target)

    def language_of_target(self, path: Path) -> str | None:
        """The language of a target text: of several languages, as its name ends."""
        named = language_of_file(path) if self.train else None
        return named or self.languages.target

    @property
    def tags(self) -> LanguageTags | None:
        """The tags of `language_tags`; the first corpus's language is the default."""
        if not self.language_tags:
            return None
        languages = [str(self.language_of(corpus)) for corpus in self.corpora]
        return LanguageTags(tuple(dict.fromkeys(languages)), languages[0])

    def tags_for(self, path: Path) -> LanguageTags | None:
        """The tags whose default is the language of a target text.

        Raises:
            ConfigError: training has no such language.
        """
        return self.tags and self.tags.into(str(self.language_of_target(path)))

    @property
    def languages(self) -> Languages:
        """The languages of the run: as set, or as the names of the first training files end.

        With `shards` alone, as those of the validation files end.
        """
        if not self.corpora:
            return Languages(
                self.source_language or language_of_file(self.validation_source),
                self.target_language or language_of_file(self.validation_target),
            )
        first = self.corpora[0]
        return Languages(
            self.source_language or language_of_file(first.source),
            self.target_language or first.target_language or language_of_file(first.target),
        )
