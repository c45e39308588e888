"""Translation speed on one core: output tokens a second, beside peers if they are named.

    python -m benchmarks.translation_speed RUN [--peers opennmt joeynmt marian] [--rounds 3]

RUN is a trained run of configs/multi30k_en_de.yaml; its test text is translated with beam 5 and
greedily, in batches and one sentence at a time, by this project in TensorFlow (float32, bfloat16,
bfloat16 with a shortlist) and in ONNX Runtime (float32, int8, int8 with a shortlist). A peer gets a
network of the run's dimensions, its joint subwords and the same text in them, is trained briefly
(kept in runs/peers) so that its outputs end as real ones do, and takes turns with this project,
each in a process of its own, on one CPU and with one thread.
What is timed: this project from text to text; peers from subwords to subwords.

The share is that of the search's multiply-adds in the rate of a large matrix product of the same
precision, measured in the same process. With embeddings E, units U, readout R (E where the output
layer is the target embedding, U otherwise) and V subwords they are 4 U (E + U / 2) + U (U + R) a
source token and, for each hypothesis of the beam, 4 U U + U R + R V a token of the best output and
U + R a pair of a source and an output token: what the search computes, of real tokens, EOS
included. A peer with input feeding and an output layer of its own has 4 U (E + 2 U) + 3 U U + U V a
token and hypothesis; Marian has an encoder twice as wide and two LSTM cells in its decoder.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from benchmarks.peers.child import PeerError
from benchmarks.peers.joeynmt import TOOLKIT as JOEYNMT
from benchmarks.peers.marian import TOOLKIT as MARIAN
from benchmarks.peers.opennmt import TOOLKIT as OPENNMT
from benchmarks.translation_speed.corpus import MODES, Corpus
from benchmarks.translation_speed.own_translation import VARIANTS
from benchmarks.translation_speed.report import as_dict, markdown
from benchmarks.translation_speed.turns import Measurement, Peers, own_turn
from seq2seq.errors import Seq2SeqError

TOOLKITS = {toolkit.module: toolkit for toolkit in (OPENNMT, JOEYNMT, MARIAN)}


def main() -> None:
    """Prints a line a measurement on standard error, then Markdown."""
    arguments = _parser().parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])  # children inherit it
    try:
        _run(arguments)
    except (Seq2SeqError, PeerError) as error:
        sys.exit(f"error: {error}")


def _run(arguments: argparse.Namespace) -> None:
    corpus = Corpus.of_run(arguments.run, arguments.sentences, arguments.single_sentences)
    peers = Peers(corpus, [TOOLKITS[name] for name in arguments.peers], arguments.cache)
    if peers.toolkits:
        peers.train(arguments.training_steps)
    if not arguments.rounds:
        return
    modes = [mode for section in arguments.sections for mode in MODES[section]]
    batch_sizes = {
        (toolkit, mode): peers.batch_size(toolkit, mode)
        for toolkit in peers.toolkits
        for mode in modes
    }
    measurements: list[Measurement] = []
    for number in range(1, arguments.rounds + 1):
        for mode in modes:
            turn = list(own_turn(corpus, mode, arguments.variants, number))
            for toolkit in peers.toolkits:
                turn.append(peers.turn(toolkit, mode, batch_sizes[toolkit, mode], number))
            for measurement in turn:
                print(measurement.line(), file=sys.stderr, flush=True)
            measurements += turn
            if arguments.json:  # after every mode, so that a stopped run leaves what it measured
                text = json.dumps(as_dict(corpus, measurements), indent=1)
                arguments.json.write_text(text + "\n", encoding="utf-8")
    print(markdown(corpus, measurements))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("run", type=Path, metavar="RUN")
    add("--peers", nargs="*", choices=TOOLKITS, default=[])
    add("--sections", nargs="+", choices=MODES, default=list(MODES))
    add("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), help="of this project")
    add("--rounds", type=int, default=3, help="0: only train the peers")
    add("--sentences", type=int, help="of the test text, evenly spread; all if left out")
    add("--single-sentences", type=int, default=200, help="of those, one at a time (200)")
    add("--training-steps", type=int, default=900, help="of the peers, of 64 sentences (900)")
    add("--cache", type=Path, default=Path("runs/peers"), help="for the peers' networks")
    add("--json", type=Path, metavar="FILE", help="every measurement")
    return parser


if __name__ == "__main__":
    main()
