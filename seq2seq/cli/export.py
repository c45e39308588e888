"""Export a run as a model directory for TensorFlow Serving: raw text in, translations out."""

import argparse
from pathlib import Path
from typing import Any

from seq2seq.cli.quiet import load_tensorflow


def add_parser(subparsers: Any) -> None:
    """Declares the verb."""
    parser = subparsers.add_parser("export", help=__doc__, description=__doc__)
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a trained run folder")
    parser.add_argument(
        "directory",
        metavar="DIR",
        type=Path,
        help="directory of the model's versions; its name is the model's",
    )
    parser.add_argument(
        "--version", type=int, metavar="N", help="number of the version; the next one if absent"
    )
    parser.add_argument(
        "--weights",
        choices=("float32", "bfloat16", "float16"),
        default="float32",
        help="how they are stored; bfloat16 and float16 take half the space, slightly rounded",
    )
    group = parser.add_argument_group("in place of the run's decoding settings")
    group.add_argument("--beam", type=int, metavar="K", help="hypotheses kept; 1 is greedy")
    group.add_argument(
        "--n-best", type=int, metavar="N", help="outputs of translate_nbest; K if absent"
    )
    group.add_argument("--length-penalty", type=float, metavar="ALPHA", help="0: none")
    parser.set_defaults(run_verb=run)


def run(arguments: argparse.Namespace) -> None:
    """Prints the version's directory."""
    load_tensorflow()
    from seq2seq.workflows.export import ExportJob, export

    settings = {
        "beam_width": arguments.beam,
        "n_best": arguments.n_best,
        "length_penalty": arguments.length_penalty,
    }
    job = ExportJob(
        run=arguments.run_folder,
        model=arguments.directory,
        version=arguments.version,
        settings={name: value for name, value in settings.items() if value is not None},
        weights=arguments.weights,
    )
    print(export(job))
