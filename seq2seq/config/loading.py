"""A checked `RunConfig` from YAML and `section.field=value` overrides, and YAML from it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from seq2seq.config.mistakes import explain, printable, shown
from seq2seq.config.presets import expand_preset
from seq2seq.config.sections import RunConfig
from seq2seq.errors import ConfigError

_ADAPTER = TypeAdapter(RunConfig)
# What PyYAML's constructors raise of values such as 2024-02-30, `!!bool maybe`, `!!int ''` or 3000
# brackets.
YAML_FAILURES = (ValueError, AttributeError, LookupError, TypeError, RecursionError)
LONGEST_REASON = 300  # characters
NUMBERS = {  # as they look: not 12:30 to the base of 60, nor 010 to that of 8, as YAML 1.1 has it
    "int": r"[-+]?(?:0|[1-9][0-9_]*|0b[01_]+|0x[0-9a-fA-F_]+)",
    "float": r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)",
}


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
            f"{path} does not exist; `seq2seq init` writes settings for your text, and "
            "`seq2seq settings --example` prints those that come with seq2seq"
        ) from None
    except IsADirectoryError:
        own = path / "config.yaml"  # of a run folder
        advice = f"; {own} is one, and goes on with this run" if own.is_file() else ""
        raise ConfigError(f"{path} is a folder; give a settings file{advice}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as a settings file: {error}") from error
    settings = parse_yaml(text, str(path))
    if not isinstance(settings, dict):
        raise ConfigError(
            f"{path}: expected sections such as `data:` and `model:` (got {shown(settings)})"
        )
    return _checked(settings, overrides or [], str(path))


def _checked(given: Mapping[str, Any], overrides: Sequence[str], origin: str) -> RunConfig:
    """Settings with overrides and presets in their places."""
    settings = {
        name: {} if section is None else dict(section) if isinstance(section, Mapping) else section
        for name, section in given.items()
    }
    for override in overrides:
        _apply(override, settings)
    if isinstance(settings.get("model"), dict):
        settings["model"] = expand_preset(settings["model"], origin)
    return check_settings(settings, origin)


def as_run_config(
    config: RunConfig | Mapping[str, Any] | str | Path, overrides: Sequence[str] = ()
) -> RunConfig:
    """Settings as a program has them: made already, as nested dictionaries, or in a YAML file.

    Args:
        config: a settings file's path, its contents, or the settings.
        overrides: see `load_run_config`.

    Raises:
        ConfigError: naming every mistake at once.
    """
    if isinstance(config, str | Path):
        return load_run_config(Path(config), list(overrides))
    if isinstance(config, RunConfig):
        if not overrides:
            return config
        config = as_settings(config)
    return _checked(config, overrides, "settings")


def check_settings(settings: dict[str, Any], origin: str) -> RunConfig:
    """A `RunConfig` from nested dictionaries; `origin` names them in errors.

    Raises:
        ConfigError: naming every mistake at once.
    """
    try:
        return _ADAPTER.validate_python(settings)
    except ValidationError as error:
        raise ConfigError(f"{origin}: {explain(error, RunConfig)}") from None


def with_decoding(config: RunConfig, settings: Mapping[str, Any]) -> RunConfig:
    """A run's settings with other decoding settings.

    Raises:
        ConfigError: names every mistake.
    """
    changed = as_settings(config)
    changed["decoding"] = {**changed["decoding"], **settings}
    return check_settings(changed, "decoding settings")


def dump_run_config(config: RunConfig) -> str:
    """YAML text of every setting, defaults spelled out; loads back to an equal `RunConfig`."""
    return dump_yaml(as_settings(config), sort_keys=False)


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


def parse_yaml(text: str, origin: str) -> Any:
    """The contents of a YAML text; `origin` names it in errors.

    Raises:
        ConfigError: it is not YAML, or a name is given twice.
    """
    try:
        return yaml.load(text, _Loader)  # a SafeLoader
    except (yaml.YAMLError, *YAML_FAILURES) as error:
        reason = " ".join(str(error).split())[:LONGEST_REASON]
        raise ConfigError(f"{origin} is not valid YAML: {reason}") from error


def dump_yaml(value: Any, **options: Any) -> str:
    """YAML text that `parse_yaml` reads as the same value: what it takes for a number is quoted.

    Args:
        value: plain values in lists and dictionaries.
        options: of `yaml.dump`.
    """
    return str(yaml.dump(value, Dumper=_Dumper, **options))


class _Numbers(yaml.resolver.Resolver):
    """YAML's own forms of plain values, but for those of numbers."""

    yaml_implicit_resolvers = {
        first: [(tag, form) for tag, form in resolvers if tag.rpartition(":")[2] not in NUMBERS]
        for first, resolvers in yaml.resolver.Resolver.yaml_implicit_resolvers.items()
    }


for _tag, _form in NUMBERS.items():
    _Numbers.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_form})\\Z"), list("-+.0123456789")
    )


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers = _Numbers.yaml_implicit_resolvers


class _Loader(yaml.SafeLoader):
    """A loader that refuses a name given twice, where YAML alone would keep the last one."""

    yaml_implicit_resolvers = _Numbers.yaml_implicit_resolvers

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key.value} is given twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _apply(override: str, settings: dict[str, Any]) -> None:
    name, equals, value = override.partition("=")
    section, dot, field = name.partition(".")
    if not (equals and dot and section and field):
        raise ConfigError(
            f"--set {printable(override)}: expected SECTION.FIELD=VALUE, e.g. --set model.units=256"
        )
    values = settings.setdefault(section, {})
    if not isinstance(values, dict):
        raise ConfigError(
            f"{printable(section)}: expected a section of settings (got {shown(values)})"
        )
    values[field] = parse_yaml(value, f"--set {printable(override)}")
