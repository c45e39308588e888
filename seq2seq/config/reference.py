"""The reference of settings, made of the definitions that check them: `seq2seq settings`."""

import dataclasses
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo

from seq2seq.config.architecture import Unit
from seq2seq.config.languages import LanguageTag
from seq2seq.config.presets import PRESETS, SIZES
from seq2seq.config.sections import RunConfig
from seq2seq.errors import ConfigError

KINDS = {int: "whole number", float: "number", bool: "true or false", str: "text", Path: "path"}
COMPARED = {"ge": "from {}", "gt": "above {}", "le": "up to {}", "lt": "below {}"}


@dataclass(frozen=True)
class Setting:
    """A line of the reference."""

    section: str
    name: str
    default: str  # as YAML has it; "required" where there is none
    allowed: str  # kind of value, bounds or choices
    unit: str  # what a number counts, "" if nothing
    meaning: str


@dataclass(frozen=True)
class Section:
    """The settings of a section, and what it is about."""

    name: str
    meaning: str
    settings: list[Setting]


def reference(section: str | None = None) -> list[Section]:
    """The settings of a section, or of all, in the order of their definition.

    Raises:
        ConfigError: there is no such section.
    """
    sections = get_type_hints(RunConfig)
    if section is not None and section not in sections:
        raise ConfigError(f"no section {section!r}; there are {', '.join(sections)}")
    return [
        Section(name, inspect.cleandoc(kind.__doc__ or ""), list(_settings(name, kind)))
        for name, kind in sections.items()
        if section in (None, name)
    ]


def markdown() -> str:
    """The whole reference as a page."""
    lines = [
        "# Settings",
        "",
        "What a settings file may say. Only the section `data` has to be there; `none` stands for "
        "a setting that is left out. On the command line, `--set section.name=value` overrides "
        "the file. `seq2seq settings --markdown` printed this page from the definitions in "
        "`seq2seq/config`.",
    ]
    for section in reference():
        lines += ["", f"## {section.name}", "", section.meaning, ""]
        lines += ["| setting | default | allowed | meaning |", "|---|---|---|---|"]
        for each in section.settings:
            allowed = f"{each.allowed}; {each.unit}" if each.unit else each.allowed
            cells = (f"`{each.name}`", f"`{each.default}`", allowed, each.meaning)
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _settings(section: str, kind: type) -> Iterator[Setting]:
    if section == "model":
        yield from _preset_settings()
    hints = get_type_hints(kind, include_extras=True)
    described: dict[str, FieldInfo] = getattr(kind, "__pydantic_fields__")  # noqa: B009
    for field in dataclasses.fields(kind):
        allowed = _Allowed()
        allowed.read(hints[field.name])
        yield Setting(
            section,
            field.name,
            "required" if field.default is dataclasses.MISSING else _as_yaml(field.default),
            allowed.text(),
            allowed.unit,
            " ".join((described[field.name].description or "").split()),
        )
        if allowed.listed:
            for each in _settings(section, allowed.listed):
                yield dataclasses.replace(each, name=f"{field.name}[].{each.name}")


def _preset_settings() -> Iterator[Setting]:
    """Settings that stand for others, see `seq2seq.config.presets`."""
    yield Setting(
        "model",
        "preset",
        "none",
        ", ".join(PRESETS),
        "",
        "A published network, whose settings stand in place of the defaults below.",
    )
    yield Setting(
        "model",
        "size",
        "1",
        f"number, from {SIZES[0]} up to {SIZES[1]}",
        "",
        "What the preset's widths are multiplied with; its depths stay.",
    )


class _Allowed:
    """What a type and its annotations allow."""

    def __init__(self) -> None:
        self.kind = ""
        self.bounds: list[str] = []
        self.unit = ""
        self.listed: Any = None  # settings of each part of a list

    def read(self, hint: Any) -> None:
        """Takes a type apart."""
        if hint == LanguageTag:
            self.kind = "BCP 47 tag"
        elif get_origin(hint) is Literal:
            self.kind = ", ".join(map(str, get_args(hint)))
        elif get_origin(hint) is tuple:
            part: Any = get_args(hint)[0]
            self.kind = "list of texts"
            if dataclasses.is_dataclass(part):
                self.listed = part
                names = ", ".join(field.name for field in dataclasses.fields(part))
                self.kind = f"list of {{{names}}}"
        elif get_origin(hint) in (Union, UnionType):
            for each in get_args(hint):
                if each is not NoneType:
                    self.read(each)
        elif hasattr(hint, "__metadata__"):
            self.read(hint.__origin__)
            for each in hint.__metadata__:
                self._note(each)
        else:
            self.kind = KINDS[hint]

    def text(self) -> str:
        """In words."""
        return ", ".join(filter(None, [self.kind, " ".join(self.bounds)]))

    def _note(self, annotation: Any) -> None:
        if isinstance(annotation, Unit):
            self.unit = annotation.name
        for bound in getattr(annotation, "metadata", ()):
            for name, words in COMPARED.items():
                if hasattr(bound, name):
                    self.bounds.append(words.format(_number(getattr(bound, name))))
            if hasattr(bound, "multiple_of"):
                self.bounds.append(f"in steps of {bound.multiple_of}")


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _as_yaml(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return str(list(value))
    return str(value).lower() if isinstance(value, bool) else str(value)
