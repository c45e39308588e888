import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import write_corpus
from loaded import loaded

from seq2seq.cli.main import build_parser, main
from seq2seq.cli.train import run_of
from seq2seq.config.loading import dump_run_config
from seq2seq.errors import DISTRIBUTION
from seq2seq.run_folder import RunFolder

CONFIGS = Path(__file__).parents[2] / "configs"


def fails(arguments, capfd, code=1):
    """Runs a command that must fail with one line, and gives that line."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert stopped.value.code == code
    return capfd.readouterr().err.rstrip("\n")


@pytest.mark.parametrize(
    "arguments",
    [
        "translate RUN --format tsv INPUT",
        "translate --format tsv RUN INPUT",
        "translate RUN INPUT --format tsv",
        "translate RUN --format tsv -",
    ],
)
def test_what_may_be_left_out_may_stand_behind_options(arguments):
    parsed = build_parser().parse_args(arguments.split())
    assert (parsed.run_folder, parsed.format) == ("RUN", "tsv")
    assert parsed.input in ("INPUT", "-")


@pytest.mark.parametrize("wrong", ["translate RUN --format tsv INPUT MORE", "translate RUN --no X"])
def test_what_no_verb_takes_is_wrong_usage(wrong, capfd):
    with pytest.raises(SystemExit) as stopped:
        main(wrong.split())
    assert stopped.value.code == 2
    assert "unrecognized arguments: " in capfd.readouterr().err


def test_help_loads_neither_tensorflow_nor_keras():
    script = (
        "import sys; from seq2seq.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    verbs = "train translate evaluate score export verify serve show info init settings completion"
    for verb in verbs.split():
        assert verb in done.stdout
    assert done.stdout.endswith("[]\n")


@pytest.mark.parametrize("module", ["seq2seq.cli.main", "data_prep.__main__"])
def test_the_version_is_the_distributions_and_needs_no_tensorflow(module):
    script = (
        f"import sys; from {module} import main\n"
        "try: main(['--version'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == f"{DISTRIBUTION} {version(DISTRIBUTION)}\n[]\n"


def test_an_unknown_setting_is_one_line_with_the_nearest_name(trained_run, tmp_path, capfd):
    settings = dump_run_config(RunFolder.open(trained_run).config())
    (tmp_path / "run.yaml").write_text(settings.replace("units:", "unit:"))
    error = fails(["train", tmp_path / "run.yaml", "--run", tmp_path / "run"], capfd)
    assert error.count("\n") == 0
    assert "model.unit: Unexpected setting (got 128); did you mean units?" in error
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_no_run_is_one_line(tmp_path, capfd):
    error = fails(["translate", tmp_path], capfd)
    assert error == (
        f"error: {tmp_path} is not a run folder (it has no manifest.json); "
        "`seq2seq train` makes one"
    )


def test_another_kind_of_folder_is_named_as_what_it_is(tmp_path, capfd):
    (tmp_path / "served" / "1").mkdir(parents=True)
    (tmp_path / "served" / "1" / "saved_model.pb").touch()
    (tmp_path / "exported").mkdir()
    (tmp_path / "exported" / "manifest.json").write_text('{"format": 3, "model": {}}')
    for path, verb, said in (
        ("served", ["translate"], "holds a SavedModel; serve it, and translate with --server"),
        ("served/1", ["translate"], "holds a SavedModel; serve it, and translate with --server"),
        ("exported", ["info"], "is an exported model, which `translate` and `serve` take; give a"),
        (
            "nowhere",
            ["translate"],
            "does not exist; give a run folder, which `seq2seq train` makes",
        ),
        ("served", ["train"], "is a folder; give a settings file"),
    ):
        assert f"error: {tmp_path / path} {said}" in fails([*verb, tmp_path / path], capfd)


def test_a_runs_own_settings_go_on_with_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "manifest.json").touch()
    assert run_of(Path("mine/config.yaml")) == Path("mine")
    assert run_of(Path("mine/other.yaml")) == Path("runs/other")
    assert run_of(Path("config.yaml")) == Path("runs/config")


def test_wrong_usage_exits_with_2(capfd):
    assert "unrecognized arguments: --bem" in fails(["translate", "run", "--bem", "5"], capfd, 2)
    assert "invalid int value: 'wide'" in fails(["translate", "run", "--beam", "wide"], capfd, 2)


def test_evaluate_prints_one_json_object(trained_run, tmp_path, capsys):
    folder = write_corpus(tmp_path, train=5, others=8)
    source, reference = folder / "test.en", folder / "test.de"
    main(["evaluate", str(trained_run), str(source), str(reference), "--json"])
    printed = json.loads(capsys.readouterr().out)
    metrics = [
        f"{name}{of}" for name in ("bleu", "chrf", "ter") for of in ("", "_interval", "_signature")
    ]
    assert list(printed) == metrics


def test_evaluate_compares_with_a_baseline_and_writes_a_report(
    trained_run, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("seq2seq.workflows.evaluate.load_translator", loaded)
    folder = write_corpus(tmp_path, train=5, others=8)
    files = [str(folder / "test.en"), str(folder / "test.de")]
    report = tmp_path / "report.html"
    asked = ["evaluate", str(trained_run), *files, "--baseline", files[0]]
    main([*asked, "--report", str(report)])
    bleu, chrf, ter = capsys.readouterr().out.splitlines()
    assert bleu.startswith("BLEU ") and ", p = " in bleu
    assert chrf.startswith("chrF ")
    errors, gain, others = (float(ter.split()[place]) for place in (1, 5, 7))
    assert " gain " in ter and " over " in ter and others - errors == pytest.approx(gain, abs=0.011)
    assert ter.endswith("(lower is better; a gain is an improvement)") and "lower" not in bleu
    assert f"Better than {files[0]}" in report.read_text()
    main(asked[:4])
    assert capsys.readouterr().out.endswith("  (lower is better)\n")  # nothing was gained on
    main([*asked, "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert printed["baseline"]["name"] == files[0]
    assert 0 < printed["bleu_p_value"] <= 1


def test_evaluate_refuses_a_report_that_cannot_be_written_before_it_starts(tmp_path, capfd):
    for report in (tmp_path, tmp_path / "missing" / "report.html"):
        asked = ["evaluate", tmp_path / "run", "a", "b", "--report", report]
        assert fails(asked, capfd) == (
            f"error: --report {report}: give a file in a folder that exists"
        )


def test_show_prints_the_translation_and_what_it_wrote(trained_run, tmp_path, capsys):
    main(["show", str(trained_run), "The dog sleeps.", "-o", str(tmp_path / "pictures")])
    translation, page, *files = capsys.readouterr().out.splitlines()
    assert translation
    assert page.endswith("index.html")
    assert (tmp_path / "pictures" / "attention.png").read_bytes().startswith(b"\x89PNG")
    assert str(tmp_path / "pictures" / "attention.png") in files


def test_show_draws_the_training(trained_run, tmp_path, capsys):
    main(["show", str(trained_run), "--training", "-o", str(tmp_path), "--format", "svg"])
    assert capsys.readouterr().out.strip() == str(tmp_path / "training.svg")
    assert b"<svg" in (tmp_path / "training.svg").read_bytes()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([], "give either a SENTENCE or --training"),
        (["The dog sleeps.", "--training"], "give either a SENTENCE or --training"),
        (["The dog sleeps.", "--beside", "runs/other"], "--beside compares trainings"),
    ],
)
def test_show_draws_a_sentence_or_a_training(wrong, message, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["show", "runs/any", *wrong, "-o", str(tmp_path)])
    assert message in capsys.readouterr().err


def test_info_prints_names_and_values(trained_run, capsys):
    main(["info", str(trained_run)])
    assert "parameters" in capsys.readouterr().out


def test_settings_prints_every_setting_or_a_section(capsys):
    main(["settings"])
    every = capsys.readouterr().out
    main(["settings", "subwords"])
    section = capsys.readouterr().out
    assert "subwords.vocabulary_size: 8000\n" in section and section in every
    assert "model.units" in every and "model.units" not in section
    assert "(whole number, from 5 up to 1,000,000; subwords)" in section


def test_settings_prints_the_files_of_configs(capfd):
    """As an installed package has them too."""
    main(["settings", "--example"])
    names = capfd.readouterr().out.split()
    assert names == sorted(path.stem for path in CONFIGS.glob("*.yaml")) and names
    main(["settings", "--example", "miniature"])
    assert capfd.readouterr().out == (CONFIGS / "miniature.yaml").read_text(encoding="utf-8")
    assert "no example 'x'; there are bahdanau2015" in fails(["settings", "--example", "x"], capfd)
    assert "leave SECTION out" in fails(["settings", "model", "--example"], capfd)


@pytest.mark.long
def test_translate_reads_standard_input_and_answers_before_it_ends(trained_run):
    command = [sys.executable, "-m", "seq2seq", "translate", str(trained_run)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, **pipes, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as child:
        for _ in range(2):
            child.stdin.write(b"The dog sleeps.\n")
            child.stdin.flush()
            assert child.stdout.readline().endswith(b"\n")  # while standard input is open
        rest, errors = child.communicate(b"Max is tired.\n\nThe dog sleeps.\n")
    assert child.returncode == 0, errors.decode()
    first, blank, third, end = rest.split(b"\n")
    assert first and third and not blank and not end
    assert errors == b""
