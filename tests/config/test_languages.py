"""Languages of a run: as set, or as its files are called."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.config.languages import (
    TWO_LETTER_CODES,
    Languages,
    LanguageTags,
    is_right_to_left,
    is_unspaced,
    language_of_file,
)
from seq2seq.config.loading import as_settings, check_settings, dump_run_config, parse_yaml
from seq2seq.errors import ConfigError


def data_config(source="train.en", target="train.de", **given):
    files = {"train_source": source, "train_target": target}
    files |= {"validation_source": "val.en", "validation_target": "val.de"}
    return check_settings({"data": files | given}, "in a test").data


@given(st.sampled_from(sorted(TWO_LETTER_CODES)), st.sampled_from(["", ".gz"]))
def test_a_file_that_ends_in_a_language_is_in_it(code, zipped):
    assert language_of_file(Path(f"corpus/train.{code}{zipped}")) == code
    assert language_of_file(Path(f"corpus.{code}/train{zipped}")) is None


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("train.pt-BR", "pt-BR"),
        ("train.zh_Hant.gz", "zh-Hant"),
        ("train.txt", None),
        ("train.src", None),
        ("train.xx", None),
        ("en", None),
        ("train", None),
        (".en", "en"),
        ("train.en_core_web_sm_of_spacy", None),
    ],
)
def test_what_is_no_language_is_not_taken_for_one(name, language):
    assert language_of_file(Path(name)) == language


def test_settings_go_before_names():
    assert data_config().languages == Languages("en", "de")
    assert data_config("a.txt", "b.txt").languages == Languages(None, None)
    given = data_config("a.txt", source_language="sr-Latn-RS", target_language="gsw")
    assert given.languages == Languages("sr-Latn-RS", "gsw")


@pytest.mark.parametrize("tag", ["pt_BR", "english", "e", "", "de-", "-de", 5, "de\n", "x" * 5000])
def test_what_is_no_tag_is_refused(tag):
    with pytest.raises(ConfigError, match=r"data.target_language: Input should be a language tag"):
        data_config(target_language=tag)


@pytest.mark.parametrize(
    "tag",
    [
        *("de", "gsw", "pt-BR", "es-419", "zh-Hant-TW", "de-1996", "ca-valencia", "sl-rozaj-biske"),
        *("de-DE-u-co-phonebk", "en-x-plain"),
    ],
)
def test_every_form_of_a_tag_is_taken(tag):
    assert data_config(target_language=tag).languages.target == tag


def test_norwegian_is_not_false():
    """YAML takes no for false, unless it is in quotes."""
    unquoted, quoted = (yaml.safe_load(f"target_language: {text}") for text in ("no", "'no'"))
    with pytest.raises(ConfigError, match='write "no" in quotes'):
        data_config(**unquoted)
    assert data_config(**quoted).languages.target == "no"


def test_tags_survive_a_file():
    config = check_settings(
        {"data": {**as_paths(), "source_language": "no", "target_language": "zh-Hant"}}, ""
    )
    assert check_settings(parse_yaml(dump_run_config(config), ""), "") == config
    assert as_settings(config)["data"]["source_language"] == "no"


def as_paths():
    return {
        f"{split}_{side}": f"{split}.{side}"
        for split in ("train", "validation")
        for side in ("source", "target")
    }


@pytest.mark.parametrize(
    ("text", "tagged"),
    [
        ("A dog.", "<2fr> A dog."),
        ("<2de> A dog.", "<2de> A dog."),
        (" <2de> A dog.", "<2de> A dog."),
        ("<2es> A dog.", "<2fr> <2es> A dog."),  # no tag of this run
        ("<2de>A dog.", "<2fr> <2de>A dog."),
        ("  ", ""),
        ("<2de> ", ""),  # a tag alone
    ],
)
def test_a_text_is_tagged_once_and_nothing_not_at_all(text, tagged):
    assert LanguageTags(("fr", "de"), "fr").before(text) == tagged


def test_directions_and_spaces():
    assert [is_right_to_left(tag) for tag in ("he", "ar-EG", "de", "ks-Deva")] == [1, 1, 0, 0]
    assert all(map(is_right_to_left, ("fa", "ur", "ug", "ps", "sd", "yi", "dv", "ckb", "uz-Arab")))
    assert [is_unspaced(tag) for tag in ("zh-Hans", "th", "ko", "de")] == [1, 1, 0, 0]
    assert all(map(is_unspaced, ("ja", "yue", "lo", "km-KH", "my", "bo", "dz")))
