"""Make more training text: real lines, each beside its translation by trained runs."""

import argparse
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seq2seq.cli.overrides import add_sampling, add_setting, given_settings
from seq2seq.config.languages import Languages, language_of_file
from seq2seq.data.corpus_files import Table, find_corpus
from seq2seq.errors import DataError
from seq2seq.manifest import MANIFEST
from seq2seq.translation.quiet import load_tensorflow

if TYPE_CHECKING:
    from seq2seq.workflows.augment import Text


def add_parser(subparsers: Any) -> None:
    """Declares the verb."""
    parser = subparsers.add_parser("augment", help=__doc__, description=__doc__)
    add = parser.add_argument
    add(
        "paths",
        metavar="RUN... CORPUS",
        type=Path,
        nargs="+",
        help="trained run folders, of either direction; then the text: SOURCE and TARGET, a folder "
        "that data_prep or init made, or one file in a language that the runs translate",
    )
    add("-o", "--output", metavar="DIR", type=Path, required=True, help="folder of the new corpus")
    add("--source", metavar="TAG", help="source language of the corpus, as files' names end in it")
    add("--target", metavar="TAG", help="target language of the corpus, likewise")
    add("--tag", default="", metavar="TEXT", help="what each new source line begins with: <bt>")
    add("--vote", action="store_true", help="runs of one direction translate together")
    add("--resume", action="store_true", help="go on with an output that was interrupted")
    add("--replace", action="store_true", help="write over files that are there")
    group = parser.add_argument_group("in place of the runs' decoding settings")
    add = functools.partial(add_setting, group)
    add("--beam", "beam_width", type=int, metavar="K", help="hypotheses kept; 1 is greedy")
    add_sampling(group, seed="of --sample; the next time, the next one")
    group.add_argument(
        "--times", type=int, default=1, metavar="N", help="of --sample: outputs of each run"
    )
    add("--precision", "precision", choices=("float32", "bfloat16"), help="of matrix products")
    parser.set_defaults(run_verb=run)


def run(arguments: argparse.Namespace) -> None:
    """Prints the new files and their number of pairs."""
    for path in arguments.paths:
        if not path.exists():
            raise DataError(
                f"{path} does not exist; give RUN folders, then one or two paths of text"
            )
    runs = [path for path in arguments.paths if (path / MANIFEST).is_file()]
    files = [path for path in arguments.paths if path not in runs]
    if not runs or not 1 <= len(files) <= 2:
        raise DataError(
            f"augment takes RUN folders and a corpus of one or two paths (got {len(runs)} runs and "
            f"{len(files)} others: {', '.join(map(str, files))})"
        )
    settings = given_settings(arguments)
    if arguments.times < 1 or (arguments.times > 1 and not settings.get("sampling")):
        raise DataError(f"--times {arguments.times}: a number from 1; from 2 on with --sample")
    given = (arguments.source, arguments.target)
    load_tensorflow()
    from rich.console import Console

    from seq2seq.cli.progress import LineProgress, log_through
    from seq2seq.workflows.augment import AugmentJob, augment, teachers_of

    job = AugmentJob(
        runs=runs,
        text=_one_side(files[0], runs[0], given)
        if len(files) == 1 and files[0].is_file()
        else _parallel(files, given),
        folder=arguments.output,
        settings=settings,
        **{
            name: getattr(arguments, name) for name in ("times", "vote", "tag", "resume", "replace")
        },
    )
    console = Console(stderr=True)
    if console.is_terminal:
        log_through(console)
    with LineProgress(console, lambda: range(job.text.lines() * len(teachers_of(job)))) as progress:
        pairs = augment(job, progress)
    print(f"{job.outputs[0]}, {job.outputs[1]}: {pairs:,} pairs")


def _parallel(files: list[Path], given: tuple[str | None, str | None]) -> "Text":
    from seq2seq.workflows.augment import Text

    found = find_corpus(files[0], files[1] if files[1:] else None, ends=given)
    if isinstance(found.train, Table):
        raise DataError(f"{found.train.path}: make two files of a table with `data_prep tsv`")
    return Text(found.train, found.ends, found.languages)


def _one_side(path: Path, run: Path, given: tuple[str | None, str | None]) -> "Text":
    """A text alone, which becomes the target of the new corpus: its translation is the source."""
    from seq2seq.run_folder import RunFolder
    from seq2seq.workflows.augment import Text

    of_run = RunFolder.open(run).config().data.languages
    source, target = given[0] or of_run.target, given[1] or language_of_file(path) or of_run.source
    if not source or not target or source == target:
        raise DataError(
            f"{path}: say which language it is with --target, and which one {run} translates it "
            "into with --source"
        )
    return Text((None, path), (source, target), Languages(source, target))
