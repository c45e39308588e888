"""Settings that fit a corpus: they load, they grow with it, and the reasons stand beside them."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.config.fitting import CorpusSize, Machine, fit_settings
from seq2seq.config.languages import Languages
from seq2seq.config.loading import check_settings, load_run_config, parse_yaml
from seq2seq.config.settings_file import commented_yaml, settings_of

SMALL, LARGE = Machine(2, False), Machine(16, True)
FILES = {
    "train": ("a b/train.no", "a b/train: #1.de"),
    "validation": ("val.no", "val.de"),
}
LANGUAGES = Languages("no", "de")


def config(size, machine=SMALL):
    settings = settings_of(FILES, LANGUAGES, fit_settings(size, machine))
    return check_settings(settings, "fitted")


@given(
    st.integers(0, 10**9),
    st.integers(0, 100_000),
    st.tuples(*[st.sampled_from([None, "en", "zh", "he"])] * 2),
    st.integers(1, 512),
    st.booleans(),
)
def test_every_corpus_gets_settings_that_load(pairs, characters, languages, cores, bfloat16):
    size, machine = CorpusSize(pairs, characters, languages), Machine(cores, bfloat16)
    found = config(size, machine)
    assert found.subwords.vocabulary_size > characters + 260
    fitted = fit_settings(size, machine)
    text = commented_yaml(settings_of(FILES, LANGUAGES, fitted), fitted, "Fitted.")
    assert check_settings(parse_yaml(text, "text"), "text") == found
    assert all(f"# {each.reason}" in text for each in fitted)
    assert text.startswith("# Fitted.\n") and "`seq2seq settings` explains" in text


def test_the_more_text_the_larger_the_network_and_the_fewer_epochs():
    found = [config(CorpusSize(pairs, 100)) for pairs in (1000, 5000, 29_000, 200_000)]
    for name in ("units", "embedding_size"):
        widths = [getattr(each.model, name) for each in found]
        assert widths == sorted(widths) and widths[0] < widths[-1]
    sizes = [each.subwords.vocabulary_size for each in found]
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]
    epochs = [each.training.epochs for each in found]
    assert epochs == sorted(epochs, reverse=True) and epochs[0] > epochs[-1]


@pytest.mark.parametrize("first", [3000, 15_000, 60_000, 150_000])
def test_a_recipe_begins_with_its_first_pair(first):
    before, at, after = (config(CorpusSize(first + more, 100)) for more in (-1, 0, 1))
    assert before != at == after


def test_multi30k_gets_the_settings_that_were_measured():
    measured = load_run_config_of_multi30k()
    found = config(CorpusSize(29_000, 120), Machine(2, True))
    assert found.subwords == measured.subwords
    assert found.model == measured.model
    assert found.training == measured.training
    assert found.data.batch_tokens == measured.data.batch_tokens


def test_a_second_pass_is_spoken_of_where_there_is_one():
    for pairs, twice in ((14_999, False), (15_000, True), (59_999, True), (60_000, False)):
        fitted = fit_settings(CorpusSize(pairs, 100), SMALL)
        assert any("two passes" in each.reason for each in fitted) == twice
        assert config(CorpusSize(pairs, 100)).training.consistency == twice


def load_run_config_of_multi30k():
    from pathlib import Path

    return load_run_config(Path(__file__).parents[2] / "configs" / "multi30k_en_de.yaml")


def test_scripts_with_many_characters_get_room_for_them():
    latin, chinese = CorpusSize(5000, 90, ("en", "de")), CorpusSize(5000, 3000, ("en", "zh"))
    assert config(chinese).subwords.vocabulary_size > 6000 > config(latin).subwords.vocabulary_size
    short = CorpusSize(5000, 90, ("zh", "en"))  # few characters, but words of one or two
    assert config(short).subwords.vocabulary_size == 2 * config(latin).subwords.vocabulary_size


@pytest.mark.parametrize(
    ("machine", "precision"), [(Machine(2, False), "float32"), (Machine(2, True), "bfloat16")]
)
def test_a_processor_that_multiplies_bfloat16_does(machine, precision):
    assert config(CorpusSize(5000, 90), machine).training.precision == precision


def test_many_cores_take_a_wider_network_where_there_is_text_for_it():
    large = CorpusSize(400_000, 100)
    assert config(large, LARGE).model.units > config(large, SMALL).model.units
    small = CorpusSize(20_000, 100)
    assert config(small, LARGE).model.units == config(small, SMALL).model.units
    least = config(CorpusSize(150_000, 100), Machine(8, False))
    assert (least.model.embedding_size, least.model.units) == (512, 1024)
    assert least.data.batch_tokens == 2048
    for pairs, cores in ((150_000, 7), (149_999, 8)):
        assert config(CorpusSize(pairs, 100), Machine(cores, False)).model.units == 640


def test_further_corpora_come_behind_the_first_and_only_in_training():
    data = settings_of(FILES, LANGUAGES, [], also=[("more.no", "more.de")])["data"]
    assert [each["source"] for each in data["train"]] == ["a b/train.no", "more.no"]
    assert [each["target"] for each in data["train"]] == ["a b/train: #1.de", "more.de"]
    assert data["validation_source"] == "val.no" and "train_source" not in data


def test_norwegian_and_odd_paths_survive_yaml():
    text = commented_yaml(settings_of(FILES, LANGUAGES, []), [], "Fitted.")
    data = yaml.safe_load(text)["data"]
    assert data["source_language"] == "no"
    assert data["train_target"] == FILES["train"][1]


def test_a_setting_is_a_line_as_people_write_it():
    """So that a path can be found, and changed, with an editor."""
    path = "Übersetzungen/" + 40 * "lang und " + "größer.de"
    files = FILES | {"train": ("a.no", path)}
    text = commented_yaml(settings_of(files, LANGUAGES, []), [], "Fitted.")
    assert f"  train_target: {path}\n" in text
    assert "  target_language: de\n" in text
    unknown = commented_yaml(settings_of(files, Languages(None, "de"), []), [], "Fitted.")
    assert "source_language" not in unknown and "target_language" in unknown
