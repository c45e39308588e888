"""Words to sounds by yoyodyne: its attentive LSTM, trained for some processor time, then scored.

    python -m benchmarks.peers.yoyodyne_sounds data/cmudict --seconds 600 --output runs/yoyodyne

The network and its optimizer are those of yoyodyne's own configs/soft_attention_lstm.yaml, in
float32, and so is the clipping of configs/trainer.yaml. Of the epochs that end in time the one with
the best accuracy on val transcribes test, which is scored as `seq2seq evaluate` scores, each
pronunciation being right. One JSON line says what came out, scores with half their 95 % intervals.
"""

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.child import REPOSITORY, PeerError, run_child
from benchmarks.peers.yoyodyne_environment import YOYODYNE
from seq2seq.data.lines import read_lines, read_pairs
from seq2seq.scoring.comparison import measure

LOGS = "lightning_logs"  # a folder of CSVLogger, with one for each training
SPLITS = ("train", "val", "test")
SETTINGS = """\
seed_everything: 1
trainer:
  accelerator: cpu
  gradient_clip_val: 3
  max_epochs: 1000
  enable_progress_bar: false
  logger:
  - class_path: lightning.pytorch.loggers.CSVLogger
    init_args: {{save_dir: {folder}}}
model:
  class_path: yoyodyne.models.SoftAttentionLSTMModel
  init_args:
    source_encoder:
      class_path: yoyodyne.models.modules.LSTMEncoder
      init_args: {{dropout: 0.3, embedding_size: 300, hidden_size: 100}}
    decoder_dropout: 0.3
    decoder_hidden_size: 100
    embedding_size: 300
    optimizer:
      class_path: torch.optim.Adadelta
      init_args: {{lr: 1}}
data:
  model_dir: {folder}
  train: {folder}/train.tsv
  val: {folder}/val.tsv
  predict: {folder}/test.tsv
  target_sep: " "
  batch_size: 32
checkpoint:
  filename: "{{epoch}}-{{val_accuracy:.4f}}"
  mode: max
  monitor: val_accuracy
prediction:
  path: {folder}/predicted.txt
"""


def prepare(corpus: Path, folder: Path) -> Path:
    """Writes tables of words and sounds, and the settings, whose path is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        pairs = read_pairs(corpus / f"{split}.letters", corpus / f"{split}.sounds")
        rows = (f"{word.replace(' ', '')}\t{sounds}\n" for word, sounds in pairs)
        (folder / f"{split}.tsv").write_text("".join(rows), encoding="utf-8")
    settings = folder / "settings.yaml"
    settings.write_text(SETTINGS.format(folder=folder), encoding="utf-8")
    return settings


def fit(program: Path, settings: Path, seconds: int) -> float:
    """Trains until the processor time is used up, which is returned.

    Checkpoints of an earlier training go: the best one is to be of this.
    """
    shutil.rmtree(settings.parent / LOGS, ignore_errors=True)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with (settings.parent / "fit.log").open("wb") as log:
        command = [str(program), "fit", "--config", str(settings)]
        subprocess.run(command, cwd=REPOSITORY, stdout=log, stderr=log, preexec_fn=limit)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def best_checkpoint(folder: Path) -> Path:
    """The epoch that was best on val.

    Raises:
        PeerError: none ended in time.
    """
    found = sorted(folder.glob(f"{LOGS}/*/checkpoints/*.ckpt"))
    if not found:
        raise PeerError(f"no epoch ended in time; give more --seconds, and see {folder}/fit.log")
    return max(found, key=lambda path: float(re.findall(r"accuracy=([0-9.]+[0-9])", path.name)[0]))


def main() -> None:
    """Trains, transcribes and scores."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path, help="made by `python -m data_prep cmudict`")
    parser.add_argument("--seconds", type=int, required=True, help="of processor time, to train")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--environment", type=Path, default=REPOSITORY / ".venv-yoyodyne")
    options = parser.parse_args()
    folder = options.output.resolve()
    try:
        program = YOYODYNE.ensure(options.environment).with_name("yoyodyne")
        settings = prepare(options.corpus, folder)
        used = fit(program, settings, options.seconds)
        best = best_checkpoint(folder)
        options_of_fit = ("--config", settings, "--ckpt_path", best)
        run_child([program, "predict", *options_of_fit], "transcribing")
    except PeerError as error:
        sys.exit(f"error: {error}")
    said = list(read_lines(folder / "predicted.txt"))
    first, *others = (
        list(read_lines(path)) for path in sorted(options.corpus.glob("test.sounds*"))
    )
    found = measure(said, first, None, ("exact_match", "wer"), others)
    scores = {each.metric: [round(each.score, 2), round(each.interval, 2)] for each in found}
    print(json.dumps({"processor_seconds": round(used), "checkpoint": best.name, **scores}))


if __name__ == "__main__":
    main()
