"""Export a run for TensorFlow Serving (raw text in, translations out), ONNX Runtime or LiteRT."""

import argparse
from pathlib import Path
from typing import Any

from seq2seq.errors import ExportError
from seq2seq.translation.quiet import load_tensorflow


def add_parser(subparsers: Any) -> None:
    """Declares the verb."""
    parser = subparsers.add_parser("export", help=__doc__, description=__doc__)
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a trained run folder")
    parser.add_argument(
        "directory",
        metavar="DIR",
        type=Path,
        help="savedmodel: directory of the model's versions, whose name is the model's; "
        "onnx, litert: a new directory",
    )
    parser.add_argument(
        "--format",
        choices=("savedmodel", "onnx", "litert"),
        default="savedmodel",
        help="onnx and litert take and give ids of subwords.model, which is put beside the model",
    )
    parser.add_argument(
        "--version",
        type=int,
        metavar="N",
        help="number of the version; the next one if absent (savedmodel)",
    )
    parser.add_argument(
        "--weights",
        choices=("float32", "bfloat16", "float16", "int8"),
        default="float32",
        help="how they are stored: bfloat16 (savedmodel) and float16 (savedmodel, onnx) take half "
        "the space, slightly rounded; int8 (onnx) a quarter, and translates faster",
    )
    parser.add_argument(
        "--also",
        action="append",
        choices=("prefixes", "terms", "scores"),
        default=[],
        help="a model beside the one that searches freely (onnx): prefixes, for --prefix and the "
        "signature translate_prefix; terms, for --glossary and translate_terms; scores, for the "
        "signature score; may be repeated",
    )
    group = parser.add_argument_group("in place of the run's decoding settings")
    group.add_argument("--beam", type=int, metavar="K", help="hypotheses kept; 1 is greedy")
    group.add_argument(
        "--n-best",
        type=int,
        metavar="N",
        help="outputs a text; if absent, the run's n_best (savedmodel: of translate_nbest; K)",
    )
    group.add_argument("--length-penalty", type=float, metavar="ALPHA", help="0: none")
    group.add_argument(
        "--shortlist", action="store_true", help="score likely subwords only: faster (onnx)"
    )
    parser.set_defaults(run_verb=run)


def run(arguments: argparse.Namespace) -> None:
    """Prints the directory that was written."""
    settings = {
        "beam_width": arguments.beam,
        "n_best": arguments.n_best,
        "length_penalty": arguments.length_penalty,
    }
    settings = {name: value for name, value in settings.items() if value is not None}
    if arguments.shortlist:
        if arguments.format != "onnx":
            raise ExportError(
                f"--shortlist is for --format onnx; leave it out with --format {arguments.format}"
            )
        settings["shortlist"] = True
    export = _savedmodel if arguments.format == "savedmodel" else _portable
    print(export(arguments, settings))


def _savedmodel(arguments: argparse.Namespace, settings: dict[str, Any]) -> Path:
    if arguments.also:
        raise ExportError("--also is for --format onnx; a savedmodel has all of them")
    if arguments.weights == "int8":
        raise ExportError(
            "--weights int8 is for --format onnx; give float32, bfloat16 or float16 with --format "
            "savedmodel"
        )
    load_tensorflow()
    from seq2seq.workflows.export import ExportJob, export

    return export(
        ExportJob(
            run=arguments.run_folder,
            model=arguments.directory,
            version=arguments.version,
            settings=settings,
            weights=arguments.weights,
        )
    )


def _portable(arguments: argparse.Namespace, settings: dict[str, Any]) -> Path:
    if arguments.version is not None:
        raise ExportError(
            f"--version is for --format savedmodel; leave it out with --format {arguments.format}"
        )
    load_tensorflow()
    from seq2seq.workflows.export_portable import PortableJob, export_portable

    return export_portable(
        PortableJob(
            run=arguments.run_folder,
            directory=arguments.directory,
            format=arguments.format,
            settings=settings,
            weights=arguments.weights,
            further=sorted(set(arguments.also)),
        )
    )
