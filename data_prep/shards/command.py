"""Prepare the training text of a settings file once: shards of ids that training starts on at once.

Pairs are encoded, those that another pair equals are left out, and the rest is shuffled. Put
`data.shards: DIR` into the settings, or train with --set data.shards=DIR. What is interrupted goes
on with the same command. Needs the extra `scale`.
"""

import argparse
import os
from pathlib import Path

from data_prep.arguments import positive, verb_parser
from seq2seq.cli.overrides import add_overrides


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb `shards`."""
    parser = verb_parser(subparsers, "shards", __doc__)
    add = parser.add_argument
    add("config", type=Path, metavar="CONFIG", help="settings file of the training")
    add("--output", type=Path, required=True, metavar="DIR", help="folder to make")
    add(
        "--processes",
        type=positive,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="that encode and write at once; by default as many as there are processors",
    )
    add_overrides(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """Prepares the shards and says what they hold.

    Raises:
        Seq2SeqError: settings, text or folder cannot be used.
        KeyboardInterrupt: with what is done so far kept.
    """
    # Only here: NumPy, pydantic and SentencePiece are a second that other verbs do without.
    from data_prep.shards.preparation import prepare
    from seq2seq.config.loading import load_run_config

    config = load_run_config(options.config, options.overrides)
    manifest = prepare(config, options.output, options.processes)
    counts, size = manifest.counts, sum(shard.size for shard in manifest.shards)
    return (
        f"{options.output}: {counts.kept:,} of {counts.pairs:,} pairs in {len(manifest.shards)} "
        f"shards, {size / 1e6:,.1f} MB, {manifest.vocabulary_size:,} subwords; left out: "
        f"{counts.empty:,} with an empty side, {counts.too_long:,} above data.longest = "
        f"{config.data.longest} subwords, {counts.duplicates:,} that another pair equals\n"
        f"train on it with data.shards: {options.output}"
    )
