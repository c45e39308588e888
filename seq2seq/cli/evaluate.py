"""Score a translator on a source file and its references: BLEU, chrF, TER."""

import argparse
import json
from pathlib import Path
from typing import Any

from seq2seq.cli.quiet import load_tensorflow


def add_parser(subparsers: Any) -> None:
    """Declares the verb."""
    parser = subparsers.add_parser("evaluate", help=__doc__, description=__doc__)
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a trained run folder")
    parser.add_argument("source", metavar="SOURCE", type=Path, help="text to translate")
    parser.add_argument("reference", metavar="REFERENCE", type=Path, help="its right translation")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run_verb=run)


def run(arguments: argparse.Namespace) -> None:
    """Prints the scores with their sacreBLEU signatures."""
    load_tensorflow()
    from seq2seq.workflows.evaluate import evaluate

    scores = evaluate(arguments.run_folder, arguments.source, arguments.reference)
    if arguments.json:
        print(json.dumps(scores.as_dict()))
        return
    print(f"BLEU  {scores.bleu:6.2f}  {scores.bleu_signature}")
    print(f"chrF  {scores.chrf:6.2f}  {scores.chrf_signature}")
    print(f"TER   {scores.ter:6.2f}  {scores.ter_signature}  (lower is better)")
