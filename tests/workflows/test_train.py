import csv
import logging
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from conftest import Silent, miniature_settings

from seq2seq.config.loading import as_settings, check_settings
from seq2seq.errors import ConfigError, RunError
from seq2seq.manifest import only_writer
from seq2seq.run_folder import RunFolder
from seq2seq.training.training_state import load_state
from seq2seq.workflows.train import fit, train

TESTS = Path(__file__).resolve().parents[1]
NOISY = {  # everything that draws random numbers, and everything that keeps state
    "subwords": {"vocabulary_size": 700, "sampling": 0.3},
    "model": {"embedding_size": 8, "units": 8, "dropout": 0.3, "weight_dropout": 0.2},
    "training": {
        "epochs": 2,
        "averaging": 0.99,
        "word_dropout": 0.1,
        "save_every": 5,
        "schedule": "plateau",
    },
    "data": {"batch_tokens": 400},
}


def everything(run):
    """Weights, moments, averages, random states and position of a run, as arrays."""
    import h5py

    folder = RunFolder.open(run)
    progress, arrays = load_state(folder.weights("state"))
    for role in ("best", "last"):
        with h5py.File(folder.weights(role)) as stored:
            stored.visititems(
                lambda name, item, role=role: (
                    arrays.__setitem__(f"{role}/{name}", item[()])
                    if hasattr(item, "dtype")
                    else None
                )
            )
    return arrays | {"position": np.array([progress.epoch, progress.batch, progress.step])}


def equal(left, right):
    return left.keys() == right.keys() and all(
        np.array_equal(left[name], right[name]) for name in left
    )


@pytest.fixture(autouse=True)
def ctrl_c():
    """Python's own handling of Ctrl-C, which a test run in the background does not inherit."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def whole_run(small_corpus, tmp_path_factory):
    """A training that nothing interrupted, and its losses."""
    run, reporter = tmp_path_factory.mktemp("whole") / "run", Silent()
    fit(miniature_settings(small_corpus, **NOISY), run, reporter)
    return run, reporter.losses


@pytest.fixture(scope="module")
def killed_run(small_corpus, whole_run, tmp_path_factory):
    """The same training, killed in the second epoch, some steps after a save; to be copied."""
    run, middle = tmp_path_factory.mktemp("killed") / "run", len(whole_run[1]) * 3 // 4
    script = f"""
        import os, signal, sys
        sys.path[:0] = [{str(TESTS)!r}, {str(TESTS / "helpers")!r}]
        from pathlib import Path
        from conftest import Silent, miniature_settings
        from seq2seq.workflows.train import fit

        class Killer(Silent):
            def stepped(self, progress, *rest):
                if progress.step == {middle}:
                    os.kill(os.getpid(), signal.SIGKILL)

        config = miniature_settings(Path({str(small_corpus)!r}), **{NOISY!r})
        fit(config, Path({str(run)!r}), Killer())
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    return run


@pytest.mark.long
def test_a_killed_run_resumes_to_the_same_weights_bit_for_bit(
    small_corpus, whole_run, killed_run, tmp_path
):
    (run, losses), copy = whole_run, shutil.copytree(killed_run, tmp_path / "run")
    resumed = Silent()
    fit(miniature_settings(small_corpus, **NOISY), copy, resumed)
    assert 0 < len(resumed.losses) < len(losses)
    assert resumed.losses == losses[-len(resumed.losses) :]
    assert equal(everything(run), everything(copy))


@pytest.mark.long
def test_without_its_saved_state_a_run_would_end_elsewhere(
    small_corpus, whole_run, killed_run, tmp_path, monkeypatch
):
    """The control of the test above: the same interruption, but moments and seeds start anew."""
    copy = shutil.copytree(killed_run, tmp_path / "run")
    monkeypatch.setattr("seq2seq.training.train_step.Optimization.restore", lambda *_: None)
    fit(miniature_settings(small_corpus, **NOISY), copy, Silent())
    assert not equal(everything(whole_run[0]), everything(copy))


def test_ctrl_c_saves_the_step_it_came_in(small_corpus, tmp_path):
    class Stopper(Silent):
        def stepped(self, progress, *rest):
            if progress.step == 3:
                os.kill(os.getpid(), signal.SIGINT)

    config = miniature_settings(small_corpus, **NOISY)
    with pytest.raises(KeyboardInterrupt):
        fit(config, tmp_path / "run", Stopper())
    assert load_state(RunFolder.open(tmp_path / "run").weights("state"))[0].step == 3


@pytest.mark.long
def test_another_seed_gives_other_weights(small_corpus, whole_run, tmp_path):
    other = NOISY | {"training": NOISY["training"] | {"seed": 2}}
    fit(miniature_settings(small_corpus, **other), tmp_path / "run", Silent())
    assert not equal(everything(whole_run[0]), everything(tmp_path / "run"))


def test_a_finished_run_is_not_trained_again_but_gets_what_it_lacks(small_corpus, whole_run):
    run, reporter = RunFolder.open(whole_run[0]), Silent()
    assert not run.scores() and not run.shortlist() and not run.source_words()
    finished = train(miniature_settings(small_corpus, **NOISY), run.path, reporter)
    assert reporter.losses == []
    assert reporter.messages == [
        f"nothing left to train: {run.path} is finished after {len(whole_run[1])} steps "
        "(training.epochs: 2); a larger number goes on"
    ]
    assert {"validation", "test"} <= set(finished.scores())
    assert finished.shortlist().vocabulary_size == finished.subwords().size
    assert finished.source_words().counts["the"] > 10
    assert finished.weights("best") == run.weights("best")


def test_training_lowers_loss_and_perplexity(trained_run):
    with open(trained_run / "history.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    perplexities = [float(row["validation_perplexity"]) for row in rows]
    assert perplexities == sorted(perplexities, reverse=True)
    assert float(rows[-1]["training_loss"]) < float(rows[0]["training_loss"])


def test_a_finished_run_holds_scores_with_signatures_and_logs(trained_run):
    scores = RunFolder.open(trained_run).scores()
    assert {"validation", "test"} <= set(scores)
    assert "version:" in scores["test"]["bleu_signature"]
    assert list((trained_run / "tensorboard").glob("events.*"))


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("model", "units", 10),
        ("subwords", "vocabulary_size", 600),
        ("data", "batch_tokens", 500),
        ("training", "seed", 9),
    ],
)
def test_a_setting_that_a_run_cannot_change_is_refused_by_name(
    small_corpus, whole_run, section, field, value
):
    changed = NOISY | {section: NOISY[section] | {field: value}}
    before = (whole_run[0] / "config.yaml").read_bytes()
    with pytest.raises(ConfigError, match=rf"{section}.{field}: .* -> {value}; change them back"):
        fit(miniature_settings(small_corpus, **changed), whole_run[0], Silent())
    assert (whole_run[0] / "config.yaml").read_bytes() == before


def test_more_epochs_go_on_from_a_finished_run(small_corpus, whole_run, tmp_path):
    (run, losses), further = whole_run, Silent()
    longer = NOISY | {"training": NOISY["training"] | {"epochs": 3}}
    copy = shutil.copytree(run, tmp_path / "run")
    folder = fit(miniature_settings(small_corpus, **longer), copy, further)
    assert losses and further.losses
    assert folder.config().training.epochs == 3


@pytest.mark.long
@pytest.mark.parametrize(("choice", "rising"), [("restart", True), ("stretch", False)])
def test_more_steps_begin_a_fresh_schedule_by_choice(small_corpus, tmp_path, choice, rising):
    class Rates(Silent):
        def stepped(self, progress, loss, tokens, learning_rate):
            rates.append(learning_rate)

    rates: list[float] = []
    shared = {"warmup_steps": 2, "when_extended": choice, "learning_rate": 0.001}
    for steps in (3, 6):
        config = miniature_settings(small_corpus, training={"steps": steps} | shared)
        fit(config, tmp_path / "run", Rates())
    first, added = rates[:3], rates[3:]
    assert (added == first) == rising
    assert len(added) == 3 and min(rates) > 0


@pytest.mark.long
def test_patience_stops_a_run_that_gets_no_better(small_corpus, tmp_path, caplog):
    config = miniature_settings(
        small_corpus,
        training={"epochs": 50, "learning_rate": 1e-9, "patience": 2, "warmup_steps": 0},
    )
    reporter = Silent()
    fit(config, tmp_path / "run", reporter)
    assert len(reporter.results) == 3
    fit(config, tmp_path / "run", reporter)
    assert "nothing left to train" in reporter.messages[-1]
    assert "(stopped by training.patience: 2)" in reporter.messages[-1]
    more = {"epochs": 51, "patience": 3, "when_extended": "restart"}
    longer = as_settings(config)
    longer["training"] |= more
    with caplog.at_level(logging.INFO, "seq2seq"):
        fit(check_settings(longer, "longer"), tmp_path / "run", reporter)
    assert "a new schedule begins at step" in caplog.text
    assert len(reporter.results) > 3


def test_a_loss_that_is_no_number_stops_with_advice(small_corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "seq2seq.training.train_step.Optimization.step", lambda *_: (float("nan"), 1)
    )
    config = miniature_settings(small_corpus)
    with pytest.raises(
        RunError, match="loss became infinite or not a number at step 1; resume with a lower"
    ):
        fit(config, tmp_path / "run", Silent())


def test_more_steps_at_the_end_of_an_epoch_do_not_validate_anew(small_corpus, tmp_path):
    """Equal is not better: patience would run out before the first of them."""
    reporter = Silent()
    for steps in (1, 3):
        training = {"steps": steps, "patience": 2, "warmup_steps": 0}
        config = miniature_settings(
            small_corpus, training=training, data={"batch_tokens": 100_000}
        )  # an epoch is a step
        folder = fit(config, tmp_path / "run", reporter)
    assert len(reporter.losses) == 3
    assert [int(row["step"]) for row in folder.history()] == [1, 2, 3]


def test_steps_after_the_last_regular_validation_are_validated_and_saved(small_corpus, tmp_path):
    config = miniature_settings(small_corpus, training={"epochs": 1, "validate_every": 1000})
    first, again = Silent(), Silent()
    folder = fit(config, tmp_path / "run", first)
    assert len(first.results) == 1
    assert folder.weights("best")
    fit(config, tmp_path / "run", again)
    assert again.losses == []


def test_a_second_training_of_the_same_run_is_refused(small_corpus, whole_run):
    with only_writer(whole_run[0]), pytest.raises(RunError, match="trained by another process"):
        fit(miniature_settings(small_corpus, **NOISY), whole_run[0], Silent())
