"""Four workers of one training on a Ray cluster: python ray_train.py SETTINGS.yaml RUN.

Ray Train starts the workers, tells each of the others in TF_CONFIG, and starts all anew when one is
lost. Every node needs seq2seq and the training text; RUN is written where the first worker runs, so
give a path that all nodes have, or one from which it is fetched.
"""

import subprocess
import sys

from ray import train
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.tensorflow import TensorflowTrainer

ENDS = (0, 1, 2)  # it is trained, or there is a mistake, which starting anew would repeat


def work(settings: dict) -> None:
    """One worker: the command, in a process of its own, which TF_CONFIG reaches."""
    command = ["seq2seq", "train", settings["config"], "--run", settings["run"]]
    status = subprocess.run(command).returncode
    if status not in ENDS:
        raise RuntimeError(f"exit status {status}: the run goes on from its last save")
    train.report({"status": status})


if __name__ == "__main__":
    done = TensorflowTrainer(
        work,
        train_loop_config={"config": sys.argv[1], "run": sys.argv[2]},
        scaling_config=ScalingConfig(num_workers=4, resources_per_worker={"CPU": 8}),
        run_config=RunConfig(failure_config=FailureConfig(max_failures=100)),
    ).fit()
    sys.exit(done.metrics["status"])
