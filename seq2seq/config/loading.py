"""A checked `RunConfig` from YAML and `section.field=value` overrides, and YAML from it."""

import dataclasses
import difflib
from pathlib import Path
from typing import Any, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from seq2seq.config.presets import expand_preset
from seq2seq.config.sections import RunConfig
from seq2seq.errors import ConfigError

_ADAPTER = TypeAdapter(RunConfig)
# What PyYAML's constructors raise of values such as 2024-02-30, `!!bool maybe` or 3000 brackets.
YAML_FAILURES = (ValueError, AttributeError, KeyError, TypeError, RecursionError)


def load_run_config(path: Path, overrides: list[str] | None = None) -> RunConfig:
    """The settings of a YAML file with overrides such as "model.units=256".

    `preset` and `size` in the section `model` stand for a published network's settings: see
    `expand_preset`.

    Raises:
        ConfigError: one message that names every mistake: the field, the value, and what is
            allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist; give a YAML settings file, e.g. one of configs/"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as a settings file: {error}") from error
    settings = _parse(text, str(path))
    if not isinstance(settings, dict):
        raise ConfigError(
            f"{path}: expected sections such as `data:` and `model:` (got {_shown(settings)})"
        )
    settings = {name: {} if section is None else section for name, section in settings.items()}
    for override in overrides or []:
        _apply(override, settings)
    if isinstance(settings.get("model"), dict):
        settings["model"] = expand_preset(settings["model"], str(path))
    return check_settings(settings, str(path))


def check_settings(settings: dict[str, Any], origin: str) -> RunConfig:
    """A `RunConfig` from nested dictionaries; `origin` names them in errors.

    Raises:
        ConfigError: naming every mistake at once.
    """
    try:
        return _ADAPTER.validate_python(settings)
    except ValidationError as error:
        mistakes = "; ".join(_describe(mistake) for mistake in error.errors())
        raise ConfigError(f"{origin}: {mistakes}") from None


def dump_run_config(config: RunConfig) -> str:
    """YAML text of every setting, defaults spelled out; loads back to an equal `RunConfig`."""
    return yaml.safe_dump(as_settings(config), sort_keys=False)


def as_settings(config: RunConfig) -> dict[str, Any]:
    """Nested dictionaries of plain values (paths as text)."""
    return _ADAPTER.dump_python(config, mode="json")


def differences(old: RunConfig, new: RunConfig, sections: tuple[str, ...]) -> list[str]:
    """Settings that differ, each as "section.field: old -> new".

    Args:
        old: the settings before.
        new: the settings after.
        sections: names of the sections to compare.
    """
    before, after = as_settings(old), as_settings(new)
    return [
        f"{section}.{name}: {before[section][name]} -> {after[section][name]}"
        for section in sections
        for name in after[section]
        if before[section][name] != after[section][name]
    ]


class _Loader(yaml.SafeLoader):
    """A loader that refuses a name given twice; YAML alone would keep the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        names = [key.value for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{name} is given twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


def _parse(text: str, origin: str) -> Any:
    try:
        return yaml.load(text, _Loader)  # a SafeLoader
    except (yaml.YAMLError, *YAML_FAILURES) as error:
        raise ConfigError(f"{origin} is not valid YAML: {' '.join(str(error).split())}") from error


def _apply(override: str, settings: dict[str, Any]) -> None:
    name, equals, value = override.partition("=")
    section, dot, field = name.partition(".")
    if not (equals and dot and section and field):
        raise ConfigError(
            f"--set {override}: expected SECTION.FIELD=VALUE, e.g. --set model.units=256"
        )
    values = settings.setdefault(section, {})
    if not isinstance(values, dict):
        raise ConfigError(f"{section}: expected a section of settings (got {_shown(values)})")
    values[field] = _parse(value, f"--set {override}")


def _describe(mistake: Any) -> str:
    place = [str(part) for part in mistake["loc"]]
    name = ".".join(place)
    if mistake["type"] == "unexpected_keyword_argument":
        return f"{name}: Unexpected setting (got {mistake['input']!r}){_nearest(place)}"
    if mistake["type"] in ("missing", "missing_argument"):
        if len(place) == 1:
            return f"{name}: Missing section; add it to the file"
        return f"{name}: Missing; add it to the file or pass --set {name}=VALUE"
    if mistake["type"] == "value_error":  # a section's own check, which says the values itself
        return f"{name}: {mistake['msg'].removeprefix('Value error, ')}"
    return f"{name}: {mistake['msg']} (got {_shown(mistake['input'])})"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _nearest(place: list[str]) -> str:
    known: type = RunConfig
    for part in place[:-1]:
        known = get_type_hints(known)[part]
    names = [field.name for field in dataclasses.fields(known)]  # type: ignore[arg-type]
    near = difflib.get_close_matches(place[-1], names, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else f"; valid names: {', '.join(names)}"
