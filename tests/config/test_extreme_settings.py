"""Whatever a setting is given: it is taken, or one short line says why not."""

import dataclasses
import re
import time

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.config.loading import check_settings, load_run_config, parse_yaml
from seq2seq.config.sections import RunConfig
from seq2seq.config.serving import ServerConfig, check_server_settings
from seq2seq.errors import ConfigError

PATHS = {
    f"{split}_{side}": "x" for split in ("train", "validation") for side in ("source", "target")
}
MINIMAL = {"data": PATHS}
FIELDS = [
    (section.name, field.name)
    for section in dataclasses.fields(RunConfig)
    for field in dataclasses.fields(section.type)
]
SERVER_FIELDS = [
    (section.name, field.name)
    for section in dataclasses.fields(ServerConfig)
    for field in (
        dataclasses.fields(section.type) if dataclasses.is_dataclass(section.type) else [section]
    )
]
NUMBERS = [
    0,
    1,
    -1,
    2,
    5,
    2**31 - 1,
    2**31,
    2**63 - 1,
    2**63,
    10**22,
    -(10**22),
    10**400,
    1 << 20000,
]
NUMBERS += [0.0, -0.0, 5e-324, 1e-300, 1e-46, 1e-9, 0.5, 1 - 2**-53, 1e22, 1e308, -1e308]
NUMBERS += [float("inf"), float("-inf"), float("nan")]
OTHERS = [
    True,
    False,
    None,
    "",
    "nan",
    "1e400",
    "9" * 5000,
    "12:30:45",
    "true",
    "a\nb\x1b[31m",
    b"1",
]
OTHERS += ["none", "all", [], [1], {}, {"a": 1}, [[[[]]]], "x" * 100_000]
VALUES = st.sampled_from([*NUMBERS, *OTHERS]) | st.integers() | st.floats() | st.text(max_size=8)


def check_one_line(error):
    assert len(str(error)) < 1000
    assert str(error).isprintable()


def check_number(number, takes):
    """A number that was taken fits int32 or float32, where it stays above 0 if it has to."""
    if isinstance(number, int):
        assert -(2**31) <= number < 2**31
    elif isinstance(number, float):
        assert np.isfinite(np.float32(number))
        assert np.float32(number) != 0 or takes(0)


@pytest.mark.parametrize(("section", "field"), FIELDS)
@settings(deadline=None, max_examples=60)
@given(value=VALUES)
def test_any_value_of_any_setting_is_taken_or_refused_in_one_line(section, field, value):
    def check(value):
        sections = {"data": dict(PATHS)}
        sections.setdefault(section, {})[field] = value
        return check_settings(sections, "run.yaml")

    check_any(check, value, lambda config: getattr(getattr(config, section), field))


def check_any(check, value, taken):
    try:
        config = check(value)
    except ConfigError as error:
        check_one_line(error)
    else:
        check_number(taken(config), takes=lambda number: accepts(check, number))


def accepts(check, value):
    try:
        return bool(check(value))
    except ConfigError:
        return False


@pytest.mark.parametrize(("section", "field"), SERVER_FIELDS)
@settings(deadline=None, max_examples=40)
@given(value=VALUES)
def test_any_value_of_any_server_setting_is_taken_or_refused_in_one_line(section, field, value):
    whole = field == section

    def check(value):
        return check_server_settings({section: value if whole else {field: value}})

    def taken(config):
        return getattr(config if whole else getattr(config, section), field)

    check_any(check, value, taken)


@settings(deadline=None)
@given(st.sampled_from(FIELDS), st.text(st.characters(codec="utf-8"), max_size=20))
def test_any_text_of_an_override_is_taken_or_refused_in_one_line(tmp_path_factory, name, text):
    path = tmp_path_factory.getbasetemp() / "run.yaml"
    path.write_text(yaml.safe_dump(MINIMAL))
    try:
        load_run_config(path, [f"{'.'.join(name)}={text}"])
    except ConfigError as error:
        assert len(str(error).splitlines()) <= 1


@pytest.mark.parametrize(
    "value", ["!!int ''", "!!int x", "!!float ''", "!!timestamp x", "2024-02-30"]
)
def test_values_that_yaml_fails_on_are_one_line(tmp_path, value):
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(MINIMAL))
    with pytest.raises(ConfigError, match=re.escape(f"{value} is not valid YAML: ")):
        load_run_config(path, [f"training.epochs={value}"])


@pytest.mark.parametrize("setting", ["training.epochs", "training.learning_rate", "model.units"])
@pytest.mark.parametrize("value", ["true", "no"])
def test_a_truth_value_is_no_number(tmp_path, setting, value):
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(MINIMAL))
    with pytest.raises(ConfigError, match=f"{setting}: Input should be a number .got (true|false)"):
        load_run_config(path, [f"{setting}={value}"])
    assert load_run_config(path, [f"model.reverse_source={value}", "model.bidirectional=none"])


def test_numbers_are_what_they_look_like(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(MINIMAL))
    with pytest.raises(ConfigError, match="training.steps: .*got '12:30:45'"):
        load_run_config(path, ["training.steps=12:30:45"])
    assert load_run_config(path, ["training.steps=010"]).training.steps == 10
    assert load_run_config(path, ["training.steps=1_000"]).training.steps == 1000
    assert parse_yaml("[1, -2, 0x10, 1.5, 1.e-3, 1.5e3, .5E+1, .inf, 0]", "here") == [
        *(1, -2, 16, 1.5, 0.001, 1500.0, 5.0, float("inf"), 0)
    ]


@settings(deadline=None)
@given(st.integers() | st.floats(allow_nan=False) | st.booleans() | st.text())
def test_written_values_are_read_as_they_were(value):
    assert parse_yaml(yaml.safe_dump({"a": value}), "here") == {"a": value}


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))


@pytest.mark.parametrize(
    "place", ["", "model: {units: *a39}\n", "data: *a39\n", "model: {preset: *a39}\n"]
)
def test_nested_aliases_are_refused_at_once(tmp_path, place):
    path = tmp_path / "bomb.yaml"
    path.write_text(BOMB + place)
    started = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        load_run_config(path)
    assert time.monotonic() - started < 5  # what they stand for has 2 ** 40 elements
    assert len(str(caught.value)) < 5000


def test_thousands_of_mistakes_are_counted(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump({**MINIMAL, "model": {f"setting_{n}": n for n in range(3000)}}))
    with pytest.raises(ConfigError, match="and 2,980 more mistakes") as caught:
        load_run_config(path)
    assert len(str(caught.value)) < 20_000


def test_as_many_mistakes_as_are_listed_are_all(tmp_path):
    path = tmp_path / "run.yaml"
    said = []
    for count in (20, 21):
        wrong = {f"setting_{n}": n for n in range(count)}
        path.write_text(yaml.safe_dump({**MINIMAL, "model": wrong}))
        with pytest.raises(ConfigError, match="model.setting_19: ") as caught:
            load_run_config(path)
        said.append(str(caught.value))
    assert " more " not in said[0] and said[1].endswith("; and 1 more mistake")
