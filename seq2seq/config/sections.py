"""Every setting of a run: typed, ranged, frozen; an unknown name is refused.

The sections are plain dataclasses checked by pydantic when they are made, in code and from YAML
alike.
"""

from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass

from seq2seq.config.architecture import STRICT, ModelConfig, Share


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DataConfig:
    """The parallel text: a sentence a line, plain or .gz; paths from the working directory."""

    train_source: Path
    train_target: Path
    validation_source: Path
    validation_target: Path
    test_source: Path | None = None  # scored once, after training
    test_target: Path | None = None
    longest: Annotated[int, Field(ge=2, le=1000)] = (
        100  # subwords a side; longer pairs are left out
    )
    shuffle_buffer: PositiveInt = 100_000  # pairs held in memory while shuffling
    batch_tokens: Annotated[int, Field(ge=16)] = 1024  # target subwords a batch, padding counted

    def __post_init__(self) -> None:
        """Rejects half of a test set."""
        if (self.test_source is None) != (self.test_target is None):
            raise ValueError("test_source and test_target are given together or not at all")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SubwordConfig:
    """The vocabulary, one for both languages; fixed once training has started."""

    kind: Literal["unigram", "bpe", "word", "character"] = "unigram"
    vocabulary_size: Annotated[int, Field(ge=261)] = 8000  # 4 special and 256 byte pieces included
    sampling: Share = 0.0  # share of training words that are segmented at random (unigram only)
    sampling_smoothness: Annotated[float, Field(gt=0, le=1)] = 0.2  # Kudo's alpha: small = varied

    def __post_init__(self) -> None:
        """Rejects sampling where a word has but one segmentation."""
        if self.sampling and self.kind != "unigram":
            raise ValueError(
                f"sampling needs kind: unigram (got kind: {self.kind}, sampling: {self.sampling})"
            )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TrainingConfig:
    """Optimization, validation and checkpoints."""

    epochs: PositiveInt = 20
    steps: PositiveInt | None = None  # in place of epochs
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.002  # Adam; at the peak of the schedule
    schedule: Literal["cosine", "inverse_sqrt", "plateau", "constant"] = "cosine"
    warmup_steps: Annotated[int, Field(ge=0)] = 200
    clip_norm: Annotated[float, Field(gt=0, le=1e9)] = 1.0  # global norm of a batch's gradients
    label_smoothing: Share = 0.1
    averaging: Share = 0.0  # decay of the averaged (EMA) weights a step; 0 = none
    word_dropout: Share = 0.0  # share of embedded subwords, source and target, that is zeroed
    precision: Literal["float32", "bfloat16"] = "float32"  # of matrix products while training
    validate_every: PositiveInt | None = None  # steps; none: once an epoch
    save_every: PositiveInt = 500  # steps between saves of the state that a killed run resumes from
    patience: PositiveInt | None = None  # validations without a better result before stopping
    keep_best_by: Literal["bleu", "perplexity"] = "bleu"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DecodingConfig:
    """The search for outputs; `seq2seq train` on a finished run takes changes over."""

    beam_width: Annotated[int, Field(ge=1, le=100)] = 5  # 1 = greedy
    n_best: Annotated[int, Field(ge=1, le=100)] = 1  # outputs a sentence; samples, if sampling
    length_penalty: Annotated[float, Field(ge=0, le=5)] = 1.0  # GNMT's alpha; 0 = plain sums
    coverage_penalty: Annotated[float, Field(ge=0, le=5)] = 0.0  # GNMT's beta; 0 = none
    # Output subwords at most: longest_factor * source subwords + longest_extra, EOS counted.
    longest_factor: Annotated[float, Field(gt=0, le=100)] = 1.5
    longest_extra: Annotated[int, Field(ge=1)] = 10
    shortest: Annotated[int, Field(ge=1)] = 1  # output subwords at least, EOS counted
    blocked_ngram: Annotated[int, Field(ge=0)] = 0  # no n-gram of this size twice; 0 = all may
    longest_source: Annotated[int, Field(ge=2)] = 100  # subwords; longer lines are split
    sampling: bool = False  # draw outputs instead of searching for the likeliest
    temperature: Annotated[float, Field(gt=0, le=100)] = 1.0  # of sampling; small = sharp
    top_k: Annotated[int, Field(ge=0)] = 0  # sample from the likeliest k; 0 = all
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0  # sample from those that reach this share
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1  # of sampling
    precision: Literal["float32", "bfloat16"] = "float32"  # of matrix products
    shortlist: bool = False  # score only subwords that translate the source's, as training saw them
    batch_tokens: Annotated[int, Field(ge=16)] = 1024  # source subwords a batch, padding counted

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
