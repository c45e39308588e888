"""Training speed: target tokens a second and the share of the machine's matrix-product rate.

    python -m benchmarks.training_speed [--peers] [--corpus data/multi30k_en_de] [--rounds 3]

Dimensions: embeddings of 256, a bidirectional encoder layer and a decoder layer of 512 units,
    general
attention, 8000 subwords, untied output layer, dropout 0.3, 64 sentences a batch. With --peers,
OpenNMT-py 3.5.1 trains a network of the same dimensions in turn with this one (it also feeds the
attention back into its decoder, as its users get it), and the ratio is taken round by round.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.peers.child import run_child
from benchmarks.spread import spread
from benchmarks.training_speed.own_training import OwnSpeed
from seq2seq.config.sections import SubwordConfig
from seq2seq.data.lines import read_pairs, write_lines
from seq2seq.data.subwords import train_subwords

VOCABULARY = 8000


def main() -> None:
    """Prints one line a measurement, then medians with their spread."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", action="store_true", help="beside OpenNMT-py, on one core")
    parser.add_argument("--corpus", type=Path, default=Path("data/multi30k_en_de"))
    parser.add_argument("--source", default="en", help="language of the source file")
    parser.add_argument("--target", default="de", help="language of the target file")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _prepare(arguments.corpus, arguments.source, arguments.target, folder)
        if arguments.peers:
            _beside_peers(folder, arguments.rounds)
        else:
            for threads in range(1, min(2, len(os.sched_getaffinity(0))) + 1):
                for precision in ("float32", "bfloat16"):
                    _alone(folder, threads, precision, arguments.rounds)


def _alone(folder: Path, threads: int, precision: str, rounds: int) -> None:
    speeds = [_own(folder, threads, precision) for _ in range(rounds)]
    tokens = [speed.target_tokens_per_second for speed in speeds]
    shares = [100 * speed.share for speed in speeds]
    rates = [2 * speed.machine_rate / 1e9 for speed in speeds]
    print(
        f"{threads} core{'s' if threads > 1 else ''}, {precision} products: "
        f"{spread(tokens, 0)} target tokens/s, {spread(shares, 0)} % of the float32 "
        f"matrix-product rate ({spread(rates, 0)} GFLOP/s), {speeds[0].parameters:,} parameters",
        flush=True,
    )


def _beside_peers(folder: Path, rounds: int) -> None:
    from benchmarks.peers.opennmt import measure
    from benchmarks.peers.training_speed import TrainingRun

    peer_run = TrainingRun(
        source=folder / "source.pieces",
        target=folder / "target.pieces",
        vocabulary_size=VOCABULARY,
        data_workers=0,
    )
    own: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    peer: list[float] = []
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    for number in range(rounds):
        peer.append(measure(peer_run).target_tokens_per_second)
        print(f"round {number + 1}: OpenNMT-py 3.5.1 {peer[-1]:,.0f}", end="", flush=True)
        for precision, speeds in own.items():
            speeds.append(_own(folder, 1, precision).target_tokens_per_second)
            ratio = speeds[-1] / peer[-1]
            print(f", {precision} {speeds[-1]:,.0f} ({ratio:.2f} times)", end="", flush=True)
        print(" target tokens/s", flush=True)
    print(f"OpenNMT-py 3.5.1, 1 core: {spread(peer, 0)} target tokens/s")
    for precision, speeds in own.items():
        ratios = [mine / theirs for mine, theirs in zip(speeds, peer, strict=True)]
        print(
            f"seq2seq, 1 core, {precision} products: {spread(speeds, 0)} target tokens/s, "
            f"{spread(ratios, 2)} times OpenNMT-py's"
        )


def _own(folder: Path, threads: int, precision: str) -> OwnSpeed:
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "benchmarks.training_speed.own_training",
        folder,
    ]
    command += ["--threads", str(threads), "--precision", precision]
    output = run_child(command, "this project's training")
    return OwnSpeed.from_json(output.splitlines()[-1])


def _prepare(corpus: Path, source: str, target: str, folder: Path) -> None:
    """Text, a vocabulary, and the text in its subwords, for both sides."""
    paths = corpus / f"train.{source}", corpus / f"train.{target}"
    if not all(path.is_file() for path in paths):
        sys.exit(
            f"error: {paths[0]} and {paths[1]} are needed; prepare them with "
            f"`python -m data_prep multi30k --output {corpus} --source {source} --target {target}`"
        )
    pairs = list(read_pairs(*paths))
    subwords = train_subwords(
        (line for pair in pairs for line in pair), SubwordConfig(vocabulary_size=VOCABULARY)
    )
    (folder / "subwords.model").write_bytes(subwords.model)
    for number, side in enumerate(("source", "target")):
        lines = [pair[number] for pair in pairs]
        write_lines(folder / f"{side}.txt", lines)
        pieces = (" ".join(subwords.pieces(subwords.encode(line))) for line in lines)
        write_lines(folder / f"{side}.pieces", pieces)


if __name__ == "__main__":
    main()
