"""Write settings for your own text: what is held out, sizes, and how long training takes."""

import argparse
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seq2seq.cli.table_columns import columns
from seq2seq.data.corpus_files import Table, find_corpus
from seq2seq.errors import DataError
from seq2seq.translation.quiet import load_tensorflow

if TYPE_CHECKING:
    from seq2seq.workflows.init import Initialised

TAG = re.compile(r"[A-Za-z0-9_-]+")


def add_parser(subparsers: Any) -> None:
    """Declares the verb."""
    parser = subparsers.add_parser("init", help=__doc__, description=__doc__)
    add = parser.add_argument
    add(
        "corpus",
        metavar="SOURCE",
        type=Path,
        help="text, a sentence a line, plain or .gz; or a tab-separated table of pairs; or a "
        "folder that data_prep made",
    )
    add("target_text", metavar="TARGET", type=Path, nargs="?", help="its translation")
    add("-o", "--output", metavar="CONFIG", type=Path, required=True, help="YAML file to write")
    add(
        "--source",
        type=_tag,
        metavar="TAG",
        help="source language, e.g. en; else as the files' names end",
    )
    add("--target", type=_tag, metavar="TAG", help="target language")
    add("--columns", type=columns, default=(1, 2), metavar="S,T", help="of a table; default 1,2")
    for split in ("validation", "test"):
        add(
            f"--{split}",
            type=Path,
            nargs=2,
            metavar=("SOURCE", "TARGET"),
            help=f"{split} text; held out of the corpus if absent",
        )
    add(
        "--also",
        type=Path,
        nargs="+",
        action="append",
        default=[],
        metavar=("SOURCE", "TARGET"),
        help="another training corpus, two files or a folder, e.g. of `seq2seq augment`; may be "
        "repeated",
    )
    add("--data", type=Path, metavar="DIR", help="folder of held-out text; default data/CONFIG")
    add("--seed", type=int, default=1, metavar="N", help="another one holds out other pairs")
    add("--replace", action="store_true", help="write over settings and splits that are there")
    add("--no-pilot", dest="pilot", action="store_false", help="do not time a few steps")
    parser.set_defaults(run_verb=run)


def run(arguments: argparse.Namespace) -> None:
    """Prints what was chosen, how long training takes, and the next command."""
    corpus = find_corpus(
        arguments.corpus,
        arguments.target_text,
        arguments.columns,
        (arguments.source, arguments.target),
    )
    load_tensorflow()
    from seq2seq.workflows.init import InitJob, init

    if arguments.validation:
        corpus = replace(corpus, validation=tuple(arguments.validation))
    if arguments.test:
        corpus = replace(corpus, test=tuple(arguments.test))
    made = init(
        InitJob(
            corpus=corpus,
            config=arguments.output,
            data=arguments.data or Path("data") / arguments.output.stem,
            seed=arguments.seed,
            replace=arguments.replace,
            pilot=arguments.pilot,
            also=[_also(paths, corpus.ends) for paths in arguments.also],
        )
    )
    print("\n".join(_report(made)))


def _also(paths: list[Path], ends: tuple[str, str]) -> tuple[Path, Path]:
    """The files of a further training corpus."""
    if len(paths) > 2:
        raise DataError(f"--also takes SOURCE and TARGET, or a folder (got {len(paths)} paths)")
    found = find_corpus(paths[0], paths[1] if paths[1:] else None, ends=ends).train
    if isinstance(found, Table):
        raise DataError(f"--also {found.path}: give two files; `data_prep tsv` makes them")
    return found


def _report(made: "Initialised") -> Iterator[str]:
    for split, pairs in made.written.items():
        source, target = made.files[split]
        yield f"{source}, {target}: {pairs:,} pairs for {split}"
    languages = made.languages
    if not (languages.source and languages.target):
        yield "languages: not known; --source and --target say them, e.g. --source en --target fr"
    for each in made.fitted:
        yield f"{f'{each.section}.{each.name}: {each.value}':<36}  {each.reason}"
    if made.pilot and made.seconds:
        parameters = f"{made.pilot.parameters:,} parameters"
        yield f"{parameters}; training takes about {_about(made.seconds)} on this machine"
    yield ""
    yield f"next:  seq2seq train {made.config}"


def _about(seconds: float) -> str:
    """A time as people say it.

    >>> _about(50), _about(1500), _about(9000)
    ('1 minute', '25 minutes', '2.5 hours')
    """
    minutes = max(1, round(seconds / 60))
    if minutes >= 100:
        return f"{seconds / 3600:.1f} hours"
    return f"{minutes} minute{'s' if minutes > 1 else ''}"


def _tag(text: str) -> str:
    if not TAG.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no language tag such as en or pt-BR")
    return text
