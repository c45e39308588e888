"""`seq2seq init`: its options reach the job, and what was chosen is told."""

from pathlib import Path

import pytest
from command_line import fails, run_command

from seq2seq.cli import init
from seq2seq.config.fitting import CorpusSize, Fitted
from seq2seq.config.languages import UNKNOWN, Languages
from seq2seq.data.corpus_files import Table
from seq2seq.training.pilot import Pilot
from seq2seq.workflows.init import Initialised

FITTED = [Fitted("training", "epochs", 10, "often enough"), Fitted("model", "units", 64, "wide")]


@pytest.fixture
def jobs(monkeypatch, tmp_path):
    """What the command asks for; it is told that `made` was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(init, "load_tensorflow", lambda: None)
    for name in ("a.en", "a.de", "b.en", "b.de", "c.en", "c.de", "pairs.tsv"):
        Path(name).write_text("one\ttwo\n")
    jobs = []
    monkeypatch.setattr("seq2seq.workflows.init.init", lambda job: jobs.append(job) or made())
    return jobs


def made(**other):
    usual = {
        "config": Path("my.yaml"),
        "files": {split: (Path(f"{split}.en"), Path(f"{split}.de")) for split in ("train", "test")},
        "written": {"train": 12_345},
        "languages": Languages("en", "de"),
        "size": CorpusSize(12_345, 60),
        "fitted": FITTED,
        "pilot": Pilot(seconds=0.5, pairs=12.345, parameters=1_234_567),
    }
    return Initialised(**usual | other)


def test_without_options_text_is_held_out_and_steps_are_timed(jobs):
    run_command("init", "a.en", "a.de", "-o", "out/my.yaml")
    (job,) = jobs
    assert job.corpus.train == (Path("a.en"), Path("a.de"))
    assert (job.corpus.validation, job.corpus.test) == (None, None)
    assert job.corpus.languages == Languages("en", "de")
    assert (job.config, job.data) == (Path("out/my.yaml"), Path("data/my"))
    assert (job.seed, job.replace, job.pilot, list(job.also)) == (1, False, True, [])


def test_each_option_reaches_the_job(jobs):
    given = ["--validation", "b.en", "b.de", "--test", "c.en", "c.de"]
    given += ["--data", "held", "--seed", "7", "--replace", "--no-pilot"]
    run_command("init", "a.en", "a.de", "-o", "my.yaml", *given)
    (job,) = jobs
    assert job.corpus.validation == (Path("b.en"), Path("b.de"))
    assert job.corpus.test == (Path("c.en"), Path("c.de"))
    assert (job.data, job.seed, job.replace, job.pilot) == (Path("held"), 7, True, False)


def test_a_table_has_columns_and_languages(jobs):
    run_command("init", "pairs.tsv", "-o", "my.yaml", "--columns", "4,2")
    run_command("init", "pairs.tsv", "-o", "my.yaml", "--source", "pt-BR", "--target", "de")
    assert [job.corpus.train for job in jobs] == [
        Table(Path("pairs.tsv"), (4, 2)),
        Table(Path("pairs.tsv"), (1, 2)),
    ]
    assert [job.corpus.languages for job in jobs] == [UNKNOWN, Languages("pt-BR", "de")]


def test_further_corpora_are_two_files_or_a_folder_each(jobs):
    Path("more").mkdir()
    for language in ("en", "de"):
        Path(f"more/train.{language}").write_text("one\n")
    run_command("init", "a.en", "a.de", "-o", "my.yaml", "--also", "b.en", "b.de", "--also", "more")
    (job,) = jobs
    folder = (Path("more/train.en"), Path("more/train.de"))
    assert list(job.also) == [(Path("b.en"), Path("b.de")), folder]
    told = fails("init", "a.en", "a.de", "-o", "my.yaml", "--also", "pairs.tsv")
    assert told == "error: --also pairs.tsv: give two files; `data_prep tsv` makes them"
    told = fails("init", "a.en", "a.de", "-o", "my.yaml", "--also", "b.en", "b.de", "c.en")
    assert told == "error: --also takes SOURCE and TARGET, or a folder (got 3 paths)"
    assert len(jobs) == 1


def test_what_was_chosen_is_told_with_reasons_and_time(jobs):
    told = run_command("init", "a.en", "a.de", "-o", "my.yaml").splitlines()
    assert told == [
        "train.en, train.de: 12,345 pairs for train",
        "training.epochs: 10                   often enough",
        "model.units: 64                       wide",
        "1,234,567 parameters; training takes about 83 minutes on this machine",
        "",
        "next:  seq2seq train my.yaml",
    ]


@pytest.mark.parametrize("known", [UNKNOWN, Languages("en", None), Languages(None, "de")])
def test_a_language_that_nothing_says_is_told_of(jobs, monkeypatch, known):
    answer = made(languages=known, written={}, fitted=FITTED[:1], pilot=None)
    monkeypatch.setattr("seq2seq.workflows.init.init", lambda job: answer)
    first, setting, *end = run_command("init", "a.en", "a.de", "-o", "my.yaml").splitlines()
    assert first.startswith("languages: not known; --source and --target say them")
    assert setting.startswith("training.epochs: 10 ")
    assert end == ["", "next:  seq2seq train my.yaml"]
