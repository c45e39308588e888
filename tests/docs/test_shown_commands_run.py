"""What README and docs show to be run goes as it is shown, in a folder of small files."""

import gzip
import io
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from conftest import miniature_settings, write_corpus
from shown_commands import PAGES, REPOSITORY, programs, shown

from data_prep.__main__ import main as data_prep
from seq2seq.cli.main import main as seq2seq
from seq2seq.config.loading import as_settings

SENTENCE = "Next week my brother will read the old book."
# Nothing need be learnt, and a pilot has tests of its own.
SHORTER = {
    "train": ["--set", "training.steps=2"],
    "init": ["--no-pilot"],
    "augment": ["--sample"],  # what is untrained finds the empty text likeliest
}
NOT_RUN = {  # a pattern, and who runs it if not this
    r"make .*": "CI",
    r"data_prep multi30k .*": "it downloads",
    r"seq2seq (train|evaluate) .*multi30k.*": "it takes hours, on text that is downloaded",
    r"data_prep cmudict .*": "tests/data_prep, on some of the dictionary",
    r"seq2seq (train|evaluate) .*runs/sounds.*": "it takes minutes, on the whole of it",
    r"seq2seq train CONFIG .*": "tests/workflows, with several processes, or tests/training",
    r"benchmarks\..*": "it takes hours",
    r"seq2seq (serve|translate --server) .*": "tests/workflows, with a server",
    r"seq2seq translate portable .*": "tests/workflows, with a model made once",
    r"seq2seq (export|verify) .*": "tests/workflows, with models made once",
}


def whose(call):
    """The pattern of a command that is not run here; or ""."""
    words = " ".join([call[0], *call[1]])
    return next((pattern for pattern in NOT_RUN if re.fullmatch(pattern, words.strip())), "")


def write_translators_files(folder, pairs):
    """Two translation memories and two catalogues."""
    units = "".join(
        f'<tu><tuv xml:lang="en"><seg>{source}</seg></tuv>'
        f'<tuv xml:lang="fr"><seg>{target}</seg></tuv></tu>'
        for source, target in pairs
    )
    memory = f"<tmx><body>{units}</body></tmx>"
    (folder / "memory.tmx.gz").write_bytes(gzip.compress(memory.encode()))
    (folder / "more.tmx").write_text(memory)
    messages = "".join(f'\nmsgid "{source}"\nmsgstr "{target}"\n' for source, target in pairs)
    (folder / "plugins").mkdir()
    for path in (folder / "fr.po", folder / "plugins" / "fr.po"):
        path.write_text(f'msgid ""\nmsgstr "Language: fr\\n"\n{messages}')


@pytest.fixture
def folder(tmp_path, trained_run, monkeypatch):
    """What the commands expect to find where they are called."""
    corpus = write_corpus(tmp_path / "data" / "mine", train=300, others=20)
    for split in ("train", "val", "test"):
        (corpus / f"{split}.de").rename(corpus / f"{split}.fr")
    for side in ("en", "fr"):
        shutil.copy(corpus / f"train.{side}", tmp_path)
    shutil.copy(corpus / "val.fr", tmp_path / "news.fr")
    sides = [(corpus / f"train.{side}").read_text().splitlines() for side in ("en", "fr")]
    rows = ["\t".join(pair) for pair in zip(*sides, strict=True)]
    (tmp_path / "pairs.tsv").write_text("\n".join(rows))
    write_translators_files(tmp_path, list(zip(*sides, strict=True)))
    (tmp_path / "terms.tsv").write_text("brother\tBruderherz\nold book\tSchmöker\n")
    (tmp_path / "sentences.txt").write_text(f"Today she reads the book.\n\n{SENTENCE}\n")
    (tmp_path / "configs").mkdir()
    settings = as_settings(miniature_settings(write_corpus(tmp_path / "small", 300, 20)))
    (tmp_path / "configs" / "miniature.yaml").write_text(yaml.safe_dump(settings))
    shutil.copy(REPOSITORY / "configs" / "normalise_dates.yaml", tmp_path / "configs")
    shutil.copytree(trained_run, tmp_path / "runs" / "miniature")
    for name in ("mine", "data/miniature"):
        write_corpus(tmp_path / name, train=300, others=20)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(folder, monkeypatch, name, arguments):
    """One of the commands; those that read standard input get a sentence."""
    if arguments[0] == "init":  # pages show several ways to the same file
        config = arguments[arguments.index("-o") + 1]
        (folder / config).unlink(missing_ok=True)
        shutil.rmtree(folder / "data" / Path(config).stem, ignore_errors=True)
    stdin = SimpleNamespace(buffer=io.BytesIO(SENTENCE.encode()), isatty=lambda: False)
    monkeypatch.setattr("sys.stdin", stdin)
    called = {"seq2seq": seq2seq, "data_prep": data_prep}[name]
    assert not called([*arguments, *SHORTER.get(arguments[0], [])])


RUN_HERE = {
    page.name: calls
    for page in PAGES
    if (calls := [call for call in shown(page.read_text(encoding="utf-8")) if not whose(call)])
}


@pytest.mark.long
@pytest.mark.parametrize("page", RUN_HERE)
def test_commands_go_as_they_are_shown(page, folder, monkeypatch):
    for name, arguments in RUN_HERE[page]:
        run(folder, monkeypatch, name, arguments)


# Programs of serving.md and portable.md have tests with servers and exported models.
PROGRAMS = {
    page.name: programs(page.read_text(encoding="utf-8"))
    for page in PAGES
    if page.name not in ("serving.md", "portable.md")
}


@pytest.mark.long
@pytest.mark.parametrize("page", [name for name, found in PROGRAMS.items() if found])
def test_programs_go_as_they_are_shown(page, folder, capsys):
    names = {}
    for program in PROGRAMS[page]:
        exec(compile(program, page, "exec"), names)


def test_every_reason_not_to_run_a_command_is_needed():
    calls = [call for page in PAGES for call in shown(page.read_text(encoding="utf-8"))]
    assert {whose(call) for call in calls} == {"", *NOT_RUN}
