"""`seq2seq evaluate`: its options reach the workflow, and scores are printed as they are."""

import json
from pathlib import Path

import pytest
from command_line import run_command

from seq2seq.cli import evaluate
from seq2seq.scoring.comparison import Compared, Measured
from seq2seq.scoring.metrics import USUAL


class Answer:
    """An evaluation that writes no page."""

    def __init__(self, *measured):
        self.measured = measured
        self.reports = []

    def as_dict(self):
        return {each.metric: each.score for each in self.measured}

    def write_report(self, path):
        self.reports.append(path)


@pytest.fixture
def asked(monkeypatch):
    """What the command asks of its workflow, which finds `answer`."""
    asked, answer = [], Answer(Measured("BLEU", 12.345, 1.5, "nrefs:1"))
    monkeypatch.setattr(evaluate, "load_tensorflow", lambda: None)
    monkeypatch.setattr(
        "seq2seq.workflows.evaluate.evaluate", lambda *given: asked.append(given) or answer
    )
    return asked, answer


def test_files_baseline_and_metrics_reach_the_workflow(asked, tmp_path):
    asked, answer = asked
    files = Path("run"), Path("s.en"), [Path("r.de")]
    printed = run_command("evaluate", "run", "s.en", "r.de")
    assert asked.pop() == (*files, None, USUAL)
    assert printed == "BLEU   12.35 ± 1.50  nrefs:1\n" and not answer.reports
    options = ["--baseline", "b.de", "--metrics", "ter,chrf++", "--report", tmp_path / "page.html"]
    printed = run_command("evaluate", "run", "s.en", "r.de", "r2.de", "--json", *options)
    references = [Path("r.de"), Path("r2.de")]
    assert asked == [(*files[:2], references, Path("b.de"), ["ter", "chrf++"])]
    assert json.loads(printed) == {"BLEU": 12.345}
    assert answer.reports == [tmp_path / "page.html"]


def test_a_score_stands_with_its_interval_gain_and_signature(asked):
    others = {"baseline_interval": 2.25, "p_value": 0.0125}
    asked[1].measured = (
        Measured("TER", 50.0, 1.25, "tok:13a"),
        Compared("BLEU", 30.0, 1.5, "nrefs:1", baseline=32.5, **others),
        Compared("TER", 50.0, 1.25, "tok:13a", baseline=60.0, **others),
    )
    assert run_command("evaluate", "run", "s.en", "r.de").splitlines() == [
        "TER    50.00 ± 1.25  tok:13a  (lower is better)",
        "BLEU   30.00 ± 1.50  gain -2.50 over 32.50 ± 2.25, p = 0.013  nrefs:1",
        "TER    50.00 ± 1.25  gain +10.00 over 60.00 ± 2.25, p = 0.013  tok:13a  "
        "(lower is better; a gain is an improvement)",
    ]
