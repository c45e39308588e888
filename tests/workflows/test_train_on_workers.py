"""Two processes on loopback train one run: by equal steps, through kills, and to the end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import Silent, miniature_settings
from free_ports import free_addresses
from test_train import equal, everything

from data_prep.shards.preparation import prepare
from seq2seq.config.loading import as_settings, load_run_config
from seq2seq.run_folder import RunFolder
from seq2seq.training.training_state import load_state
from seq2seq.workflows.info import describe
from seq2seq.workflows.train import fit

pytestmark = pytest.mark.long

CHILD = Path(__file__).parents[1] / "helpers" / "worker_child.py"
NOTICED = 60  # seconds until a silent worker is missed
LONGEST = 240  # seconds for which a test waits; machines of tests may be busy
NOISY = {"embedding_size": 8, "units": 8, "dropout": 0.3}
# No validation at the end of the first epoch, after 12 steps, and no save soon after.
TRAINING = {"epochs": 2, "averaging": 0.99, "save_every": 5, "validate_every": 10}


def settings_file(path, corpus, model=(), shards=None):
    """Epochs of 23 batches: in the last step of each, the chief alone has one.

    Args:
        shards: a folder to prepare, and to train on.
    """
    config = miniature_settings(
        corpus, model=NOISY | dict(model), training=TRAINING, data={"batch_tokens": 330}
    )
    if shards:
        prepare(config, shards, 1)
        config = replace(config, data=replace(config.data, shards=shards))
    path.write_text(yaml.safe_dump(as_settings(config)))
    return path


class Workers:
    """Processes that train one run, each from a folder of its own."""

    def __init__(self, folder, config, number=2, wait=120):
        self.folder, self.config, self.wait = folder, config, wait
        self.addresses = free_addresses(number)
        self.run = folder / "chief" / "run"

    def place(self, index):
        """The folder of a worker."""
        return self.folder / ("chief" if index == 0 else f"worker{index}")

    def start(self, index, sent=0, at=0, options=(), environment=()):
        place = self.place(index)
        place.mkdir(parents=True, exist_ok=True)
        arguments = ["train", str(self.config), "--run", "run", "--wait", str(self.wait), *options]
        if not environment:
            arguments += ["--workers", ",".join(self.addresses), "--worker", str(index)]
        return subprocess.Popen(
            [sys.executable, CHILD, str(sent), str(at), *arguments],
            cwd=place,
            env=os.environ | dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def ended(processes):
    """Exit codes, and what each wrote to standard error."""
    said = [process.communicate(timeout=LONGEST)[1] for process in processes]
    return [process.returncode for process in processes], said


def trained(workers, **of_last):
    """Lets both workers train; `of_last` goes to the second one."""
    return ended([workers.start(0), workers.start(1, **of_last)])


def tf_config(workers, index):
    """As job managers set it."""
    task = {"type": "worker", "index": index}
    return {"TF_CONFIG": json.dumps({"cluster": {"worker": workers.addresses}, "task": task})}


def last_weights(run):
    return {name: value for name, value in everything(run).items() if name.startswith("last/")}


def distance(left, right):
    """Largest difference of any weight."""
    assert left.keys() == right.keys()
    return max(float(np.abs(left[name] - right[name]).max()) for name in left)


@pytest.fixture(scope="module")
def undisturbed(small_corpus, tmp_path_factory):
    """A run of two workers that draw random numbers, and its settings."""
    folder = tmp_path_factory.mktemp("undisturbed")
    workers = Workers(folder, settings_file(folder / "config.yaml", small_corpus))
    codes, said = trained(workers)
    assert codes == [0, 0], said
    return workers


@pytest.mark.parametrize("prepared", [False, True], ids=["text", "shards"])
def test_two_workers_take_the_steps_of_one_process_that_accumulates(
    small_corpus, tmp_path, prepared
):
    shards = tmp_path / "shards" if prepared else None
    config = settings_file(tmp_path / "config.yaml", small_corpus, {"dropout": 0.0}, shards)
    workers = Workers(tmp_path, config)
    environments = [tf_config(workers, each) if prepared else () for each in (0, 1)]
    codes, said = ended(
        [workers.start(each, environment=given) for each, given in enumerate(environments)]
    )
    assert codes == [0, 0], said
    assert list((tmp_path / "worker1").iterdir()) == []
    assert {"validation", "test"} <= set(RunFolder.open(workers.run).scores())
    assert dict(describe(workers.run))["batches a step"] == "2, on 2 workers"
    row = RunFolder.open(workers.run).history()[-1]
    assert row["step"] == "24"
    assert (row["workers"], row["batches_a_step"]) == ("2", "2")

    found = last_weights(workers.run)
    for accumulate, low, high in ((2, 0.0, 1e-4), (1, 1e-3, 1e9)):  # the second is the control
        alone = load_run_config(config, [f"training.accumulate={accumulate}"])
        run = fit(alone, tmp_path / f"alone{accumulate}", Silent()).path
        assert low <= distance(found, last_weights(run)) <= high


def restarted(workers, index, sent, at):
    """Codes and words of a worker that a job manager starts anew by itself until it is done."""
    codes, said = [], []
    while not codes or (codes[-1] and len(codes) < 16):
        process = workers.start(index, sent, at)
        try:
            said.append(process.communicate(timeout=LONGEST)[1])
        finally:
            process.kill()
        codes.append(process.returncode)
    return codes, said


def test_workers_killed_at_five_moments_go_on_bit_for_bit(undisturbed, tmp_path):
    workers, kills = Workers(tmp_path, undisturbed.config), ("1,renamed,validated", "4,11")
    with ThreadPoolExecutor(2) as threads:
        futures = [
            threads.submit(restarted, workers, index, signal.SIGKILL, steps)
            for index, steps in enumerate(kills)
        ]
        found = [each.result() for each in futures]
    for index, (codes, said) in enumerate(found):
        assert codes[-1] == 0 and {*codes[:-1]} <= {75, -signal.SIGKILL}, said
        assert codes.count(-signal.SIGKILL) == len(kills[index].split(","))
        assert "Traceback" not in "".join(said)
        other = 1 - index
        lost = f"error: lost worker {other} ({workers.addresses[other]}); start all"
        last_lines = [each.strip().splitlines()[-1] for each in said[:-1] if each.strip()]
        told = [line for line in last_lines if line.startswith(lost)]
        assert len(told) >= len(kills[other].split(","))
    assert equal(everything(workers.run), everything(undisturbed.run))


def test_sigterm_saves_and_ends_all_after_the_same_step(undisturbed, tmp_path):
    workers = Workers(tmp_path, undisturbed.config)
    codes, said = trained(workers, sent=signal.SIGTERM, at=13)  # rides with the next step
    assert codes == [75, 75], said
    for each in said:
        assert "error: stopped by SIGTERM after step 14; start all workers again" in each
    assert load_state(RunFolder.open(workers.run).weights("state"))[0].step == 14
    codes, said = trained(workers)
    assert codes == [0, 0], said
    assert equal(everything(workers.run), everything(undisturbed.run))


def test_ctrl_c_at_one_saves_and_ends_all(undisturbed, tmp_path):
    workers = Workers(tmp_path, undisturbed.config)
    codes, said = trained(workers, sent=signal.SIGINT, at=2)
    assert codes == [130, 130], said
    assert load_state(RunFolder.open(workers.run).weights("state"))[0].step == 3


@pytest.mark.parametrize("index", [0, 1])
def test_a_silent_worker_is_lost(undisturbed, tmp_path, index):
    workers = Workers(tmp_path, undisturbed.config)
    processes = [workers.start(each, signal.SIGSTOP if each == index else 0, 5) for each in (0, 1)]
    silent = processes.pop(index)
    try:
        codes, said = ended(processes)
        took = time.time() - workers.place(index).joinpath("sent_after_5").stat().st_mtime
    finally:
        silent.kill()
        silent.communicate()
    assert codes == [75]
    assert f"error: lost worker {index} ({workers.addresses[index]})" in said[0]
    assert took < NOTICED


@pytest.mark.parametrize("index", [0, 1])
def test_a_worker_that_never_comes_is_named(undisturbed, tmp_path, index):
    workers, began = Workers(tmp_path, undisturbed.config, wait=5), time.monotonic()
    codes, said = ended([workers.start(index)])
    assert codes == [75], said
    missing = f"worker {1 - index} ({workers.addresses[1 - index]})"
    assert f"error: {missing} did not come within 5 s; start all workers again" in said[0]
    assert time.monotonic() - began < 90  # TensorFlow's own start included


def test_a_worker_that_goes_before_all_are_connected_is_named(undisturbed, tmp_path):
    workers = Workers(tmp_path, undisturbed.config, wait=5)
    port = int(workers.addresses[1].rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)) as listening:
        chief = workers.start(0)
        listening.settimeout(LONGEST)
        listening.accept()[0].close()  # seen, and gone
    codes, said = ended([chief])
    assert codes == [14], said
    line = f"error: lost worker 1 ({workers.addresses[1]}) before all were connected; start all"
    assert line in said[0]


def test_a_worker_with_other_settings_or_text_ends_all(undisturbed, tmp_path):
    other = tmp_path / "other.en"
    other.write_text("A dog.\n" * 400)
    for option, complaint in (
        ("training.learning_rate=0.5", "other settings than the chief: training.learning_rate: "),
        (f"data.train_source={other}", f"{other} is not the data.train_source that the chief has"),
    ):
        workers = Workers(tmp_path / option.partition("=")[0], undisturbed.config)
        codes, said = trained(workers, options=("--set", option))
        assert codes == [1, 1], said
        assert complaint in said[1]
        assert f"worker 1 ({workers.addresses[1]}) cannot train with the others" in said[0]


def test_what_stops_the_chief_is_said_by_all(undisturbed, tmp_path):
    workers = Workers(tmp_path, undisturbed.config)
    workers.run.mkdir(parents=True)
    (workers.run / "thesis.tex").touch()
    codes, said = trained(workers)
    assert codes == [1, 1], said
    mistake = "run is not a run folder and not empty; choose another --run"
    assert f"error: {mistake}" in said[0]
    assert f"error: worker 0 ({workers.addresses[0]}), the chief, stopped: {mistake}" in said[1]
