"""Score a translator on a source file and its references: BLEU, chrF, TER, exact matches, edits."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seq2seq.data.resumable_output import check_output
from seq2seq.errors import DataError
from seq2seq.translation.quiet import load_tensorflow

if TYPE_CHECKING:
    from seq2seq.scoring.comparison import Measured


def add_parser(subparsers: Any) -> None:
    """Declares the verb."""
    parser = subparsers.add_parser("evaluate", help=__doc__, description=__doc__)
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a trained run folder")
    parser.add_argument("source", metavar="SOURCE", type=Path, help="text to translate")
    parser.add_argument(
        "reference",
        metavar="REFERENCE",
        type=Path,
        nargs="+",
        help="its right translation; more files hold other right ones, and blank lines for none",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--report", metavar="FILE", type=Path, help="write an HTML page: scores, lengths, sentences"
    )
    parser.add_argument(
        "--baseline",
        metavar="FILE|RUN",
        type=Path,
        help="a translation of SOURCE, or a run that translates it, to compare with",
    )
    parser.add_argument(
        "--metrics",
        metavar="NAMES",
        type=lambda text: text.split(","),
        help="of bleu, chrf, chrf++, ter, exact_match, wer, cer, edit_distance, "
        "symbol_edit_distance; parted by commas (bleu,chrf,ter)",
    )
    parser.set_defaults(run_verb=run)


def run(arguments: argparse.Namespace) -> None:
    """Prints the scores with their 95 % intervals and sacreBLEU signatures."""
    report = arguments.report
    if report and (report.is_dir() or not report.parent.is_dir()):
        raise DataError(f"--report {report}: give a file in a folder that exists")
    check_output(report, (arguments.source, *arguments.reference, arguments.baseline))
    load_tensorflow()
    from seq2seq.scoring.metrics import USUAL
    from seq2seq.workflows.evaluate import evaluate

    evaluation = evaluate(
        arguments.run_folder,
        arguments.source,
        arguments.reference,
        arguments.baseline,
        arguments.metrics or USUAL,
    )
    if arguments.json:
        print(json.dumps(evaluation.as_dict()))
    else:
        print(*map(_line, evaluation.measured), sep="\n")
    if report:
        evaluation.write_report(report)


def _line(each: "Measured") -> str:
    from seq2seq.scoring.comparison import Compared

    words = f"{each.metric:4}  {each.score:6.2f} ± {each.interval:.2f}  "
    if isinstance(each, Compared):
        words += f"gain {each.gain:+.2f} over {each.baseline:.2f} ± {each.baseline_interval:.2f}, "
        words += f"p = {each.p_value:.3f}  "
    words += each.signature
    if not each.lower_is_better:
        return words
    gain = "; a gain is an improvement" if isinstance(each, Compared) else ""
    return f"{words}  (lower is better{gain})"
