"""The reference of settings says what the definitions check."""

import re
from pathlib import Path

import pytest

from seq2seq.config.loading import check_settings
from seq2seq.config.reference import markdown, reference
from seq2seq.errors import ConfigError

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
PATHS = {
    f"{split}_{side}": f"{split}.{side}"
    for split in ("train", "validation")
    for side in ("source", "target")
}
SETTINGS = [setting for section in reference() for setting in section.settings]
LISTED = [setting for setting in SETTINGS if "[]." in setting.name]
OWN = [each for each in SETTINGS if each.name not in ("preset", "size") and each not in LISTED]


def taken(setting, value):
    settings = {"data": dict(PATHS), "subwords": {}, "model": {}, "training": {}, "decoding": {}}
    settings[setting.section][setting.name] = value
    return getattr(getattr(check_settings(settings, ""), setting.section), setting.name)


def test_the_page_in_docs_is_current():
    """`seq2seq settings --markdown > docs/settings.md` makes it so."""
    assert PAGE.read_text(encoding="utf-8") == markdown()


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: f"{each.section}.{each.name}")
def test_every_setting_is_explained(setting):
    assert re.fullmatch(r"[A-Z].{8,}\.", setting.meaning) or setting.meaning.startswith("word2vec")
    assert setting.allowed


NUMBERS = [setting for setting in OWN if " up to " in setting.allowed]


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda each: f"{each.section}.{each.name}")
def test_bounds_are_those_that_are_checked(setting):
    most = float(re.search(r"up to ([0-9.,e+]+)", setting.allowed)[1].replace(",", ""))
    with pytest.raises(ConfigError, match=f"{setting.section}.{setting.name}: "):
        taken(setting, most * 2 if "steps of" in setting.allowed else most + max(1, most / 1e6))
    least = re.search(r"(from|above) ([0-9.,e-]+)", setting.allowed)
    with pytest.raises(ConfigError, match=f"{setting.section}.{setting.name}: "):
        taken(setting, float(least[2].replace(",", "")) - (least[1] == "from"))


def test_settings_of_a_list_s_parts_are_listed_and_bounded():
    assert [each.name for each in LISTED] == [
        *("train[].source", "train[].target"),
        *("train[].share", "train[].target_language", "train[].weights"),
    ]
    assert LISTED[2].allowed == "number, from 1e-06 up to 1e+06"
    for share, taken in ((1e-6, True), (1e6, True), (1e-7, False), (1e7, False)):
        part = {"source": "a", "target": "b", "share": share}
        data = {"train": [part], "validation_source": "c", "validation_target": "d"}
        if taken:
            assert check_settings({"data": data}, "").data.train[0].share == share
        else:
            with pytest.raises(ConfigError, match="data.train.0.share: Input should be"):
                check_settings({"data": data}, "")


@pytest.mark.parametrize("setting", OWN, ids=lambda each: f"{each.section}.{each.name}")
def test_defaults_are_those_that_are_taken(setting):
    if setting.name in PATHS:
        assert setting.default in ("required", "none")  # required without `train`
        return
    config = check_settings({"data": dict(PATHS)}, "")
    default = getattr(getattr(config, setting.section), setting.name)
    shown = {None: "none", True: "true", False: "false", (): "[]"}
    plain = default is None or isinstance(default, bool | tuple)
    assert setting.default in ("required", shown[default] if plain else str(default))


def test_one_section_or_all_and_no_other():
    assert [section.name for section in reference()] == [
        "data",
        "subwords",
        "model",
        "training",
        "decoding",
    ]
    assert [section.name for section in reference("training")] == ["training"]
    with pytest.raises(ConfigError, match="no section 'serving'; there are data, subwords, model"):
        reference("serving")
