"""Every setting of a run: typed, ranged, frozen; an unknown name is refused.

The sections are plain dataclasses checked by pydantic when they are made, in code and from YAML
alike.
"""

from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from seq2seq.config.architecture import NUMBER, STRICT, ModelConfig, Share
from seq2seq.config.languages import Languages, LanguageTag, language_of_file

Count = Annotated[int, Field(gt=0, le=10**9), NUMBER]
BatchTokens = Annotated[int, Field(ge=16, le=10**6), NUMBER]
Seed = Annotated[int, Field(ge=0, lt=2**31), NUMBER]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DataConfig:
    """The parallel text: a sentence a line, plain or .gz; paths from the working directory."""

    train_source: Path
    train_target: Path
    validation_source: Path
    validation_target: Path
    test_source: Path | None = None  # scored once, after training
    test_target: Path | None = None
    # BCP 47, e.g. de or pt-BR; none: as the training files' names end.
    source_language: LanguageTag | None = None
    target_language: LanguageTag | None = None
    # Subwords a side; longer pairs are left out.
    longest: Annotated[int, Field(ge=2, le=1000), NUMBER] = 100
    # Pairs held in memory while shuffling.
    shuffle_buffer: Annotated[int, Field(gt=0, le=10**7), NUMBER] = 100_000
    batch_tokens: BatchTokens = 1024  # target subwords a batch, padding counted

    def __post_init__(self) -> None:
        """Rejects half of a test set."""
        if (self.test_source is None) != (self.test_target is None):
            raise ValueError("test_source and test_target are given together or not at all")

    @property
    def languages(self) -> Languages:
        """The languages of the run: as set, or as the training files' names end."""
        return Languages(
            self.source_language or language_of_file(self.train_source),
            self.target_language or language_of_file(self.train_target),
        )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SubwordConfig:
    """The vocabulary, one for both languages; fixed once training has started."""

    kind: Literal["unigram", "bpe", "word", "character"] = "unigram"
    # 4 special and 256 byte pieces included.
    vocabulary_size: Annotated[int, Field(ge=261, le=10**6), NUMBER] = 8000
    sampling: Share = 0.0  # share of training words that are segmented at random (unigram only)
    # Kudo's alpha: small = varied.
    sampling_smoothness: Annotated[float, Field(ge=0.001, le=1), NUMBER] = 0.2

    def __post_init__(self) -> None:
        """Rejects sampling where a word has but one segmentation."""
        if self.sampling and self.kind != "unigram":
            raise ValueError(
                f"sampling needs kind: unigram (got kind: {self.kind}, sampling: {self.sampling})"
            )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TrainingConfig:
    """Optimization, validation and checkpoints."""

    epochs: Count = 20
    steps: Count | None = None  # in place of epochs
    # Adam's, at the peak of the schedule.
    learning_rate: Annotated[float, Field(ge=1e-9, le=1), NUMBER] = 0.002
    schedule: Literal["cosine", "inverse_sqrt", "plateau", "constant"] = "cosine"
    warmup_steps: Annotated[int, Field(ge=0, le=10**9), NUMBER] = 200
    # Global norm of a batch's gradients.
    clip_norm: Annotated[float, Field(ge=1e-9, le=1e9), NUMBER] = 1.0
    label_smoothing: Share = 0.1
    averaging: Share = 0.0  # decay of the averaged (EMA) weights a step; 0 = none
    word_dropout: Share = 0.0  # share of embedded subwords, source and target, that is zeroed
    precision: Literal["float32", "bfloat16"] = "float32"  # of matrix products while training
    validate_every: Count | None = None  # steps; none: once an epoch
    save_every: Count = 500  # steps between saves of the state that a killed run resumes from
    patience: Count | None = None  # validations without a better result before stopping
    keep_best_by: Literal["bleu", "perplexity"] = "bleu"
    seed: Seed = 1


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DecodingConfig:
    """The search for outputs; `seq2seq train` on a finished run takes changes over."""

    beam_width: Annotated[int, Field(ge=1, le=100), NUMBER] = 5  # 1 = greedy
    # Outputs a sentence; samples, if sampling.
    n_best: Annotated[int, Field(ge=1, le=100), NUMBER] = 1
    # GNMT's alpha and beta; 0 = plain sums, and none.
    length_penalty: Annotated[float, Field(ge=0, le=5), NUMBER] = 1.0
    coverage_penalty: Annotated[float, Field(ge=0, le=5), NUMBER] = 0.0
    # Output subwords at most: longest_factor * source subwords + longest_extra, EOS counted.
    longest_factor: Annotated[float, Field(ge=0.001, le=100), NUMBER] = 1.5
    longest_extra: Annotated[int, Field(ge=1, le=10_000), NUMBER] = 10
    # Output subwords at least, EOS counted.
    shortest: Annotated[int, Field(ge=1, le=10_000), NUMBER] = 1
    # No n-gram of this size twice; 0 = all may.
    blocked_ngram: Annotated[int, Field(ge=0, le=10_000), NUMBER] = 0
    # Subwords; longer lines are split.
    longest_source: Annotated[int, Field(ge=2, le=10_000), NUMBER] = 100
    sampling: bool = False  # draw outputs instead of searching for the likeliest
    # Of sampling; small = sharp.
    temperature: Annotated[float, Field(ge=0.001, le=100), NUMBER] = 1.0
    # Sample from the likeliest k; 0 = all.
    top_k: Annotated[int, Field(ge=0, le=10**6), NUMBER] = 0
    # Sample from those that reach this share.
    top_p: Annotated[float, Field(ge=1e-9, le=1), NUMBER] = 1.0
    seed: Seed = 1  # of sampling
    precision: Literal["float32", "bfloat16"] = "float32"  # of matrix products
    shortlist: bool = False  # score only subwords that translate the source's, as training saw them
    batch_tokens: BatchTokens = 1024  # source subwords a batch, padding counted

    def __post_init__(self) -> None:
        """Rejects more outputs than a beam keeps."""
        if self.n_best > self.beam_width and not self.sampling:
            raise ValueError(
                f"n_best needs a beam at least as wide "
                f"(got n_best: {self.n_best}, beam_width: {self.beam_width})"
            )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RunConfig:
    """All settings of a run."""

    data: DataConfig
    subwords: SubwordConfig = field(default_factory=SubwordConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
