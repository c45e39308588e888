import re

from seq2seq.config.loading import dump_run_config
from seq2seq.run_folder import RunFolder
from seq2seq.workflows.info import describe


def test_a_run_is_described_with_parameters_versions_and_scores(trained_run):
    rows = dict(describe(trained_run))
    assert rows["attention"] == "additive"
    assert rows["keras"].startswith("3.")
    assert int(rows["target tokens a second"].replace(",", "")) > 0
    assert "nrefs:1" in rows["test BLEU"]
    assert re.fullmatch(r"[0-9.]+ \([0-9.]+ with other sources\)", rows["validation perplexity"])


def test_parts_add_up_to_the_parameters(trained_run):
    rows = describe(trained_run)
    total = int(dict(rows)["parameters"].replace(",", ""))
    parts = [
        int(value.split()[0].replace(",", "")) for name, value in rows if name.startswith("  ")
    ]
    assert sum(parts) == total


def test_a_settings_file_is_described_without_training(trained_run, tmp_path):
    config = RunFolder.open(trained_run).config()
    (tmp_path / "settings.yaml").write_text(dump_run_config(config))
    rows = dict(describe(tmp_path / "settings.yaml"))
    assert rows["parameters"] == dict(describe(trained_run))["parameters"]


def test_languages_are_named(trained_run, tmp_path):
    assert dict(describe(trained_run))["source language"] == "en"
    config = RunFolder.open(trained_run).config()
    (tmp_path / "settings.yaml").write_text(dump_run_config(config))
    rows = dict(describe(tmp_path / "settings.yaml", ["data.target_language=nds"]))
    assert (rows["source language"], rows["target language"]) == ("en", "nds")
