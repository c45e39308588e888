"""A settings file with comments that say why, as `seq2seq init` writes it."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seq2seq.config.fitting import Fitted
from seq2seq.config.languages import Languages
from seq2seq.config.loading import dump_yaml

SIDES = ("source", "target")
WIDTH = 40  # of a line before its comment


def settings_of(
    files: Mapping[str, tuple[Path, Path]],
    languages: Languages,
    fitted: Sequence[Fitted],
    also: Sequence[tuple[Path, Path]] = (),
) -> dict[str, dict[str, Any]]:
    """Nested dictionaries, as YAML has them.

    Args:
        files: source and target by split.
        languages: BCP 47 tags; those that are known are written.
        fitted: settings in place of defaults.
        also: source and target of further training corpora.
    """
    data: dict[str, Any] = {}
    for split, paths in files.items():
        if split == "train" and also:
            corpora = [paths, *also]
            data["train"] = [dict(zip(SIDES, map(str, each), strict=True)) for each in corpora]
            continue
        data |= {f"{split}_{side}": str(path) for side, path in zip(SIDES, paths, strict=True)}
    for side in SIDES:
        if tag := getattr(languages, side):
            data[f"{side}_language"] = tag
    settings: dict[str, dict[str, Any]] = {"data": data}
    for each in fitted:
        settings.setdefault(each.section, {})[each.name] = each.value
    return settings


def commented_yaml(
    settings: Mapping[str, Mapping[str, Any]], fitted: Sequence[Fitted], headline: str
) -> str:
    """The text of a settings file.

    Args:
        settings: see `settings_of`.
        fitted: whose reasons stand beside their settings.
        headline: first line of the file.
    """
    reasons = {(each.section, each.name): each.reason for each in fitted}
    lines = [
        f"# {headline}",
        "# Every other setting has its default; `seq2seq settings` explains them all.",
    ]
    for section, values in settings.items():
        lines.append(f"{section}:")
        for name, value in values.items():
            line = textwrap.indent(_yaml(name, value), "  ")
            reason = reasons.get((section, name))
            lines.append(f"{line:<{WIDTH}}  # {reason}" if reason else line)
    return "\n".join(lines) + "\n"


def _yaml(name: str, value: Any) -> str:
    return dump_yaml({name: value}, width=float("inf"), allow_unicode=True).rstrip("\n")
