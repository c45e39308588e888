"""What an ablation compares: settings files, and values that are varied."""

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seq2seq.errors import ConfigError


@dataclass(frozen=True)
class Variant:
    """A settings file and a combination of the varied values."""

    config: Path
    choices: tuple[tuple[str, str], ...]  # setting and value

    @property
    def name(self) -> str:
        """As a folder may be called."""
        words = [f"{setting.rpartition('.')[2]}={value}" for setting, value in self.choices]
        return ",".join([self.config.stem, *words]).replace("/", "_")

    @property
    def trained(self) -> "Variant":
        """What is trained for it: itself, but for settings of decoding."""
        kept = [choice for choice in self.choices if not choice[0].startswith("decoding.")]
        return Variant(self.config, tuple(kept))

    @property
    def overrides(self) -> list[str]:
        """As `--set` takes them."""
        return [f"{setting}={value}" for setting, value in self.choices]


def variants_of(
    configs: list[Path], varied: list[str], one_at_a_time: bool = False
) -> list[Variant]:
    """Every file with every combination of settings given as "section.field=value,value".

    One at a time: every file as it is, then with each value alone.

    Raises:
        ConfigError: one is not of that form, or two variants would share a folder.
    """
    axes = []
    for each in varied:
        setting, equals, values = each.partition("=")
        if not equals or "." not in setting or not all(values.split(",")):
            raise ConfigError(f"--vary {each}: expected SECTION.FIELD=VALUE,VALUE")
        axes.append([(setting, value) for value in values.split(",")])
    choices: Iterable[tuple[tuple[str, str], ...]] = itertools.product(*axes)
    if one_at_a_time:
        choices = itertools.chain([()], ((choice,) for axis in axes for choice in axis))
    variants = [Variant(*each) for each in itertools.product(configs, choices)]
    twice = [name for name, count in Counter(each.name for each in variants).items() if count > 1]
    if twice:
        raise ConfigError(f"{twice[0]}: two variants have this name; rename a settings file")
    return variants
