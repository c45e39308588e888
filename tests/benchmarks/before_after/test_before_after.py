"""Two checkouts in turns: the table, its ratios, and what each checkout is asked."""

import json
import sys

import pytest
from conftest import write_corpus

from benchmarks.before_after import __main__ as command
from benchmarks.before_after import checkout_speed
from benchmarks.before_after.speeds import Speed, markdown
from benchmarks.before_after.turns import ONE_THREAD, Network, Sizes
from benchmarks.peers.child import PeerError, run_child
from seq2seq.config.loading import load_run_config
from seq2seq.errors import ConfigError

# A checkout of the fewest lines: it trains at a rate of its own and adds a word to the last
# sentence of a text; its run folders say who trained them.
CHECKOUT = """
from pathlib import Path

def train(config, run, overrides, quiet):
    run = Path(run)
    run.mkdir(parents=True)
    settings = dict(each.split("=", 1) for each in overrides)
    assert Path(settings["data.train_source"].strip('"')).is_file()
    rows = ["step,training_loss,target_tokens_per_second", "1,9.5,7", "2,8.5,{rate}"]
    (run / "history.csv").write_text("\\n".join(rows) + "\\n")
    (run / "scores.json").write_text(__file__)

class Translator:
    def translate(self, sentences):
        return [*sentences[:-1], sentences[-1] + "{word}"]

def load(run, **decoding):
    {refusal}
    assert Path(run, "scores.json").is_file() and set(decoding) == {{"beam_width", "precision"}}
    return Translator()
"""


def write_checkout(folder, rate, word="", refusal="pass"):
    (folder / "seq2seq").mkdir(parents=True)
    text = CHECKOUT.format(rate=rate, word=word, refusal=refusal)
    (folder / "seq2seq" / "__init__.py").write_text(text)
    return folder


@pytest.fixture
def write_settings(small_corpus):
    """Writes settings of a text for training, and a corpus's validation text."""

    def write(path, **training):
        sides = {"source": "en", "target": "de"}
        data = {f"validation_{side}": str(small_corpus / f"val.{sides[side]}") for side in sides}
        path.write_text(json.dumps({"data": data | training}))  # JSON is YAML
        return path

    return write


@pytest.fixture
def compare(tmp_path, monkeypatch, small_corpus, capsys):
    """Runs the command on two checkouts; gives the table's rows by task and what it said."""
    config = tmp_path / "tiny.yaml"
    data = {
        f"{name}_{side}": str(small_corpus / f"{split}.{language}")
        for name, split in (("train", "train"), ("validation", "val"), ("test", "test"))
        for side, language in (("source", "en"), ("target", "de"))
    }
    config.write_text(json.dumps({"data": data}))  # JSON is YAML

    def run(other, this, *options):
        monkeypatch.setattr(command, "REPOSITORY", this)
        monkeypatch.setattr(command.os, "sched_setaffinity", lambda *_: None)
        runs = ["--runs", str(tmp_path / "runs"), "--json", str(tmp_path / "speeds.json")]
        core = ["--core", str(min(command.os.sched_getaffinity(0)))]
        sizes = ["--configs", str(config), "--sentences", "3", "--seconds", "0", *core]
        monkeypatch.setattr(sys, "argv", ["before_after", str(other), *runs, *sizes, *options])
        command.main()
        printed = capsys.readouterr()
        heading, _, *rows = printed.out.splitlines()
        names = [cell.strip() for cell in heading.strip("|").split("|")]
        cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
        table = {row[1]: dict(zip(names, row, strict=True)) for row in cells}
        return table, printed.err, json.loads((tmp_path / "speeds.json").read_text())

    return run


def test_the_table_has_both_checkouts_and_their_ratio(compare, tmp_path):
    slow = write_checkout(tmp_path / "slow", rate=100)
    fast = write_checkout(tmp_path / "fast", rate=250, word=" Hund")
    table, _, speeds = compare(slow, fast, "--rounds", "2")
    modes = [f"{mode}, {p}" for mode in ("greedy", "beam 5") for p in ("float32", "bfloat16")]
    assert list(table) == ["training, bfloat16", *modes]
    training = table["training, bfloat16"]
    assert training["network"] == "tiny" and training["unit"] == "target tokens/s"
    assert training["other"] == "100 (100 to 100)" and training["this"] == "250 (250 to 250)"
    assert training["this / other"] == "2.50 (2.50 to 2.50)"
    assert training["results"] == "losses 8.500 and 8.500"
    assert {table[mode]["results"] for mode in modes} == {"2 of 3 lines alike"}
    turns = [(s["round"], s["checkout"]) for s in speeds if s["task"] == "training, bfloat16"]
    assert turns == [(1, "other"), (1, "this"), (2, "other"), (2, "this")]
    (trained,) = tmp_path.glob("runs/tiny-*/scores.json")
    assert trained.read_text().startswith(str(slow))  # the other checkout's work
    # Control: the other way round, the ratio is too.
    table, _, _ = compare(fast, slow, "--rounds", "1", "--precisions", "float32")
    assert table["training, bfloat16"]["this / other"] == "0.40 (0.40 to 0.40)"
    assert list(table) == ["training, bfloat16", "greedy, float32", "beam 5, float32"]


def test_a_run_is_kept_until_another_checkout_or_text_is_to_train_it(compare, tmp_path):
    one, two = (write_checkout(tmp_path / name, rate) for name, rate in (("one", 1), ("two", 2)))
    translation = ["--rounds", "1", "--tasks", "translation"]
    for other, options, trains in (
        (one, [], True),
        (one, [], False),
        (two, [], True),
        (one, [], False),
        (one, ["--pairs", "30"], True),
    ):
        _, said, _ = compare(other, one, *translation, *options)
        assert ("trained into" in said) == trains
    by = [path.read_text() for path in tmp_path.glob("runs/tiny-*/scores.json")]
    assert sorted(path.startswith(str(one)) for path in by) == [False, True, True]


def test_a_list_of_corpora_gives_the_text_of_its_first(tmp_path, small_corpus, write_settings):
    parts = [
        {"source": str(small_corpus / f"{split}.en"), "target": str(small_corpus / f"{split}.de")}
        for split in ("train", "test")
    ]
    config = write_settings(tmp_path / "parts.yaml", train=parts, shards=str(tmp_path / "shards"))
    network = Network.prepare(config, tmp_path / "text", Sizes(pairs=30))
    data = load_run_config(network.config, network.text).data
    assert (data.train, data.shards) == ((), None)
    first = (small_corpus / "train.en").read_text().splitlines()[:30]
    assert data.corpora[0].source.read_text().splitlines() == first


def test_shards_alone_are_refused(tmp_path, write_settings):
    config = write_settings(tmp_path / "shards.yaml", shards=str(tmp_path / "shards"))
    with pytest.raises(ConfigError, match="data.shards alone hold no text"):
        Network.prepare(config, tmp_path / "text", Sizes())


def test_a_checkout_that_fails_leaves_its_cells_empty_and_says_why(compare, tmp_path):
    other = write_checkout(tmp_path / "other", rate=100)
    this = write_checkout(tmp_path / "this", rate=100, refusal="raise ValueError('no such run')")
    table, said, _ = compare(other, this, "--rounds", "1")
    assert table["greedy, float32"]["this"] == "failed"
    assert table["greedy, float32"]["this / other"] == ""
    assert "ValueError: no such run" in said
    assert table["training, bfloat16"]["this / other"] == "1.00 (1.00 to 1.00)"


def test_ratios_are_taken_round_by_round():
    def speed(checkout, number, rate, share):
        return Speed(
            network="net",
            task="greedy",
            unit="sentences/s",
            round=number,
            checkout=checkout,
            per_second=rate,
            processor_share=share,
            translations=("a",),
        )

    # The machine is ten times slower in the second round, and half taken by others in the third.
    speeds = [speed("other", 1, 200.0, 1.0), speed("this", 1, 300.0, 1.0)]
    speeds += [speed("other", 2, 20.0, 1.0), speed("this", 2, 30.0, 1.0)]
    table = markdown(speeds).splitlines()[-1]
    assert table.count("1.50 (1.50 to 1.50)") == 2
    assert "110.0 (20.0 to 200.0) | 165.0 (30.0 to 300.0)" in table
    speeds += [speed("other", 3, 200.0, 1.0), speed("this", 3, 150.0, 0.5)]
    table = markdown(speeds).splitlines()[-1]
    assert "| 1.50 (0.75 to 1.50) | 1.50 (1.50 to 1.50) |" in table
    assert "with 50% of the CPU" in speeds[-1].line()
    assert "CPU" not in speeds[0].line()  # control


def test_a_checkout_measures_itself_alone(tmp_path):
    one, two = (write_checkout(tmp_path / name, rate=1) for name in ("one", "two"))
    request = {"checkout": str(one), "task": "translate", "run": "", "sentences": []}
    script = [sys.executable, checkout_speed.__file__]
    request |= {"decoding": {}, "shortest": 0}
    environment = {**ONE_THREAD, "PYTHONPATH": str(one)}
    assert run_child([*script, json.dumps(request)], "control", environment) == "{}\n"
    request["checkout"] = str(two)
    with pytest.raises(PeerError, match=f"seq2seq comes from {one}, not from {two}"):
        run_child([*script, json.dumps(request)], "another", environment)


@pytest.mark.long
def test_a_real_run_is_trained_and_translates(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", train=400, others=5)
    overrides = ["training.steps=4", "training.validate_every=2", "data.test_source=null"]
    overrides += ["data.test_target=null", "model.units=16", "model.embedding_size=16"]
    overrides += ["subwords.vocabulary_size=700", "decoding.beam_width=1"]
    splits = (("train", "train"), ("validation", "val"))
    sides = (("source", "en"), ("target", "de"))
    for name, split in splits:
        overrides += [f"data.{name}_{side}={corpus / split}.{ending}" for side, ending in sides]
    run = str(tmp_path / "run")
    trained = checkout_speed.train("configs/miniature.yaml", run, overrides)
    last = checkout_speed.rows_of(tmp_path / "run" / "history.csv")[-1]
    assert last["step"] == "4" and trained["training_loss"] == float(last["training_loss"])
    assert trained["per_second"] == float(last["target_tokens_per_second"]) > 0
    assert trained["processor_share"] > 0
    ways = {"greedy": {"beam_width": 1, "precision": "float32"}}
    answer = checkout_speed.translate(run, ["The dog sleeps.", ""], ways, shortest=0.0)
    assert answer["greedy"]["per_second"] > 0
    assert len(answer["greedy"]["translations"]) == 2
