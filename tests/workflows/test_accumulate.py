"""`training.accumulate` in a whole training: every batch is used, wherever it was interrupted."""

import math
import os
import signal

import pytest
from conftest import Silent, miniature_settings
from test_train import equal, everything

from seq2seq.run_folder import RunFolder
from seq2seq.training.encoded_corpus import encode_corpus
from seq2seq.training.epochs import Epochs
from seq2seq.training.training_state import load_state
from seq2seq.workflows.train import fit

pytestmark = pytest.mark.long


class Watching(Silent):
    """Remembers where the training stood after each step; may press Ctrl-C at one."""

    def __init__(self, ctrl_c_at=None):
        super().__init__()
        self.positions, self.ctrl_c_at = [], ctrl_c_at

    def stepped(self, progress, *rest):
        super().stepped(progress, *rest)
        self.positions.append((progress.epoch, progress.batch))
        self.total = progress.total_steps
        if progress.step == self.ctrl_c_at:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def ctrl_c():
    """Python's own handling of Ctrl-C, which a test run in the background does not inherit."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def settings(corpus, accumulate):
    model = {"embedding_size": 8, "units": 8, "dropout": 0.3}
    training = {"epochs": 2, "averaging": 0.99, "accumulate": accumulate}
    return miniature_settings(corpus, model=model, training=training, data={"batch_tokens": 320})


def batches_of(config, run):
    """Of each epoch."""
    subwords = RunFolder.open(run).subwords()
    epochs = Epochs(config, subwords, encode_corpus(config.data, subwords))
    return [sum(1 for _ in epochs.batches(epoch)) for epoch in (0, 1)]


def test_every_batch_is_used_and_a_resumed_run_is_the_same_bit_for_bit(small_corpus, tmp_path):
    config, whole = settings(small_corpus, 5), Watching()
    run = fit(config, tmp_path / "whole", whole).path
    counts = batches_of(config, run)
    assert any(count % 5 for count in counts)  # the last step of an epoch is over fewer
    last = [max(batch for epoch, batch in whole.positions if epoch == each) for each in (0, 1)]
    assert last == counts
    assert len(whole.losses) == sum(math.ceil(count / 5) for count in counts)
    assert RunFolder.open(run).history()[-1]["batches_a_step"] == "5"

    with pytest.raises(KeyboardInterrupt):
        fit(config, tmp_path / "cut", Watching(ctrl_c_at=2))
    fit(config, tmp_path / "cut", Watching())
    assert equal(everything(run), everything(tmp_path / "cut"))


def test_a_run_goes_on_with_another_number_where_it_stopped(small_corpus, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit(settings(small_corpus, 1), tmp_path / "run", Watching(ctrl_c_at=5))
    rest = Watching()
    config = settings(small_corpus, 3)
    run = fit(config, tmp_path / "run", rest).path
    first, second = batches_of(config, run)
    assert rest.positions[0] == (0, 8)
    assert load_state(RunFolder.open(run).weights("state"))[0].step == rest.total
    assert len(rest.losses) == math.ceil((first - 5) / 3) + math.ceil(second / 3)
