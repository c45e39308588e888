import csv
import io
from pathlib import Path

import pytest
from conftest import miniature_settings

from benchmarks import ablation_variant
from benchmarks.ablation import Variant, comma_separated, markdown, variants_of
from benchmarks.ablation_variant import Result
from seq2seq.errors import ConfigError

CONFIG = Path("configs/one.yaml")
RESULT = Result(
    parameters=1_234_567,
    steps=90,
    training_seconds=61.2,
    training_tokens_per_second=4321.0,
    perplexity=5.678,
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
    assert first == "| one | dot | 38.76 ± 1.23 | 5.68 | 1,234,567 | 90 | 4,321 | 600 | 202 | 61 |"
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


def test_a_variants_name_can_be_a_folders():
    assert "/" not in Variant(CONFIG, (("model.source_vectors", "a/b.txt"),)).name
