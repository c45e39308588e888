"""What a person sees of a training and of a translation, on a terminal and elsewhere."""

import io
import logging
import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from seq2seq.cli.progress import LineProgress, LiveReporter, log_through


@pytest.fixture(params=[True, False], ids=["terminal", "pipe"])
def terminal(request):
    return request.param


@pytest.fixture
def console(terminal):
    return Console(file=io.StringIO(), force_terminal=terminal, width=160, no_color=True)


def state(step, seconds, **row):
    history = [{"epoch": 2, "step": step, "training_loss": 1.5, "target_tokens_per_second": 4321}]
    history[0] |= row
    return SimpleNamespace(step=step, epoch=1, total_steps=400, seconds=seconds, history=history)


def result(**given):
    usual = {"perplexity": 9.876, "wrong_source_perplexity": 54.321, "bleu": 12.345, "samples": []}
    return SimpleNamespace(**usual | {"metric": "bleu", "score": 12.345} | given)


def test_the_live_line_says_where_training_is_and_is_for_terminals_alone(console, terminal):
    with LiveReporter(console) as reporter:
        reporter.started("begins")
        reporter.stepped(state(100, 2600.0), 3.25, 500, 0.001)
    shown = console.file.getvalue()
    if terminal:
        assert "epoch 2" in shown and "loss 3.250" in shown
        assert "2:10:00 left" in shown  # 300 steps of 26 seconds
    else:
        assert shown == "begins\n"


def test_a_validation_is_a_line_and_what_was_translated(console, terminal):
    sample = ("a [b] [/] c", "d :dog: e \\", "f [red]g[/red]")
    with LiveReporter(console) as reporter:
        reporter.validated(state(40, 3661.4), result(samples=[sample]), best=True)
        reporter.validated(state(0, 59.6, training_loss=None), result(), best=False)
        wrong = {"wrong_source_perplexity": None, "metric": "chrf", "score": 45.678}
        reporter.validated(state(80, 3600), result(**wrong), best=False)
    if terminal:
        return
    assert console.file.getvalue().splitlines() == [
        "epoch 2, step 40, 1:01:01: loss 1.500, 4,321 target tokens/s, validation perplexity 9.88 "
        "(54.32 with other sources), BLEU 12.35 (greedy), best so far",
        "    source       a [b] [/] c",
        "    reference    d :dog: e \\",
        "    translation  f [red]g[/red]",
        "epoch 2, step 0, 1:00: before training, validation perplexity 9.88 "
        "(54.32 with other sources), BLEU 12.35 (greedy)",
        "epoch 2, step 80, 1:00:00: loss 1.500, 4,321 target tokens/s, validation perplexity 9.88, "
        "BLEU 12.35 (greedy), chrf 45.68",
    ]


@pytest.mark.parametrize("text", ["runs/[small] is finished", "runs/a[/b] :dog: 12", "long " * 99])
def test_what_is_told_is_a_line_as_it_is(console, monkeypatch, text):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    log_through(console)
    with LiveReporter(console) as reporter:
        reporter.started(text)
        logging.getLogger("seq2seq").warning("%s, logged", text)
    shown = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", console.file.getvalue())
    assert f"{text}\n" in shown and f"{text}, logged\n" in shown


@pytest.mark.parametrize(
    ("lines", "done", "shown"),
    [(range(0, 50), 0, " 2/50"), (range(100, 150), 110, " 12/50"), (None, 7, " 9/?")],
)
def test_lines_are_counted_within_the_part_that_is_translated(
    console, terminal, lines, done, shown
):
    with LineProgress(console, lambda: lines) as progress:
        progress.started(done)
        progress.advanced(2)
    assert (shown in console.file.getvalue()) == terminal
    assert terminal or not console.file.getvalue()
