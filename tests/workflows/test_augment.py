"""`seq2seq augment`: real lines beside their translations, a line for a line, by any teachers."""

import dataclasses
import re
import shutil

import pytest

from seq2seq.cli.main import main
from seq2seq.config.languages import Languages
from seq2seq.data.resumable_output import PartialOutput
from seq2seq.errors import DataError
from seq2seq.files import rename_durably
from seq2seq.run_folder import RunFolder
from seq2seq.translation.loading import load_translator
from seq2seq.workflows.augment import AugmentJob, Text, augment, teachers_of

GREEDY = {"beam_width": 1}
COUNT = 20


class Heard:
    """A `LineReporter` that remembers, and stops where it is told to."""

    def __init__(self, stop_after=None):
        self.lines, self.first, self.stop_after = 0, None, stop_after

    def started(self, lines_done):
        self.first = lines_done

    def advanced(self, lines):
        self.lines += lines
        if self.stop_after and self.lines >= self.stop_after:
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    monkeypatch.setattr("seq2seq.workflows.augment.WINDOW", 6)


@pytest.fixture(scope="module")
def corpus(small_corpus, tmp_path_factory):
    """Some pairs with odd lines among them."""
    folder = tmp_path_factory.mktemp("corpus")
    for side, odd in (("en", 3), ("de", 5)):
        lines = (small_corpus / f"train.{side}").read_bytes().splitlines(keepends=True)[:COUNT]
        lines[odd], lines[odd + 4] = b"\n", b"The\xe2\x80\xa8 dog.\r\n"
        (folder / f"train.{side}").write_bytes(b"".join(lines))
    return folder


@pytest.fixture(scope="module")
def backward(trained_run, tmp_path_factory):
    """A run that says it translates German into English."""
    run = shutil.copytree(trained_run, tmp_path_factory.mktemp("backward") / "run")
    folder = RunFolder.open(run)
    data = dataclasses.replace(folder.config().data, source_language="de", target_language="en")
    folder.replace_config(dataclasses.replace(folder.config(), data=data))
    return run


def text_of(corpus):
    return Text((corpus / "train.en", corpus / "train.de"), ("en", "de"), Languages("en", "de"))


def lines(path):
    text = path.read_bytes().decode().replace("\r\n", "\n")
    assert text.endswith("\n")
    return text.split("\n")[:-1]


def job(corpus, folder, *runs, **given):
    settings = {"settings": GREEDY, "text": text_of(corpus)} | given
    return AugmentJob(runs=runs, folder=folder, **settings)


@pytest.fixture(scope="module")
def both(trained_run, backward, corpus, tmp_path_factory):
    """The corpus of a teacher of each direction."""
    folder = tmp_path_factory.mktemp("both")
    assert augment(job(corpus, folder, trained_run, backward), Heard()) == 2 * COUNT
    return folder


def test_what_is_finished_is_not_begun_anew_by_resume(corpus, trained_run, tmp_path):
    for side in ("en", "de"):
        (tmp_path / f"train.{side}").write_text("finished\n")
    with pytest.raises(DataError, match="train.en is there already; pass another -o, or --repl"):
        augment(job(corpus, tmp_path, trained_run, resume=True), Heard())
    assert lines(tmp_path / "train.en") == ["finished"]


def test_each_real_line_stands_beside_its_translation(both, trained_run, corpus):
    translate = load_translator(trained_run, GREEDY).translate
    english, german = (lines(corpus / f"train.{side}") for side in ("en", "de"))
    assert lines(both / "train.en") == english + translate(german)
    assert lines(both / "train.de") == translate(english) + german
    assert lines(both / "train.de")[3] == "" and lines(both / "train.en")[COUNT + 5] == ""
    assert sorted(path.name for path in both.iterdir()) == ["train.de", "train.en"]


@pytest.mark.parametrize("stop_after", [pytest.param(6, marks=pytest.mark.long), COUNT + 4])
def test_what_was_interrupted_goes_on_to_the_same_files(
    both, trained_run, backward, corpus, tmp_path, stop_after
):
    whole = job(corpus, tmp_path / "new", trained_run, backward)
    with pytest.raises(KeyboardInterrupt):
        augment(whole, Heard(stop_after))
    assert not whole.outputs[0].exists()
    rest = Heard()
    augment(dataclasses.replace(whole, resume=True), rest)
    assert rest.first >= stop_after and rest.first + rest.lines == 2 * COUNT
    for path in whole.outputs:
        assert path.read_bytes() == (both / path.name).read_bytes()


def test_a_kill_between_both_sides_loses_and_doubles_nothing(
    both, trained_run, backward, corpus, tmp_path, monkeypatch
):
    whole = job(corpus, tmp_path / "new", trained_run, backward)
    write, calls = PartialOutput.write, []

    def dying(self, *given):
        calls.append(self)
        if len(calls) == 4:  # the second side of the second window
            raise KeyboardInterrupt
        write(self, *given)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(PartialOutput, "write", dying)
        augment(whole, Heard())
    rest = Heard()
    augment(dataclasses.replace(whole, resume=True), rest)
    assert rest.first == 6  # the side that is behind
    for path in whole.outputs:
        assert path.read_bytes() == (both / path.name).read_bytes()


def test_a_kill_between_both_names_leaves_a_name_to_give(
    both, trained_run, backward, corpus, tmp_path, monkeypatch
):
    whole = job(corpus, tmp_path / "new", trained_run, backward)
    named = []

    def dying(old, new):
        named.append(new)
        if len(named) == 2:
            raise KeyboardInterrupt
        rename_durably(old, new)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("seq2seq.data.resumable_output.rename_durably", dying)
        augment(whole, Heard())
    assert [path.exists() for path in whole.outputs] == [False, True]
    rest = Heard()
    assert augment(dataclasses.replace(whole, resume=True), rest) == 2 * COUNT
    assert (rest.first, rest.lines) == (2 * COUNT, 0)
    for path in whole.outputs:
        assert path.read_bytes() == (both / path.name).read_bytes()


def test_another_job_does_not_go_on_with_it(trained_run, backward, corpus, tmp_path):
    first = job(corpus, tmp_path / "new", trained_run)
    with pytest.raises(KeyboardInterrupt):
        augment(first, Heard(6))
    other = dataclasses.replace(first, resume=True, runs=(trained_run, backward))
    with pytest.raises(DataError, match="cannot be resumed: .*teachers"):
        augment(other, Heard())


def test_samples_are_drawn_by_one_seed_after_the_other(trained_run, corpus, tmp_path):
    drawn = {"sampling": True, "seed": 5}
    found = job(corpus, tmp_path, trained_run, settings=drawn, times=2)
    augment(found, Heard())
    german = lines(found.outputs[1])
    english = lines(corpus / "train.en")
    second = load_translator(trained_run, {**drawn, "seed": 6}).translate(english)
    assert german[COUNT:] == second != german[:COUNT]
    assert lines(found.outputs[0]) == 2 * english


def test_runs_that_vote_are_one_teacher_for_each_direction(trained_run, backward, corpus, tmp_path):
    runs = (trained_run, backward, trained_run)
    apart = teachers_of(job(corpus, tmp_path, *runs))
    assert [(teacher.runs, teacher.side) for teacher in apart] == [
        ((trained_run,), 0),
        ((backward,), 1),
        ((trained_run,), 0),
    ]
    together = teachers_of(job(corpus, tmp_path, *runs, vote=True))
    assert [(teacher.runs, teacher.side) for teacher in together] == [
        ((trained_run, trained_run), 0),
        ((backward,), 1),
    ]
    assert {teacher.into for teacher in apart} == {None}  # runs of one language have no choice


def test_text_alone_is_translated_back_and_tagged(backward, corpus, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(corpus / "train.de", tmp_path / "mono.de")
    main(["augment", str(backward), "mono.de", "-o", "back", "--beam", "1", "--tag", "<bt>"])
    assert capsys.readouterr().out == f"back/train.en, back/train.de: {COUNT} pairs\n"
    german = lines(tmp_path / "mono.de")
    translated = load_translator(backward, GREEDY).translate(german)
    assert lines(tmp_path / "back" / "train.de") == german
    found = lines(tmp_path / "back" / "train.en")
    assert found == [f"<bt> {line}" if line else "" for line in translated]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["RUN", "FOLDER", "-o", "FOLDER"], "train.en is read, and would be written over"),
        (["RUN", "FOLDER", "-o", "there"], "train.en is there already; pass another -o, or --repl"),
        (["RUN", "FOLDER", "-o", "packed"], "train.de.gz is there already, compressed; pass an"),
        (["RUN", "EN", "-o", "new"], "en into de, and the corpus is en and de, with no text in en"),
        (
            ["FOLDER", "-o", "new"],
            "augment takes RUN folders and a corpus of one or two paths .got 0 runs",
        ),
        (["RUN", "FOLDER", "--times", "2", "-o", "new"], "--times 2: a number from 1; from 2 on"),
        (["RUN", "FOLDER", "--tag", "<a\nb>", "-o", "new"], "--tag '<a.nb>' has a line end"),
        (
            ["RUN", "FOLDER", "--sample", "--times=2", "--seed=2147483647", "-o", "new"],
            "decoding.seed: Input should be less than 2147483648",
        ),
        (["RUN", "EN", "SHORT", "-o", "new"], "train.en has 20 lines but .*short.de has 1; parall"),
        (["RUN", "EN", "CZECH", "-o", "new"], "translates en into de, and the corpus is en and cs"),
        (["RUN", "EMPTY", "EMPTY", "-o", "new"], "empty.de is empty; give a file"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    trained_run, corpus, tmp_path, capsys, monkeypatch, arguments, complaint
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "train.en").touch()
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "train.de.gz").touch()
    (tmp_path / "short.de").write_text("Ein Satz.\n")
    (tmp_path / "empty.de").touch()
    shutil.copy(corpus / "train.de", tmp_path / "train.cs")
    names = {
        "RUN": trained_run,
        "FOLDER": corpus,
        "EN": corpus / "train.en",
        "SHORT": "short.de",
        "CZECH": "train.cs",
        "EMPTY": "empty.de",
    }
    given = [str(names.get(word, word)) for word in arguments]
    with pytest.raises(SystemExit, match="1"):
        main(
            [
                "augment",
                *given,
                "--source",
                "en",
                "--target",
                "cs" if "CZECH" in arguments else "de",
            ]
        )
    said = capsys.readouterr().err
    assert re.search(complaint, said) and said.count("\n") == 1
    assert not (tmp_path / "new").exists()
