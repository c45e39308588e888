"""A newcomer's first hour: from a wheel and a table of pairs to translations, by four commands.

The wheel is built, installed into an environment of its own, and run in another folder. With
FIRST_HOUR_FRESH=1 pip fetches whatever the wheel needs; without, the environment borrows the
installed packages of this one, which does not prove that the wheel names all it needs.
"""

import csv
import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from data_prep.miniature.corpus import DEFAULT_SEED, make_corpus

REPOSITORY = Path(__file__).parents[2]
FRESH = os.environ.get("FIRST_HOUR_FRESH") == "1"
PAIRS = 1500
COMMANDS = (
    "seq2seq init pairs.tsv -o german.yaml --source en --target de",
    "seq2seq train german.yaml --set training.epochs=12",  # of 60: a minute is enough here
    "seq2seq translate runs/german data/german/test.en -o translations.txt",
    "seq2seq evaluate runs/german data/german/test.en data/german/test.de --json",
)

pytestmark = pytest.mark.first_hour


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The folder of commands of an environment in which the wheel is installed."""
    folder = tmp_path_factory.mktemp("environment")
    run(f"{sys.executable} -m build --wheel --outdir {folder}/dist {build_options()} {REPOSITORY}")
    (wheel,) = (folder / "dist").glob("*.whl")
    commands, packages = install(wheel, folder / "venv")
    if not FRESH:
        (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return commands


def install(wheel, environment):
    """The folders of commands and of packages of a new environment of a wheel.

    Unless `FRESH`, it has nothing of what the wheel needs.
    """
    python = environment / "bin" / "python"
    venv.create(environment, with_pip=FRESH)
    if FRESH:
        run(f"{python} -m pip install {wheel}")
    else:
        run(f"{sys.executable} -m pip --python {python} install --no-deps --no-index {wheel}")
    (packages,) = environment.glob("lib/python*/site-packages")
    return python.parent, packages


def build_options():
    return "" if FRESH else "--no-isolation"


def run(command, folder=REPOSITORY, path=os.environ["PATH"]):
    """Standard output of a command that succeeds, where PYTHONPATH leads to no checkout."""
    done = subprocess.run(
        shlex.split(command),
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"PATH": path, "PYTHONPATH": ""},
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def printed(environment, tmp_path_factory):
    """The newcomer's folder, and what each command printed."""
    folder = tmp_path_factory.mktemp("home")
    pairs = make_corpus(DEFAULT_SEED)["train"][:PAIRS]
    (folder / "pairs.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in pairs))
    path = f"{environment}:{os.environ['PATH']}"
    return folder, [run(command, folder, path) for command in COMMANDS]


def test_the_wheel_is_what_runs(environment, tmp_path):
    where = "import seq2seq, data_prep; print(seq2seq.__file__, data_prep.__file__)"
    found = run(f'{environment}/python -c "{where}"', tmp_path).split()
    assert [Path(each).is_relative_to(environment.parent) for each in found] == [True, True]


def test_four_commands_are_those_of_the_documentation():
    assert len(COMMANDS) <= 4
    told = (REPOSITORY / "docs" / "first_hour.md").read_text()
    verbs = [command.split()[1] for command in COMMANDS]
    section = told[told.index("## A translator of your own text") : told.index("## What to expect")]
    assert list(dict.fromkeys(re.findall(r"seq2seq (\w+) \S", section))) == verbs


def test_init_tells_what_it_chose_and_what_comes_next(printed):
    folder, (told, *_) = printed
    assert "1,350 pairs for train" in told and "this machine" in told
    assert told.endswith("next:  seq2seq train german.yaml\n")
    assert "# " in (folder / "german.yaml").read_text()  # with its reasons


def test_every_line_is_translated_and_the_scores_say_that_it_learnt(printed):
    folder, (*_, scores) = printed
    lines = (folder / "translations.txt").read_text().split("\n")
    assert len(lines) == 76 and all(lines[:-1]) and lines[-1] == ""
    assert len(set(lines)) > 40  # it does not say one thing to all
    assert json.loads(scores)["bleu"] > 15
    with open(folder / "runs" / "german" / "history.csv", newline="") as stream:
        *_, last = csv.DictReader(stream)
    right, wrong = (float(last[f"{name}_perplexity"]) for name in ("validation", "wrong_source"))
    assert wrong > 4 * right  # it reads the sentence that it translates
