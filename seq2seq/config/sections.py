"""Every setting of a run: typed, ranged, frozen; an unknown name is refused.

The sections are plain dataclasses checked by pydantic when they are made, in code and from YAML
alike.
"""

import re
from dataclasses import field, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints
from pydantic.dataclasses import dataclass

from seq2seq.config.architecture import NUMBER, STRICT, ModelConfig, Share, Unit
from seq2seq.config.corpora import BatchTokens, DataConfig

Steps = Annotated[int, Field(gt=0, le=10**9), NUMBER, Unit("steps")]
# U+2581 is SentencePiece's space.
Symbol = Annotated[str, StringConstraints(pattern=r"^[^\s\x00\u2581]+$", max_length=100)]
SMALLEST_WITH_BYTES = 261  # special ids, bytes, and a piece beside them
RESERVED = re.compile(r"<pad>|<unk>|</?s>|<0x[0-9A-F]{2}>")
Seed = Annotated[int, Field(ge=0, lt=2**31), NUMBER]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SubwordConfig:
    """The vocabulary, one for both languages. Fixed once training has started."""

    kind: Literal["unigram", "bpe", "word", "character"] = "unigram"
    """How text is cut into subwords."""
    vocabulary_size: Annotated[int, Field(ge=5, le=10**6), NUMBER, Unit("subwords")] = 8000
    """Subwords in all, 4 special ones and, with `byte_fallback`, 256 single bytes included."""
    byte_fallback: bool = True
    """Whether what the vocabulary lacks is spelt in bytes, so that no text is lost. Without it, of
    kind word or character, it is read as `<unk>`: for tasks whose symbols are all in the training
    text, such as letters and sounds."""
    normalization: Literal["nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "identity"] = "nmt_nfkc"
    """SentencePiece's rule for text before it is cut: compatibility forms become one (nfkc),
    control characters and odd spaces go too (nmt), capitals are folded (cf). With identity text
    comes back as it went in, but for spaces at its ends: for Chinese, Japanese, Thai and Persian,
    which nfkc changes, and for phonetic symbols."""
    symbols: tuple[Symbol, ...] = ()
    """Texts that are never split or normalised, each a subword, such as the tags `V;PST` or
    `<2fr>`."""
    sampling: Share = 0.0
    """Of unigram: share of training words that are cut at random (Kudo 2018); of bpe: share of
    merges that are left out (BPE-dropout, Provilkov et al. 2020, who take 0.1). Source and target,
    anew in each epoch. One space is between words then."""
    sampling_smoothness: Annotated[float, Field(ge=0.001, le=1), NUMBER] = 0.2
    """Kudo's alpha of the cuts of unigram: the smaller, the more varied."""

    def __post_init__(self) -> None:
        """Rejects sampling where a word has but one segmentation, and symbols that are taken."""
        if self.byte_fallback and self.vocabulary_size < SMALLEST_WITH_BYTES:
            raise ValueError(
                f"vocabulary_size: Input should be greater than or equal to {SMALLEST_WITH_BYTES}, "
                f"or byte_fallback false (got {self.vocabulary_size})"
            )
        if not self.byte_fallback and self.kind not in ("word", "character"):
            raise ValueError(
                f"byte_fallback: false needs kind: word or character (got kind: {self.kind})"
            )
        if self.sampling and self.kind not in ("unigram", "bpe"):
            raise ValueError(
                f"sampling needs kind: unigram or bpe (got kind: {self.kind}, sampling: "
                f"{self.sampling})"
            )
        if self.sampling and self.kind == "bpe" and self.sampling_smoothness != 0.2:
            raise ValueError(
                f"sampling_smoothness is for kind: unigram; leave it out with kind: bpe (got "
                f"{self.sampling_smoothness})"
            )
        for symbol in self.symbols:
            if RESERVED.fullmatch(symbol) or self.symbols.count(symbol) > 1:
                raise ValueError(
                    f"symbols: {symbol} is given twice or is one of every vocabulary; leave it out"
                )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TrainingConfig:
    """Optimization, validation and checkpoints."""

    epochs: Annotated[int, Field(gt=0, le=10**9), NUMBER, Unit("epochs")] = 20
    """Times that the training text is read."""
    steps: Annotated[int, Field(ge=0, le=10**9), NUMBER, Unit("steps")] | None = None
    """Length of training in place of `epochs`; 0: the first weights are scored and kept."""
    learning_rate: Annotated[float, Field(ge=1e-9, le=1), NUMBER] = 0.002
    """Adam's learning rate at the peak of the schedule."""
    schedule: Literal["cosine", "inverse_sqrt", "plateau", "constant"] = "cosine"
    """How the learning rate falls after warming up."""
    warmup_steps: Annotated[int, Field(ge=0, le=10**9), NUMBER, Unit("steps")] = 200
    """Steps in which the learning rate rises from 0 to its peak."""
    clip_norm: Annotated[float, Field(ge=1e-9, le=1e9), NUMBER] = 1.0
    """Largest global norm of a batch's gradients; larger ones are scaled down to it."""
    weight_decay: Annotated[float, Field(ge=0, lt=1), NUMBER] = 0.0
    """Share of each weight, times the learning rate, that a step takes away (AdamW, Loshchilov and
    Hutter 2019); biases and gains stay."""
    label_smoothing: Share = 0.1
    """Probability that the loss wants spread over all subwords instead of the right one."""
    accumulate: Annotated[int, Field(ge=1, le=10_000), NUMBER, Unit("batches")] = 1
    """Batches whose gradients are summed for one step, as if they were one batch: for a larger
    batch than memory takes, or for as large a one as several workers have together."""
    averaging: Share = 0.0
    """Decay, each step, of the averaged weights (EMA) that translate; 0: the weights as trained. It
    rises to this value in the first 10 / (1 - decay) steps, so that early averages are of few."""
    word_dropout: Share = 0.0
    """Share of embedded subwords, source and target, that is zeroed."""
    consistency: Annotated[float, Field(ge=0, le=100), NUMBER] = 0.0
    """R-Drop's alpha: what two passes with different dropout cost that disagree; 0: one pass."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of matrix products while training; bfloat16 is faster on processors that multiply it."""
    validate_every: Steps | None = None
    """Steps from one validation to the next; without it, once an epoch."""
    save_every: Steps = 500
    """Steps between saves of the state that a killed run resumes from."""
    patience: Annotated[int, Field(gt=0, le=10**9), NUMBER, Unit("validations")] | None = None
    """Validations without a better result after which training stops; without it, never early."""
    keep_best_by: Literal["bleu", "perplexity", "chrf", "chrf++", "exact_match", "wer", "cer"] = (
        "bleu"
    )
    """What the best weights are best by, on the validation text: the metrics of `evaluate`."""
    start_from: Path | None = None
    """Run folder whose best weights training begins with, those that fit; optimizer and schedule
    begin anew. Without it, weights are drawn."""
    start_vocabulary: Literal["kept", "learnt"] = "kept"
    """With `start_from`: that run's vocabulary, or one that is learnt from the training text."""
    when_extended: Literal["stretch", "restart"] = "stretch"
    """Schedule of a finished run that gets more epochs or steps: one over all, or a new one, which
    warms up again, over those added."""
    seed: Seed = 1
    """Of first weights, shuffling and dropout: the same seed gives the same run."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DecodingConfig:
    """The search for outputs; `seq2seq train` on a finished run takes changes over."""

    beam_width: Annotated[int, Field(ge=1, le=100), NUMBER, Unit("hypotheses")] = 5
    """Hypotheses kept at each step; 1: greedy search."""
    n_best: Annotated[int, Field(ge=1, le=100), NUMBER, Unit("outputs")] = 1
    """Outputs a sentence, best first; samples, if sampling."""
    length_penalty: Annotated[float, Field(ge=0, le=5), NUMBER] = 1.0
    """GNMT's alpha, which evens out the lengths of outputs; 0: plain sums of log-probabilities."""
    coverage_penalty: Annotated[float, Field(ge=0, le=5), NUMBER] = 0.0
    """GNMT's beta, which costs source subwords that attention left out; 0: none."""
    longest_factor: Annotated[float, Field(ge=0.001, le=100), NUMBER] = 1.5
    """An output has at most this many subwords for each of the source, and `longest_extra` more."""
    longest_extra: Annotated[int, Field(ge=1, le=10_000), NUMBER, Unit("subwords")] = 10
    """See `longest_factor`; the end-of-sentence mark is counted."""
    shortest: Annotated[int, Field(ge=1, le=10_000), NUMBER, Unit("subwords")] = 1
    """Shortest output, the end-of-sentence mark counted; `longest_factor` counts more."""
    blocked_ngram: Annotated[int, Field(ge=0, le=10_000), NUMBER, Unit("subwords")] = 0
    """Length of the n-grams that no output repeats; 0: all may be repeated."""
    longest_source: Annotated[int, Field(ge=2, le=10_000), NUMBER, Unit("subwords")] = 100
    """Longest source in one piece; longer lines are split at sentence ends."""
    sampling: bool = False
    """Whether outputs are drawn at random instead of searched for."""
    temperature: Annotated[float, Field(ge=0.001, le=100), NUMBER] = 1.0
    """Of sampling: the smaller, the closer to the likeliest subword."""
    top_k: Annotated[int, Field(ge=0, le=10**6), NUMBER, Unit("subwords")] = 0
    """Of sampling: only the likeliest so many are drawn; 0: all."""
    top_p: Annotated[float, Field(ge=1e-9, le=1), NUMBER] = 1.0
    """Of sampling: only the likeliest whose probabilities add up to this are drawn."""
    seed: Seed = 1
    """Of sampling."""
    mbr: Literal["none", "chrf", "bleu"] = "none"
    """Minimum Bayes risk: outputs are ordered by the chrF or BLEU that is expected of them, which
    each has with the others, not by the network's score; slower. Files and programs alone: servers
    and exports search without."""
    mbr_candidates: Annotated[int, Field(ge=2, le=100), NUMBER, Unit("outputs")] = 32
    """Of `mbr`: outputs of a sentence that are compared; samples, if sampling, or the best of the
    beam, as many as there are."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of matrix products while translating."""
    shortlist: bool = False
    """Whether only subwords are scored that translate the source's, as training saw it; faster."""
    batch_tokens: BatchTokens = 1024
    """Source side of a batch, padding counted."""

    def __post_init__(self) -> None:
        """Rejects more outputs than a beam keeps, or than are compared."""
        if self.n_best > self.beam_width and not self.sampling:
            raise ValueError(
                f"n_best needs a beam at least as wide "
                f"(got n_best: {self.n_best}, beam_width: {self.beam_width})"
            )
        if self.mbr == "none":
            return
        if self.beam_width == 1 and not self.sampling:
            raise ValueError(
                f"mbr chooses among several outputs; set beam_width above 1, or sampling "
                f"(got mbr: {self.mbr}, beam_width: 1)"
            )
        if self.n_best > self.mbr_candidates:
            raise ValueError(
                f"n_best needs at least as many mbr_candidates "
                f"(got n_best: {self.n_best}, mbr_candidates: {self.mbr_candidates})"
            )

    @property
    def takes_terms(self) -> bool:
        """Whether outputs can be made to contain terms, which blocked n-grams may be part of."""
        return self.beam_width > 1 and not self.sampling and not self.blocked_ngram

    @property
    def searched(self) -> "DecodingConfig":
        """The search alone, whose outputs are all that `mbr` compares."""
        if self.mbr == "none":
            return self
        most = self.mbr_candidates if self.sampling else min(self.mbr_candidates, self.beam_width)
        return replace(self, mbr="none", n_best=most)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RunConfig:
    """All settings of a run."""

    data: DataConfig
    subwords: SubwordConfig = field(default_factory=SubwordConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)

    def __post_init__(self) -> None:
        """Rejects two beginnings of one embedding, and cuts of text where there is none."""
        vectors = self.model.source_vectors or self.model.target_vectors
        if self.training.start_from and vectors:
            raise ValueError(
                f"training.start_from gives embeddings already; leave out model.source_vectors "
                f"and model.target_vectors (got {vectors})"
            )
        if self.data.shards and self.subwords.sampling:
            raise ValueError(
                f"subwords.sampling cuts text anew in each epoch, and data.shards hold none; set "
                f"it to 0 (got sampling: {self.subwords.sampling})"
            )
