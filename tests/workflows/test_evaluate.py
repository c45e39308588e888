import json
import os
import shutil

import pytest
from command_line import fails, run_command
from conftest import write_corpus
from loaded import loaded

from seq2seq.config.languages import Languages
from seq2seq.data.lines import read_lines, write_lines
from seq2seq.errors import ConfigError, DataError
from seq2seq.run_folder import RunFolder
from seq2seq.workflows.evaluate import evaluate, evaluate_with, score_run


def test_a_translators_own_output_as_reference_scores_100(trained_run, tmp_path):
    folder = write_corpus(tmp_path, train=5, others=12)
    source, reference = folder / "test.en", tmp_path / "reference.de"
    translator = loaded(trained_run)
    write_lines(reference, translator.translate(list(read_lines(source))))
    scores = evaluate(trained_run, source, reference).as_dict()
    assert (scores["bleu"], scores["chrf"], scores["ter"]) == (100, 100, 0)
    assert evaluate_with(translator, "", source, reference).as_dict() == scores
    # Control: the real references score less.
    assert evaluate_with(translator, "", source, folder / "test.de").as_dict()["bleu"] < 100


class Several:
    """Translates into the language that it was asked for last."""

    target_languages = ("de", "nl")

    def __init__(self, language="de"):
        self.language = language
        self.languages = Languages("en", language)

    def into(self, language):
        if language not in self.target_languages:
            raise ConfigError(f"no {language}")
        return Several(language)

    def translate(self, texts):
        return [self.language] * len(texts)


def test_a_run_and_its_baseline_write_the_language_of_the_reference(tmp_path, monkeypatch):
    monkeypatch.setattr("seq2seq.workflows.evaluate.load_translator", lambda run: Several())
    for name in ("test.en", "test.nl", "test.fr"):
        write_lines(tmp_path / name, ["nl"] * 3)
    found = evaluate(tmp_path, tmp_path / "test.en", tmp_path / "test.nl", baseline=tmp_path)
    assert found.system.lines == found.baseline.lines == ["nl"] * 3
    with pytest.raises(ConfigError, match="no fr"):
        evaluate(tmp_path, tmp_path / "test.en", tmp_path / "test.fr")


def test_metrics_are_those_that_are_asked_for(trained_run, tmp_path, monkeypatch):
    monkeypatch.setattr("seq2seq.workflows.evaluate.load_translator", loaded)
    folder = write_corpus(tmp_path, train=5, others=12)
    source, reference = folder / "test.en", tmp_path / "reference.de"
    write_lines(reference, loaded(trained_run).translate(list(read_lines(source))))
    chosen = ("evaluate", trained_run, source, reference, "--json", "--metrics")
    found = json.loads(run_command(*chosen, "exact_match,wer,edit_distance"))
    assert (found["exact_match"], found["wer"], found["edit_distance"]) == (100, 0, 0)
    assert "unit:words" in found["wer_signature"] and "bleu" not in found
    there_are = (
        "bleu, chrf, chrf++, ter, exact_match, wer, cer, edit_distance, symbol_edit_distance"
    )
    assert fails(*chosen, "wer,rouge").endswith(f"--metrics rouge: there are {there_are}")


def test_a_line_is_right_that_is_in_any_reference_file(trained_run, tmp_path, monkeypatch):
    monkeypatch.setattr("seq2seq.workflows.evaluate.load_translator", loaded)
    folder = write_corpus(tmp_path, train=5, others=12)
    source, reference, other = folder / "test.en", folder / "test.de", tmp_path / "other.de"
    own = loaded(trained_run).translate(list(read_lines(source)))
    write_lines(other, [own[0] + " nie", *own[1:6], *[""] * 6])
    chosen = (reference, other, "--json", "--metrics", "exact_match")
    found = json.loads(run_command("evaluate", trained_run, source, *chosen))["exact_match"]
    (alone,) = evaluate(trained_run, source, reference, metrics=["exact_match"]).measured
    assert found >= 41 and alone.score < found
    report = tmp_path / "report.html"
    run_command("evaluate", trained_run, source, reference, other, "--report", report)
    page = report.read_text()
    assert f"{reference}, {other}" in page and "beside every reference of the line" in page
    write_lines(other, own[:3])
    unequal = fails("evaluate", trained_run, source, reference, other)
    assert "test.en has 12 lines but" in unequal and "other.de has 3" in unequal


def test_a_run_and_a_file_of_its_translations_are_the_same_baseline(
    trained_run, tmp_path, monkeypatch
):
    monkeypatch.setattr("seq2seq.workflows.evaluate.load_translator", loaded)
    folder = write_corpus(tmp_path, train=5, others=12)
    source, reference, file = folder / "test.en", folder / "test.de", tmp_path / "baseline.de"
    write_lines(file, loaded(trained_run).translate(list(read_lines(source))))
    for baseline in (file, trained_run):
        found = evaluate(trained_run, source, reference, baseline).as_dict()
        assert found["baseline"]["name"] == str(baseline)
        assert found["baseline"]["bleu"] == found["bleu"]
        assert (found["bleu_p_value"], found["chrf_p_value"], found["ter_p_value"]) == (1, 1, 1)
    # Control: another text is another baseline.
    found = evaluate(trained_run, source, reference, reference).as_dict()
    assert found["baseline"]["bleu"] == 100 > found["bleu"]


def test_a_text_without_words_has_a_report_too(trained_run, tmp_path):
    for name in ("a.en", "a.de"):
        write_lines(tmp_path / name, ["", " "])
    translator = loaded(trained_run)
    evaluation = evaluate_with(translator, "run", tmp_path / "a.en", tmp_path / "a.de")
    evaluation.write_report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "2 lines of" in page
    assert "BLEU by length" not in page


def test_a_baseline_of_another_text_is_refused_before_anything_is_translated(tmp_path):
    write_lines(tmp_path / "a.en", ["One.", "Two."])
    write_lines(tmp_path / "b.de", ["Eins."])
    with pytest.raises(DataError, match="a.en has 2 lines but .*b.de has 1"):
        evaluate(tmp_path / "no run", tmp_path / "a.en", tmp_path / "a.en", tmp_path / "b.de")


def test_unequal_files_are_refused_with_their_counts(trained_run, tmp_path):
    write_lines(tmp_path / "a.en", ["One.", "Two."])
    write_lines(tmp_path / "a.de", ["Eins."])
    with pytest.raises(DataError, match="a.en has 2 lines but .*a.de has 1"):
        evaluate(trained_run, tmp_path / "a.en", tmp_path / "a.de")


def test_what_can_be_read_but_once_is_refused(tmp_path):
    write_lines(tmp_path / "a.en", ["One."])
    os.mkfifo(tmp_path / "pipe")
    for files in (("pipe", "a.en"), ("a.en", "pipe")):
        with pytest.raises(DataError, match="pipe is no plain file; it is read more than once"):
            evaluate(tmp_path / "no run", *(tmp_path / name for name in files))


def test_a_report_is_not_written_over_what_is_read(tmp_path):
    for name in ("a.en", "a.de", "b.de"):
        write_lines(tmp_path / name, ["One."])
    paths = [tmp_path / name for name in ("a.en", "a.de", "b.de")]
    line = fails("evaluate", tmp_path / "no run", *paths, "--report", tmp_path / "b.de")
    assert "b.de is read, and would be written over" in line
    assert list(read_lines(tmp_path / "b.de")) == ["One."]


def test_a_run_is_scored_anew_when_its_text_has_changed(trained_run, tmp_path, monkeypatch):
    run = shutil.copytree(trained_run, tmp_path / "run")
    texts = {name: tmp_path / name for name in ("a.en", "a.de")}
    for path in texts.values():
        write_lines(path, ["One."])
    splits = {"test": tuple(texts.values())}
    monkeypatch.setattr("seq2seq.workflows.evaluate.evaluation_files", lambda _: splits)
    scored = []

    def load(path):
        scored.append(path)
        return loaded(trained_run)

    monkeypatch.setattr("seq2seq.workflows.evaluate.load_translator", load)
    for changed, times in ((None, 1), (None, 1), ("a.de", 2), ("a.en", 3), (None, 3)):
        if changed:
            write_lines(texts[changed], ["Two."])
        score_run(RunFolder.open(run))
        assert len(scored) == times
