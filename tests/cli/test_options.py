"""Options of the commands reach the settings and jobs that they are named after."""

import re
from pathlib import Path

import pytest
from command_line import fails, run_command

from seq2seq.cli import augment, export, info, score, show, train, translate
from seq2seq.cli.main import main
from seq2seq.config.languages import Languages
from seq2seq.data.parts import Part
from seq2seq.workflows.augment import AugmentJob, Text
from seq2seq.workflows.export import ExportJob
from seq2seq.workflows.export_portable import PortableJob
from seq2seq.workflows.remote_translation import RemoteJob
from seq2seq.workflows.translate import FileJob

DECODING = {
    "--beam": ("beam_width", 7),
    "--n-best": ("n_best", 3),
    "--length-penalty": ("length_penalty", 0.5),
    "--coverage-penalty": ("coverage_penalty", 0.25),
    "--shortest": ("shortest", 4),
    "--block-repeats": ("blocked_ngram", 5),
    "--temperature": ("temperature", 1.5),
    "--top-k": ("top_k", 6),
    "--top-p": ("top_p", 0.75),
    "--seed": ("seed", 9),
    "--mbr": ("mbr", "bleu"),
    "--candidates": ("mbr_candidates", 8),
    "--precision": ("precision", "bfloat16"),
}


@pytest.fixture
def asked(monkeypatch):
    """What the commands ask of their workflows, which do nothing."""
    asked = []

    def note(gives):
        return lambda *given: asked.append(given) or gives

    for module in (augment, export, info, score, show, translate):
        monkeypatch.setattr(module, "load_tensorflow", lambda **_: None)
    monkeypatch.setattr(train, "load_for_training", lambda **_: None)
    for name, gives in (
        ("translate.translate", None),
        ("translate.needs_tensorflow", False),
        ("remote_translation.translate_remotely", None),
        ("augment.augment", 5),
        ("export.export", "out"),
        ("export_portable.export_portable", "out"),
        ("train.train", None),
        ("train_on_workers.train_on_workers", None),
        ("score.score", ()),
        ("info.describe", [("network", ""), ("units", "64")]),
        ("show.show", ("Der Hund.", ["a.html", "b.png"])),
        ("show.show_training", "training.png"),
    ):
        monkeypatch.setattr(f"seq2seq.workflows.{name}", note(gives))
    return asked


def run(*arguments):
    main([str(each) for each in arguments])


def test_translate_hands_on_each_decoding_setting(asked):
    for option, (name, value) in DECODING.items():
        run("translate", "run", "in", option, value)
        assert asked.pop()[0].settings == {name: value}
    for option, name in (("--sample", "sampling"), ("--shortlist", "shortlist")):
        run("translate", "run", "in", option)
        assert asked.pop()[0].settings == {name: True}
    run("translate", "run", "in")
    assert asked.pop()[0] == FileJob(Path("run"), Path("in"), settings={}, ensemble=[])


def test_translate_hands_on_files_and_how_they_are_read_and_written(asked):
    options = ["-o", "out", "--format", "jsonl", "--resume", "--part", "2/3", "--to", "fr"]
    options += ["--prefix", "Der ", "--prefix-file", "begin", "--glossary", "terms"]
    options += ["--ensemble", "b", "--ensemble", "c"]
    options += ["--engine", "onnx", "--weights", "int8", "--threads", "4"]
    run("translate", "run", "-", *options)
    assert asked.pop()[0] == FileJob(
        run=Path("run"),
        source=None,
        output=Path("out"),
        settings={},
        ensemble=[Path("b"), Path("c")],
        format="jsonl",
        resume=True,
        prefix="Der ",
        prefix_file=Path("begin"),
        to="fr",
        glossary=Path("terms"),
        part=Part(2, 3),
        engine="onnx",
        weights="int8",
        threads=4,
    )


def test_a_server_gets_what_goes_with_it_and_nothing_else(asked):
    options = ["-o", "out", "--format", "tsv", "--glossary", "terms", "--token-file", "token"]
    run("translate", "--server", "http://mt", "in", *options)
    paths = map(Path, ("in", "out", "terms", "token"))
    source, output, glossary, token_file = paths
    expected = RemoteJob("http://mt", source, output, "tsv", glossary, token_file)
    assert asked.pop()[0] == expected
    for wrong in (
        *(["--beam", 2], ["--sample"], ["--shortlist"], ["--resume"], ["--prefix", "A"]),
        *(["--prefix-file", "b"], ["--part", "1/2"], ["--to", "fr"], ["--ensemble", "b"]),
        *(["--engine", "onnx"], ["--weights", "int8"], ["--threads", 2], ["another"]),
    ):
        command = ["translate", "--server", "http://mt", "in", *wrong]
        assert "--server goes with [INPUT], --output" in fails(*command)
    assert fails("translate", "run", "in", "--token-file", "token").endswith("goes with --server")
    assert asked == []


@pytest.mark.parametrize("threads", ["0", "257", "two", "-1"])
def test_a_number_of_threads_that_is_none_is_wrong_usage(asked, threads, capsys):
    for right in ("1", "256"):
        run("translate", "run", "in", "--threads", right)
        assert asked.pop()[0].threads == int(right)
    with pytest.raises(SystemExit, match="2"):
        run("translate", "run", "in", f"--threads={threads}")
    assert f"{threads!r} is no number from 1 to 256" in capsys.readouterr().err


@pytest.fixture
def paths(tmp_path):
    """A run and a parallel text, as far as a command looks at them."""
    teacher, source, target = (tmp_path / name for name in ("run", "text.en", "text.de"))
    teacher.mkdir()
    (teacher / "manifest.json").touch()
    source.write_text("a\n")
    target.write_text("b\n")
    return teacher, source, target


def test_augment_hands_on_its_options(asked, paths, tmp_path):
    teacher, source, target = paths
    options = ["-o", tmp_path / "out", "--tag", "<bt>", "--beam", 3, "--precision", "bfloat16"]
    options += ["--sample", "--temperature", 0.5, "--seed", 4, "--times", 2]
    printed = run_command("augment", teacher, source, target, *options, "--vote", "--replace")
    found, _ = asked.pop()
    expected = AugmentJob(
        runs=[teacher],
        text=Text((source, target), ("en", "de"), Languages("en", "de")),
        folder=tmp_path / "out",
        settings={
            **{"beam_width": 3, "precision": "bfloat16", "sampling": True},
            **{"temperature": 0.5, "seed": 4},
        },
        times=2,
        vote=True,
        tag="<bt>",
        replace=True,
    )
    assert found == expected
    assert printed == f"{tmp_path}/out/train.en, {tmp_path}/out/train.de: 5 pairs\n"
    run_command("augment", teacher, source, target, "-o", tmp_path, "--resume")
    assert (asked[0][0].resume, asked[0][0].times, asked.pop()[0].settings) == (True, 1, {})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--times", 0], "--times 0: a number from 1"),
        (["--times", 2], "--times 2: a number from 1; from 2 on with --sample"),
        (["."], "one or two paths .got 1 runs and 3 others"),
        (["third"], "third does not exist; give RUN folders, then one or two paths"),
    ],
)
def test_what_augment_cannot_do_is_refused(asked, paths, tmp_path, wrong, message):
    assert re.search(message, fails("augment", *paths, *wrong, "-o", tmp_path / "out"))
    assert "got 0 runs and 2 others" in fails("augment", *paths[1:], "-o", tmp_path / "out")
    assert asked == []


def test_export_hands_on_its_options(asked):
    settings = ["--beam", 3, "--n-best", 2, "--length-penalty", 0.5]
    expected = {"beam_width": 3, "n_best": 2, "length_penalty": 0.5}
    run("export", "run", "model", *settings, "--version", 7, "--weights", "bfloat16")
    paths = Path("run"), Path("model")
    assert asked.pop()[0] == ExportJob(*paths, 7, expected, "bfloat16")
    run("export", "run", "model")
    assert asked.pop()[0] == ExportJob(*paths)
    run("export", "run", "model", "--length-penalty", 0)
    assert asked.pop()[0].settings == {"length_penalty": 0}
    also = ["--also", "terms", "--also", "prefixes", "--also", "terms"]
    onnx = ["--format", "onnx", "--weights", "int8", "--shortlist"]
    run("export", "run", "model", *settings, *onnx, *also)
    expected = {**expected, "shortlist": True}
    job = PortableJob(*paths, "onnx", expected, "int8", ["prefixes", "terms"])
    assert asked.pop()[0] == job


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            ["--shortlist"],
            "--shortlist is for --format onnx; leave it out with --format savedmodel",
        ),
        (["--format", "litert", "--shortlist"], "leave it out with --format litert"),
        (["--also", "scores"], "--also is for --format onnx"),
        (["--weights", "int8"], "--weights int8 is for --format onnx"),
        (["--format", "onnx", "--version", 0], "--version is for --format savedmodel"),
    ],
)
def test_what_a_format_does_not_take_is_refused(asked, wrong, message):
    assert message in fails("export", "run", "model", *wrong)
    assert asked == []


def test_train_hands_on_folder_settings_and_workers(asked, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    config = Path(__file__).parents[2] / "configs" / "miniature.yaml"
    run("train", config, "--set", "model.units=6", "--set", "training.seed=8")
    settings, folder, _ = asked.pop()
    assert (settings.model.units, settings.training.seed) == (6, 8)
    assert folder == Path("runs/miniature")
    workers = ["--workers", "a:1,b:2", "--worker", 1]
    run("train", config, "--run", "mine", *workers)
    _, folder, _, found = asked.pop()
    assert folder == Path("mine")
    assert (found.addresses, found.index, found.wait) == (("a:1", "b:2"), 1, 600)
    run("train", config, *workers, "--wait", 5)
    assert asked.pop()[3].wait == 5


def test_score_hands_on_its_files_in_order(asked):
    run("score", "run", "source", "target")
    assert asked == [(Path("run"), Path("source"), Path("target"), {})]


def test_info_hands_on_settings_and_parts_names_from_values(asked):
    printed = run_command("info", "my.yaml", "--set", "model.units=6", "--set", "model.cell=gru")
    assert asked == [(Path("my.yaml"), ["model.units=6", "model.cell=gru"])]
    assert printed.startswith("\nnetwork\n") and printed.split() == ["network", "units", "64"]


def test_show_hands_on_sentence_trainings_and_format(asked):
    printed = run_command("show", "run", "The dog.", "-o", "out", "--format", "svg")
    assert asked.pop() == (Path("run"), "The dog.", Path("out"), "svg")
    assert printed.splitlines() == ["Der Hund.", "a.html", "b.png"]
    run_command("show", "run", "", "-o", "out")  # which the workflow refuses
    assert asked.pop() == (Path("run"), "", Path("out"), "png")
    others = ["--beside", "b", "--beside", "c"]
    printed = run_command("show", "run", "--training", *others, "-o", "out", "--format", "svg")
    assert asked.pop() == ([Path("run"), Path("b"), Path("c")], Path("out"), "svg")
    assert printed == "training.png\n"
    run_command("show", "run", "--training", "-o", "out")
    assert asked == [([Path("run")], Path("out"), "png")]
