"""What two checkouts measured in turns, and the table that compares them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.spread import spread

Checkout = Literal["other", "this"]
CHECKOUTS: tuple[Checkout, ...] = ("other", "this")  # in the order of their turns
UNDISTURBED = 0.97  # share of the CPU below which a measurement is marked


@dataclass(frozen=True, kw_only=True)
class Speed:
    """One measurement of one checkout."""

    network: str  # its settings file's name
    task: str  # for the reader, such as "greedy, float32"
    unit: str  # of `per_second`
    round: int
    checkout: Checkout
    per_second: float
    processor_share: float  # of the CPU, what this had while it was timed
    training_loss: float | None = None  # nats a target token, of the steps that were timed
    translations: tuple[str, ...] = ()

    @property
    def per_processor_second(self) -> float:
        """The rate on a core without other work."""
        return self.per_second / self.processor_share

    def line(self) -> str:
        """For the reader who waits."""
        shared = self.processor_share < UNDISTURBED
        return (
            f"{self.network}, {self.task}, round {self.round}, {self.checkout}: "
            f"{self.per_second:,.1f} {self.unit}"
            f"{f', with {self.processor_share:.0%} of the CPU' if shared else ''}"
        )


def markdown(speeds: Sequence[Speed]) -> str:
    """A row for each network and task, in the order in which they were first measured.

    Each cell is the median of the rounds and their range; the ratio is taken round by round, so
    that a change of the machine's speed between rounds does not enter it.
    """
    rows = [
        "| network | task | unit | other | this | this / other | by CPU time | results |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for network, task, unit in dict.fromkeys((s.network, s.task, s.unit) for s in speeds):
        pair = {
            checkout: {
                s.round: s
                for s in speeds
                if (s.network, s.task, s.checkout) == (network, task, checkout)
            }
            for checkout in CHECKOUTS
        }
        cells = [_rates(list(pair[checkout].values())) for checkout in CHECKOUTS]
        both = [(pair["other"][n], pair["this"][n]) for n in pair["other"] if n in pair["this"]]
        cells += _comparison(both) if both else [""] * 3
        rows.append(f"| {' | '.join([network, task, unit, *cells])} |")
    return "\n".join(rows)


def _rates(speeds: Sequence[Speed]) -> str:
    if not speeds:
        return "failed"
    rates = [speed.per_second for speed in speeds]
    return spread(rates, 0 if min(rates) >= 100 else 1)


def _comparison(pairs: Sequence[tuple[Speed, Speed]]) -> list[str]:
    """Ratios this / other by the clock and by processor time, and whether results are the same."""
    return [
        spread([this.per_second / other.per_second for other, this in pairs], 2),
        spread(
            [this.per_processor_second / other.per_processor_second for other, this in pairs], 2
        ),
        _agreement(*pairs[0]),
    ]


def _agreement(other: Speed, this: Speed) -> str:
    """Whether both computed the same: losses of a training, or lines translated alike."""
    if other.training_loss is not None:
        return f"losses {other.training_loss:.3f} and {this.training_loss:.3f}"
    alike = sum(a == b for a, b in zip(other.translations, this.translations, strict=True))
    return f"{alike} of {len(other.translations)} lines alike"
