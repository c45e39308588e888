import argparse
import csv
import io
import json
import math
import shutil
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from conftest import miniature_settings

from benchmarks.quality import ablation_variant
from benchmarks.quality.ablation import Ablation
from benchmarks.quality.ablation_table import comma_separated, markdown
from benchmarks.quality.ablation_variant import Result
from benchmarks.quality.variations import Variant, variants_of
from seq2seq.config.loading import dump_run_config
from seq2seq.errors import ConfigError
from seq2seq.manifest import MANIFEST
from seq2seq.run_folder import RunFolder
from seq2seq.training.corpus import learn_subwords

CONFIG = Path("configs/one.yaml")
RESULT = Result(
    parameters=1_234_567,
    steps=90,
    training_seconds=61.2,
    training_tokens_per_second=4321.0,
    perplexity=5.678,
    wrong_source_perplexity=123.4,
    bleu=38.764,
    bleu_interval=1.234,
    greedy_sentences_per_second=600.4,
    beam_sentences_per_second=201.6,
)


def test_every_combination_of_the_varied_values_is_a_variant():
    found = variants_of([CONFIG], ["model.attention=dot,none", "model.cell=lstm,gru"])
    assert [each.overrides for each in found] == [
        ["model.attention=dot", "model.cell=lstm"],
        ["model.attention=dot", "model.cell=gru"],
        ["model.attention=none", "model.cell=lstm"],
        ["model.attention=none", "model.cell=gru"],
    ]
    assert len({each.name for each in found}) == 4
    assert [each.overrides for each in variants_of([CONFIG], [])] == [[]]


def test_one_at_a_time_each_value_stands_beside_the_file_as_it_is():
    found = variants_of([CONFIG], ["model.attention=dot,none", "model.cell=gru"], True)
    assert [each.overrides for each in found] == [
        [],
        ["model.attention=dot"],
        ["model.attention=none"],
        ["model.cell=gru"],
    ]
    assert len({each.name for each in found}) == 4


def test_a_table_of_one_at_a_time_leaves_empty_what_is_as_in_the_file():
    found = variants_of([CONFIG], ["model.attention=dot", "model.cell=gru"], True)
    results = {found[1]: RESULT, found[0]: "as in the file", found[2]: RESULT}  # any order
    heading, _, dot, plain, gru = markdown(results).splitlines()
    assert heading.startswith("| settings | model.attention | model.cell | BLEU |")
    assert dot.startswith("| one | dot |  | 38.76 ± 1.23 | 5.68 | 123 |")
    assert plain.startswith("| one |  |  | as in the file |")
    assert gru.startswith("| one |  | gru | 38.76")
    rows = list(csv.DictReader(io.StringIO(comma_separated(results))))
    assert [row["model.cell"] for row in rows] == ["", "", "gru"]


def test_only_what_is_not_known_is_trained(tmp_path, monkeypatch):
    trained = []

    def run(command, **_):
        trained.append([each for each in command if each.startswith("--set=")])
        return subprocess.CompletedProcess(command, 0, "a warning\n" + json.dumps(asdict(RESULT)))

    monkeypatch.setattr(subprocess, "run", run)
    arguments = argparse.Namespace(
        configs=[Path("configs/miniature.yaml")],
        vary=["model.attention=general,dot", "model.forget_bias=100"],
        one_at_a_time=True,
        overrides=["model.units=64"],
        minutes=1.0,
        steps=None,
        validation=False,
        jobs=1,
        output=tmp_path,
    )
    Ablation(arguments).run()
    assert trained == [
        ["--set=model.units=64"],
        ["--set=model.units=64", "--set=model.attention=dot"],
    ]
    _, _, plain, general, dot, refused = (tmp_path / "table.md").read_text().splitlines()
    assert "38.76" in plain and "38.76" in dot
    assert "as in the file" in general and "refused" in refused and "forget_bias" in refused
    Ablation(arguments).run()
    assert len(trained) == 2
    arguments.minutes = 2.0
    Ablation(arguments).run()
    assert len(trained) == 4


def test_what_is_decoded_otherwise_is_not_trained_again(tmp_path, monkeypatch):
    commands = []

    def run(command, **_):
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, json.dumps(asdict(RESULT)))

    monkeypatch.setattr(subprocess, "run", run)
    arguments = argparse.Namespace(
        configs=[Path("configs/miniature.yaml")],
        vary=["decoding.mbr=chrf", "model.cell=gru"],
        one_at_a_time=True,
        overrides=["decoding.beam_width=4"],
        minutes=None,
        steps=90,
        validation=True,
        jobs=1,
        output=tmp_path,
    )
    Ablation(arguments).run()
    plain, gru, chosen = commands  # what others are translated by comes first
    assert [each[4] for each in commands] == [str(tmp_path / "miniature")] + [
        str(tmp_path / "miniature,cell=gru"),
        str(tmp_path / "miniature"),
    ]
    assert ["--trained" in each for each in commands] == [False, False, True]
    assert "--set=decoding.mbr=chrf" in chosen and "--set=model.cell=gru" in gru
    assert all("--validation" in each and "90" in each for each in commands)


def test_time_is_that_of_a_step_beside_the_file_as_it_is():
    plain, slow, refused = variants_of([CONFIG], ["model.cell=gru", "model.units=3"], True)
    twice = replace(RESULT, steps=45)
    rows = markdown({slow: twice, plain: RESULT, refused: "refused"}).splitlines()
    assert [row.split("|")[-2].strip() for row in rows] == [
        "time a step",
        "---",
        "2.00",
        "1.00",
        "",
    ]


def test_every_settings_file_is_varied():
    configs = [CONFIG, Path("configs/two.yaml")]
    found = variants_of(configs, ["model.cell=lstm,gru"])
    assert [each.config for each in found] == [CONFIG, CONFIG, configs[1], configs[1]]
    assert len({each.name for each in found}) == 4


@pytest.mark.parametrize("wrong", ["attention=dot", "model.attention", "model.attention=dot,,none"])
def test_a_variation_of_another_form_is_refused(wrong):
    with pytest.raises(ConfigError, match="expected SECTION.FIELD=VALUE,VALUE"):
        variants_of([CONFIG], [wrong])


def test_the_tables_hold_what_was_measured_and_why_something_was_not():
    measured, refused = variants_of([CONFIG], ["model.attention=dot,none"])
    results = {measured: RESULT, refused: "refused: no attention"}
    heading, _, first, second = markdown(results).splitlines()
    measured_row = (
        "| one | dot | 38.76 ± 1.23 | 5.68 | 123 | 1,234,567 | 90 | 4,321 | 600 | 202 | 61 |  |"
    )
    assert first == measured_row
    assert heading.count("|") == first.count("|") == second.count("|")
    assert "| one | none | refused: no attention |" in second
    rows = list(csv.DictReader(io.StringIO(comma_separated(results))))
    assert float(rows[0]["bleu"]) == RESULT.bleu
    assert rows[1]["refused"] == "refused: no attention"


def test_two_variants_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="two variants"):
        variants_of([CONFIG, Path("other/one.yaml")], [])


def test_a_plan_is_kept_and_serves_no_other_purpose(tmp_path, monkeypatch):
    pilots = []
    monkeypatch.setattr(
        ablation_variant, "_pilot", lambda config: pilots.append(config) or (0.5, 600.0)
    )
    config = miniature_settings(tmp_path)
    plan = ablation_variant._plan(config, tmp_path / "run", minutes=2)
    assert (plan.steps, plan.tokens_per_second) == (240, 1200.0)
    assert ablation_variant._plan(config, tmp_path / "run", minutes=2) == plan
    assert len(pilots) == 1
    other = miniature_settings(tmp_path, model={"cell": "gru"})
    for wrong, minutes in ((config, 3), (other, 2)):
        with pytest.raises(ConfigError, match="choose another --output"):
            ablation_variant._plan(wrong, tmp_path / "run", minutes)


def test_a_plan_serves_every_way_to_decode(tmp_path, monkeypatch):
    monkeypatch.setattr(ablation_variant, "_pilot", lambda config: (0.5, 600.0))
    plan = ablation_variant._plan(miniature_settings(tmp_path), tmp_path / "run", minutes=2)
    wider = miniature_settings(tmp_path, decoding={"beam_width": 7})
    assert ablation_variant._plan(wider, tmp_path / "run", minutes=2) == plan


@pytest.fixture
def begun(small_corpus, tmp_path):
    """Makes a run as it is at its beginning."""

    def make(name, **sections):
        config = miniature_settings(small_corpus, **sections)
        if not RunFolder.exists(tmp_path / name):
            RunFolder.create(tmp_path / name, config, learn_subwords(config))
        return tmp_path / name, config

    return make


def test_a_run_that_no_minutes_were_planned_for_is_not_extended_by_them(begun):
    run, config = begun("run")
    with pytest.raises(ConfigError, match="begun for no minutes; choose another --output"):
        ablation_variant._plan(config, run, minutes=2)


def test_minutes_cannot_be_planned_by_batches_that_warm_up(small_corpus):
    few = miniature_settings(small_corpus, data={"batch_tokens": 2000})
    with pytest.raises(ConfigError, match="an epoch has 5 batches, too few to plan minutes by"):
        ablation_variant._pilot(few)


def question(**changes):
    return argparse.Namespace(
        **{"minutes": None, "steps": None, "validation": False, "trained": False} | changes
    )


@pytest.mark.parametrize(
    ("sections", "steps", "said"),
    [
        ({"training": {"learning_rate": 0.1}}, None, "training.learning_rate: "),
        ({"model": {"units": 32}}, None, "model.units: 16 -> 32"),
        ({}, 7777, "training.steps: None -> 7777"),
    ],
)
def test_a_run_answers_no_other_question(sections, steps, said, begun, small_corpus):
    run, _ = begun("run")
    before = (run / "manifest.json").read_text()
    other = miniature_settings(small_corpus, **sections)
    with pytest.raises(ConfigError, match=f"other settings .*{said}.*another --output"):
        ablation_variant.measure(other, run, question(steps=steps))
    assert (run / "manifest.json").read_text() == before


def test_a_run_answers_its_own_question_however_it_is_decoded(begun, small_corpus, tmp_path):
    run, _ = begun("run")
    wider = miniature_settings(small_corpus, decoding={"beam_width": 7})
    ablation_variant.refuse_other_training(wider, run)
    other = miniature_settings(small_corpus, model={"units": 32})
    ablation_variant.refuse_other_training(other, tmp_path / "none")  # nothing is there


@pytest.mark.parametrize("vocabulary", ["kept", "learnt"])
def test_a_run_that_began_with_weights_since_replaced_answers_no_more(begun, vocabulary):
    beginning, _ = begun("beginning", subwords={"vocabulary_size": 600})
    training = {"start_from": str(beginning), "start_vocabulary": vocabulary}
    size = {"kept": 600, "learnt": 700}[vocabulary]
    run, config = begun("run", training=training, subwords={"vocabulary_size": size})
    manifests = [json.loads((each / MANIFEST).read_text()) for each in (beginning, run)]
    for manifest in manifests:
        manifest["weights"]["best"] = "config.yaml"  # any file
    manifests[1]["started_from"] = {"weights": manifests[0]["files"]["config.yaml"]}
    for folder, manifest in zip((beginning, run), manifests, strict=True):
        (folder / MANIFEST).write_text(json.dumps(manifest))
    _, asked = begun("run", training=training)  # of 700, which a kept vocabulary overrules
    ablation_variant.refuse_other_training(asked, run)
    assert (asked == config) == (vocabulary == "learnt")
    manifests[0]["weights"]["best"] = "subwords.model"
    (beginning / MANIFEST).write_text(json.dumps(manifests[0]))
    with pytest.raises(ConfigError, match="began with other weights than .*another --output"):
        ablation_variant.refuse_other_training(asked, run)


@pytest.mark.long
def test_a_run_of_minutes_is_decoded_otherwise_beside_the_same_rate(trained_run, tmp_path):
    run = Path(shutil.copytree(trained_run, tmp_path / "run"))
    config = RunFolder.open(run).config()
    asked = {"minutes": 2, "settings": dump_run_config(config)}
    plan = {"asked": asked, "plan": {"steps": 240, "tokens_per_second": 1234.5}}
    (tmp_path / "run.plan.json").write_text(json.dumps(plan))
    found = ablation_variant.measure(config, run, question(minutes=2, trained=True))
    assert found.training_tokens_per_second == 1234.5
    found = ablation_variant.measure(config, run, question(trained=True))
    assert found.training_tokens_per_second != 1234.5  # control: the history's


def test_a_variants_name_can_be_a_folders():
    assert "/" not in Variant(CONFIG, (("model.source_vectors", "a/b.txt"),)).name


def test_what_a_beginning_has_not_is_no_number():
    rows = ablation_variant.numbers_of([{"step": "0", "training_loss": ""}, {"step": "7"}])
    assert rows[0]["step"] == 0 and math.isnan(rows[0]["training_loss"])
    assert rows[1] == {"step": 7}
