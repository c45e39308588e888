"""Settings that were understood: defaults, checks across fields, and back to a file."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.config.loading import (
    as_run_config,
    as_settings,
    check_settings,
    differences,
    dump_run_config,
    load_run_config,
    parse_yaml,
    with_decoding,
)
from seq2seq.config.sections import ModelConfig, RunConfig
from seq2seq.config.settings_file import commented_yaml
from seq2seq.errors import ConfigError

SHIPPED = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
PATHS = {
    f"{split}_{side}": f"corpus/{split}.{side}"
    for split in ("train", "validation")
    for side in ("source", "target")
}


def run_config(data=None, **sections):
    return check_settings({"data": data or PATHS, **sections}, "in a test")


def test_an_empty_section_means_its_defaults(tmp_path):
    def load(text):
        path = tmp_path / "run.yaml"
        path.write_text(yaml.safe_dump({"data": PATHS}) + text, encoding="utf-8")
        return load_run_config(path)

    assert load("model:\ntraining: {}\n") == load("") == run_config()
    assert load("").model == ModelConfig()
    assert load("model:\n  units: 4\n") != load("")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_settings_file_loads(path):
    assert all(corpus.source != corpus.target for corpus in load_run_config(path).data.corpora)


def test_test_files_come_in_pairs():
    paths = {"test_source": "test.en", "test_target": "test.de"}
    for one in paths:
        with pytest.raises(ConfigError, match="data: test_source and test_target are given tog"):
            run_config(data={**PATHS, one: paths[one]})
    assert run_config(data={**PATHS, **paths}).data.test_target == Path("test.de")


CORPORA = [{"source": "a.en", "target": "a.de"}, {"source": "b.pt", "target": "b.nl"}]
VALIDATION = {name: path for name, path in PATHS.items() if name.startswith("validation")}


def test_one_corpus_is_said_in_two_ways():
    short = run_config().data
    listed = run_config(
        data={
            **VALIDATION,
            "train": [{"source": PATHS["train_source"], "target": PATHS["train_target"]}],
        }
    ).data
    assert short.corpora == listed.corpora
    assert list(short.training_files.values()) == list(listed.training_files.values())
    assert list(listed.training_files) == ["train.0.source", "train.0.target"]


def test_null_takes_out_the_list_of_corpora_of_another_run():
    other = run_config(data={**VALIDATION, "train": CORPORA})
    overrides = [f"data.{name}={path}" for name, path in PATHS.items()]
    with pytest.raises(ConfigError, match=r"leave one of them out \(null\)"):
        as_run_config(other, overrides)
    alone = as_run_config(other, [*overrides, "data.train=null"])
    assert alone.data.corpora == run_config(data=PATHS).data.corpora


def test_shards_alone_speak_the_languages_of_the_validation_text():
    paths = {"validation_source": "val.en", "validation_target": "val.pt"}
    data = run_config(data={**paths, "shards": "shards"}).data
    assert data.corpora == ()
    assert (data.languages.source, data.languages.target) == ("en", "pt")
    assert list(data.fixed_files) == ["shards", *paths]
    beside = run_config(data={**paths, "train": CORPORA, "shards": "shards"}).data
    assert (beside.languages.source, beside.languages.target) == ("en", "de")  # as text says
    assert len(beside.training_files) == 4
    assert list(beside.fixed_files) == ["shards", *paths]


def test_several_corpora_speak_the_languages_of_the_first():
    data = run_config(data={**VALIDATION, "train": CORPORA}).data
    assert (data.languages.source, data.languages.target) == ("en", "de")
    assert [corpus.source.name for corpus in data.corpora] == ["a.en", "b.pt"]


def test_a_language_of_the_first_corpus_goes_before_its_files_name_and_that_of_all_before_both():
    train = [{"source": "a.en", "target": "a.de", "target_language": "gsw"}, CORPORA[1]]
    data = {**VALIDATION, "train": train}
    assert run_config(data=data).data.languages.target == "gsw"
    assert run_config(data={**data, "target_language": "nds"}).data.languages.target == "nds"


def test_another_text_is_in_its_own_language_where_there_are_several():
    test = Path("test.fr")
    several = run_config(data={**VALIDATION, "train": CORPORA, "language_tags": True}).data
    assert several.language_of_target(test) == "fr"
    assert several.language_of_target(Path("test.txt")) == "de"
    assert (several.tags.known, several.tags.default) == (("de", "nl"), "de")
    assert several.tags_for(Path("test.nl")).default == "nl"
    alone = run_config(data={**PATHS, "target_language": "de"}).data
    assert alone.language_of_target(test) == "de"


def test_weights_of_the_only_corpus_are_its_own():
    data = run_config(data={**PATHS, "train_weights": "weights"}).data
    assert data.is_weighted and data.training_files["train_weights"] == Path("weights")
    assert not run_config().data.is_weighted


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({"train": CORPORA, "train_source": "a"}, "data: train is in place of train_source; leave"),
        ({}, "data: train_source: Missing; add it to the file, or `train`"),
        (
            {"train": [{**CORPORA[0], "share": 1}, CORPORA[1]]},
            "data: train.1.share: Missing; give every corpus a share, or none",
        ),
        ({"train": CORPORA, "train_weights": "w"}, "data: train is in place of train_weights; le"),
        ({"shards": "s", "train_weights": "w"}, "data: shards hold pairs that count alike; leave"),
        (
            {"shards": "s", "train": [{**CORPORA[0], "weights": "w"}]},
            "data: shards hold pairs that count alike; leave out the weights, or shards",
        ),
        (
            {"train": [{**CORPORA[0], "weights": "w"}], "concatenation": 0.1},
            r"data: concatenation would make one pair of two that count .* \(got 0.1\)$",
        ),
        ({"shards": "s", "train_source": "a"}, "data: train_source and train_target are given tog"),
        ({"shards": "s", "concatenation": 0.1}, "data: shards are read as they are; concatenatio"),
        ({"shards": "s", "language_tags": True}, "data: language_tags: with shards, train says"),
        (
            {"shards": "s", "train": [{**each, "share": 1} for each in CORPORA]},
            r"data: shards hold each pair once; leave out train\[\]\.share, or shards",
        ),
        ({"train": [{"source": "a"}]}, "data.train.0.target: Missing; add it$"),
        (
            {"train": [{**CORPORA[0], "shar": 1}]},
            r"data.train.0.shar: Unexpected setting \(got 1\); did you mean share\?",
        ),
    ],
)
def test_a_mistake_in_the_corpora_is_one_line(data, complaint):
    with pytest.raises(ConfigError, match=complaint):
        run_config(data={**VALIDATION, **data})


def test_pairs_of_several_languages_are_not_joined():
    tagged = {**PATHS, "language_tags": True, "target_language": "de"}
    assert run_config(data=tagged).data.language_tags
    assert run_config(data={**PATHS, "concatenation": 0.2}).data.concatenation == 0.2
    with pytest.raises(ConfigError, match="concatenation would put a tag into the middle"):
        run_config(data={**tagged, "concatenation": 0.2})


@pytest.mark.parametrize("kind", ["word", "character"])
def test_sampling_is_for_kinds_that_cut_a_word_in_several_ways(kind):
    with pytest.raises(ConfigError, match=f"sampling needs kind: unigram or bpe .*kind: {kind}"):
        run_config(subwords={"kind": kind, "sampling": 0.1})
    assert run_config(subwords={"kind": kind}).subwords.kind == kind
    for cut in ("unigram", "bpe"):
        assert run_config(subwords={"kind": cut, "sampling": 0.1}).subwords.sampling == 0.1


def test_a_smoothness_of_merges_is_refused():
    settings = {"sampling": 0.1, "sampling_smoothness": 0.5}
    assert run_config(subwords=settings).subwords.sampling_smoothness == 0.5
    with pytest.raises(ConfigError, match="leave it out with kind: bpe .got 0.5."):
        run_config(subwords=settings | {"kind": "bpe"})


@pytest.mark.parametrize("side", ["source", "target"])
def test_embeddings_begin_in_one_way(side):
    model = {f"{side}_vectors": "vectors.txt", "tied_embeddings": "none"}
    run_config(model=model)
    with pytest.raises(ConfigError, match="^in a test: training.start_from gives embeddings alre"):
        run_config(model=model, training={"start_from": "runs/other"})


def test_outputs_are_as_many_as_are_kept_drawn_or_compared():
    def decoding(**fields):
        return run_config(decoding=fields).decoding

    with pytest.raises(ConfigError, match="n_best needs a beam at least as wide"):
        decoding(beam_width=2, n_best=3)
    assert decoding(beam_width=2, n_best=3, sampling=True).searched.n_best == 3
    compared = decoding(beam_width=3, mbr="chrf", mbr_candidates=9)
    assert (compared.searched.n_best, compared.searched.mbr) == (3, "none")
    assert decoding(sampling=True, mbr="chrf", mbr_candidates=9).searched.n_best == 9


def test_decoding_settings_are_changed_one_by_one():
    config = run_config(model={"units": 64}, decoding={"beam_width": 7, "length_penalty": 0.3})
    changed = with_decoding(config, {"beam_width": 2})
    assert (changed.decoding.beam_width, changed.decoding.length_penalty) == (2, 0.3)
    assert dataclasses.replace(changed, decoding=config.decoding) == config
    with pytest.raises(ConfigError, match="^decoding settings: decoding.beam: Unexpected setting"):
        with_decoding(config, {"beam": 2})


def test_terms_need_a_beam_that_may_write_anything():
    taking = [
        {"beam_width": 2},
        {"beam_width": 1},
        {"beam_width": 2, "sampling": True},
        {"beam_width": 2, "blocked_ngram": 3},
    ]
    found = [run_config(decoding=each).decoding.takes_terms for each in taking]
    assert found == [True, False, False, False]


def test_a_section_made_in_code_is_checked_and_frozen():
    with pytest.raises(ValueError, match="multiple of 2"):
        ModelConfig(units=3)
    with pytest.raises(dataclasses.FrozenInstanceError, match="units"):
        ModelConfig().units = 4


DATA = st.fixed_dictionaries(
    dict.fromkeys(PATHS, st.text()), optional={"longest": st.integers(2, 9)}
)
MODEL = st.fixed_dictionaries(
    {},
    optional={
        "units": st.integers(1, 2**15).map(lambda half: 2 * half),
        "dropout": st.floats(0, 1, exclude_max=True),
        "attention": st.sampled_from(["none", "dot", "general", "additive"]),
    },
)
TRAINING = st.fixed_dictionaries(
    {},
    optional={
        "learning_rate": st.floats(1e-9, 1),
        "clip_norm": st.floats(1e-9, 1e9),
        "patience": st.none() | st.integers(1, 10**9),
        "seed": st.integers(0, 2**31 - 1),
    },
)


@settings(deadline=None)
@given(DATA, MODEL, TRAINING)
def test_written_settings_load_as_they_were(tmp_path_factory, data, model, training):
    config = check_settings({"data": data, "model": model, "training": training}, "drawn")
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    path.write_text(dump_run_config(config), encoding="utf-8")
    assert load_run_config(path) == config


@pytest.mark.parametrize("text", ["1.5e3", "1e3", "0o17", "12:30", "010", "no", "~", ".5", "é"])
def test_text_that_looks_like_something_else_stays_text(text):
    config = run_config(data=PATHS | {"train_source": text}, subwords={"symbols": [text]})
    assert check_settings(parse_yaml(dump_run_config(config), ""), "") == config
    written = commented_yaml({"data": {"train_source": text}}, [], "Made.")
    assert parse_yaml(written, "") == {"data": {"train_source": text}}


def test_written_settings_spell_out_every_default():
    written = yaml.safe_load(dump_run_config(run_config()))
    assert list(written) == [section.name for section in dataclasses.fields(RunConfig)]
    assert list(written["model"]) == [field.name for field in dataclasses.fields(ModelConfig)]


def test_differences_are_listed_for_the_sections_asked():
    old = run_config(model={"units": 64}, training={"patience": 3})
    new = run_config(model={"units": 32}, decoding={"beam_width": 1})
    assert differences(old, new, ("model", "training")) == [
        "model.units: 64 -> 32",
        "training.patience: 3 -> None",
    ]
    assert differences(old, new, ("decoding",)) == ["decoding.beam_width: 5 -> 1"]
    assert differences(old, old, tuple(as_settings(old))) == []


def test_settings_load_without_tensorflow_and_keras():
    lines = (
        "import sys, seq2seq.config.loading",
        "print(sorted({'tensorflow', 'keras', 'yaml'} & set(sys.modules)))",
    )
    command = [sys.executable, "-c", "\n".join(lines)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout == "['yaml']\n"
