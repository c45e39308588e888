"""Settings fitted to the size of a corpus and to a machine: the rules of `seq2seq init`.

docs/own_data.md says which of them were measured.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from seq2seq.config.languages import is_unspaced
from seq2seq.config.sections import SMALLEST_WITH_BYTES


@dataclass(frozen=True)
class CorpusSize:
    """What the rules go by."""

    pairs: int  # that training sees
    characters: int  # different ones, of both sides
    languages: tuple[str | None, str | None] = (None, None)
    altered: float = 0.0  # share of target lines that the default's normalisation changes


@dataclass(frozen=True)
class Machine:
    """What the rules go by."""

    cores: int
    multiplies_bfloat16: bool


@dataclass(frozen=True)
class Fitted:
    """A setting that differs from its default, and the reason."""

    section: str
    name: str
    value: Any
    reason: str


@dataclass(frozen=True)
class _Recipe:
    """Settings for corpora below a number of pairs."""

    below: float
    vocabulary_size: int
    embedding_size: int
    units: int
    dropout: float
    epochs: int
    batch_tokens: int
    learning_rate: float
    warmup_steps: int
    averaging: float
    consistency: float = 0.0


RECIPES = (
    _Recipe(3_000, 1000, 128, 256, 0.4, 60, 384, 0.002, 200, 0.995),
    _Recipe(15_000, 2000, 192, 384, 0.4, 30, 640, 0.002, 200, 0.995),
    _Recipe(60_000, 8000, 320, 640, 0.4, 28, 1024, 0.0015, 400, 0.998, 1.0),
    _Recipe(150_000, 8000, 320, 640, 0.3, 14, 1024, 0.0015, 400, 0.998),
    _Recipe(float("inf"), 16_000, 320, 640, 0.2, 8, 1024, 0.0015, 400, 0.998),
)
WIDE_CORES, WIDE_PAIRS = 8, 150_000  # from so many on, a wider network pays and takes no longer
# Of the target's lines: from so many on, what normalisation changes is how the language is written.
MANY_ALTERED = 0.02
WIDE = {"embedding_size": 512, "units": 1024, "batch_tokens": 2048}


def fit_settings(size: CorpusSize, machine: Machine) -> list[Fitted]:
    """Settings in place of defaults, section by section."""
    return [*_subwords(size), *_model(size, machine), *_training(size, machine)]


def _recipe(size: CorpusSize) -> _Recipe:
    return next(each for each in RECIPES if size.pairs < each.below)


def _subwords(size: CorpusSize) -> Iterator[Fitted]:
    recipe = _recipe(size)
    needed = SMALLEST_WITH_BYTES + size.characters
    wanted = recipe.vocabulary_size
    reason = f"few enough that {size.pairs:,} pairs show each one often"
    if any(language and is_unspaced(language) for language in size.languages):
        wanted, reason = 2 * wanted, f"{reason}; twice as many, for the characters of the script"
    if wanted < 2 * needed:
        wanted, reason = 2 * needed, f"room for {size.characters:,} different characters"
    yield Fitted("subwords", "vocabulary_size", wanted, reason)
    if size.altered >= MANY_ALTERED:
        reason = f"{size.altered:.0%} of the target's lines would not come back as they are"
        yield Fitted("subwords", "normalization", "identity", reason)
    yield Fitted(
        "subwords", "sampling", 0.1, "words cut at random now and then: few are overlearnt"
    )


def _model(size: CorpusSize, machine: Machine) -> Iterator[Fitted]:
    recipe, wide = _recipe(size), _is_wide(size, machine)
    for name in ("embedding_size", "units"):
        value = WIDE[name] if wide else getattr(recipe, name)
        reason = f"for {machine.cores} cores" if wide else "as wide as the text teaches something"
        yield Fitted("model", name, value, reason)
    yield Fitted("model", "dropout", recipe.dropout, "the less text, the more")


def _training(size: CorpusSize, machine: Machine) -> Iterator[Fitted]:
    recipe = _recipe(size)
    yield Fitted("training", "epochs", recipe.epochs, "the less text, the more often it is read")
    yield Fitted("training", "learning_rate", recipe.learning_rate, "at its peak, after warming up")
    yield Fitted("training", "warmup_steps", recipe.warmup_steps, "steps until then")
    yield Fitted("training", "averaging", recipe.averaging, "averaged weights translate better")
    if recipe.consistency:
        reason = "two passes that have to agree learn more of little text, in 1.75 of the time"
        yield Fitted("training", "consistency", recipe.consistency, reason)
    if machine.multiplies_bfloat16:
        yield Fitted("training", "precision", "bfloat16", "this processor multiplies it faster")
    batch = WIDE["batch_tokens"] if _is_wide(size, machine) else recipe.batch_tokens
    yield Fitted("data", "batch_tokens", batch, "subwords a step; small corpora need more steps")


def _is_wide(size: CorpusSize, machine: Machine) -> bool:
    return size.pairs >= WIDE_PAIRS and machine.cores >= WIDE_CORES
