"""Settings files: read whole, and every mistake in them named at once."""

from pathlib import Path

import pytest
import yaml

from seq2seq.config.loading import as_run_config, load_run_config
from seq2seq.config.presets import PRESETS
from seq2seq.errors import ConfigError

PATHS = {
    f"{split}_{side}": f"corpus/{split}.{side}"
    for split in ("train", "validation")
    for side in ("source", "target")
}


@pytest.fixture
def write(tmp_path):
    """Writes run.yaml: usable data paths and the given sections."""

    def write_sections(**sections):
        path = tmp_path / "run.yaml"
        path.write_text(yaml.safe_dump({"data": PATHS, **sections}), encoding="utf-8")
        return path

    return write_sections


def complaint(path, *overrides):
    with pytest.raises(ConfigError, match="^(/|--set )") as caught:
        load_run_config(path, list(overrides))
    return str(caught.value)


def test_an_unknown_setting_is_named_with_the_nearest_valid_one(write):
    path = write(model={"unit": 3})
    wanted = f"{path}: model.unit: Unexpected setting (got 3); did you mean units?"
    assert complaint(path) == wanted


def test_an_unknown_setting_like_no_other_is_answered_with_the_valid_names(write):
    message = complaint(write(subwords={"xyz": 3}))
    assert "subwords.xyz: Unexpected setting (got 3)" in message
    names = "kind, vocabulary_size, byte_fallback, normalization, symbols, sampling, "
    assert message.endswith(f"valid names: {names}sampling_smoothness")


def test_a_misspelt_section_is_named_with_the_nearest_valid_one(write):
    with pytest.raises(ConfigError, match="modle: Unexpected setting.*did you mean model[?]"):
        load_run_config(write(modle={"units": 4}))


def test_all_mistakes_of_a_file_are_reported_at_once(write):
    path = write(
        model={"dropout": 1.5, "units": 3, "attention": "dots", "atention": "dot"},
        training={"epochs": 0},
        subwords={"kind": "word", "sampling": 0.1},
    )
    mistakes = (
        "model.dropout: Input should be less than 1 (got 1.5)",
        "model.units: Input should be a multiple of 2 (got 3)",
        "model.attention: Input should be 'none', 'dot', 'general', 'additive', 'multi_head' or "
        "'multi_head_additive' (got 'dots')",
        "model.atention: Unexpected setting (got 'dot'); did you mean attention?",
        "training.epochs: Input should be greater than 0 (got 0)",
        "subwords: sampling needs kind: unigram or bpe (got kind: word, sampling: 0.1)",
    )
    message = complaint(path)
    assert [mistake for mistake in mistakes if mistake not in message] == []
    assert message.count("; ") - message.count("; did you mean") == len(mistakes) - 1
    assert "\n" not in message


def test_each_missing_setting_is_named(write):
    name = "data.validation_target"
    message = complaint(write(data={"train_source": "a", "validation_source": "b"}))
    assert f"{name}: Missing; add it to the file or pass --set {name}=VALUE" in message
    assert "source: Missing" not in message
    validation = {"validation_source": "b", "validation_target": "c"}
    message = complaint(write(data={"train_source": "a", **validation}))
    assert "data: train_target: Missing; add it to the file, or `train`" in message


def test_a_missing_section_is_named_without_an_override_that_would_be_refused(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("model:\n  units: 4\n")
    assert "data: Missing" in complaint(path)
    assert "--set data=" not in complaint(path)


def test_a_long_value_is_shortened(write):
    message = complaint(write(model={"units": list(range(1000))}))
    assert "(got [0, 1, 2" in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"model: [1", "is not valid YAML"),
        (b"data: !!python/object:os.system x", "is not valid YAML"),
        (b"\xff\xfe", "cannot be read as a settings file"),
        (b"", "expected sections"),
        (b"- a\n- b\n", "expected sections"),
        (b"data: file.en\n", "data: Input should be a dictionary"),
        (b"1: 2\n", "1: Keys should be strings"),
    ],
)
def test_a_file_that_holds_no_settings_is_refused(tmp_path, content, reason):
    path = tmp_path / "run.yaml"
    path.write_bytes(content)
    assert complaint(path).startswith(str(path))
    assert reason in complaint(path)


def test_a_missing_file_is_named(tmp_path):
    assert complaint(tmp_path / "absent.yaml").startswith(f"{tmp_path}/absent.yaml does not exist")


def test_a_folder_in_place_of_a_file_is_refused(tmp_path):
    assert complaint(tmp_path) == f"{tmp_path} is a folder; give a settings file"
    own = tmp_path / "config.yaml"
    own.touch()  # as in a run folder
    assert complaint(tmp_path).endswith(f"file; {own} is one, and goes on with this run")


@pytest.mark.parametrize("value", ["2024-02-30", "0x_", "!!int x"])
def test_a_value_that_yaml_cannot_make_is_refused_as_no_yaml(write, value):
    with pytest.raises(ConfigError, match="is not valid YAML"):
        load_run_config(write(), [f"data.train_source={value}"])


@pytest.mark.parametrize("twice", ["model:\n  units: 4\n  units: 6", "model: {}\nmodel: {}"])
def test_a_setting_or_section_given_twice_is_refused(write, twice):
    path = write()
    path.write_text(f"{path.read_text()}{twice}\n")
    with pytest.raises(ConfigError, match="(units|model).* twice"):
        load_run_config(path)


def test_overrides_are_read_as_yaml_and_win_over_the_file(write):
    path = write(model={"units": 64, "dropout": 0.5})
    overrides = ["model.units=32", "training.patience=3", "data.test_source=a=b", "model.units=16"]
    config = load_run_config(
        path, [*overrides, "data.test_target=t", "training.learning_rate=1e-3"]
    )
    assert (config.model.units, config.model.dropout) == (16, 0.5)
    assert (config.training.patience, config.training.learning_rate) == (3, 0.001)
    assert config.data.test_source == Path("a=b")
    assert load_run_config(path, ["training.patience=null"]).training.patience is None
    assert load_run_config(path).model.units == 64


def test_a_preset_and_its_size_may_be_overrides(write):
    config = load_run_config(write(), ["model.preset=luong2015", "model.size=0.064"])
    assert (config.model.units, config.model.encoder_layers) == (64, 4)
    scaled = load_run_config(write(model={"preset": "luong2015"}), ["model.size=0.064"])
    assert scaled == config
    assert "no such network (got 'luong'); there are" in complaint(write(), "model.preset=luong")


def test_settings_of_a_program_stay_as_they_were_given():
    given = {"data": dict(PATHS), "model": {"preset": "gnmt2016", "size": 0.1}, "training": None}
    before = {name: section and dict(section) for name, section in given.items()}
    config = as_run_config(given, ["model.units=64", "training.epochs=3"])
    assert (config.model.units, config.training.epochs) == (64, 3)
    assert given == before
    assert PRESETS["gnmt2016"]["units"] == 1024
    with pytest.raises(ConfigError, match="^settings: model.unit: Unexpected setting"):
        as_run_config(given, ["model.unit=64"])


@pytest.mark.parametrize("override", ["model.units", "units=3", "model.=3", ".units=3", "", "="])
def test_an_override_of_another_form_is_refused(write, override):
    assert complaint(write(), override).startswith(
        f"--set {override}: expected SECTION.FIELD=VALUE"
    )


def test_an_override_of_what_is_no_section_is_refused(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("data: corpus.en\n")
    with pytest.raises(ConfigError, match="^data: expected a section of settings .got 'corpus.en"):
        load_run_config(path, ["data.train_source=a"])


@pytest.mark.parametrize(
    "override", ["\x1b[31m", "\n.=3", "x" * 5000, f"model.units=!{'x' * 5000} 1"]
)
def test_a_mistake_in_an_override_is_one_short_line(write, override):
    message = complaint(write(), override)
    assert message.isprintable() and len(message) < 500


def test_an_override_is_checked_as_the_file_is(write):
    message = complaint(write(), "model.unit=4", "model.dropout=2", "modle.units=4")
    assert message.count("Unexpected setting") == 2
    assert "model.dropout: Input should be less than 1 (got 2)" in message
    assert complaint(write(), "model.units=[").startswith("--set model.units=[ is not valid YAML")
