"""A long text, translated on a Ray cluster: python ray_translate.py RUN INPUT OUTPUT PARTS.

Every node has seq2seq, and a disk that all of them share has RUN, INPUT and OUTPUT. Each task
translates one of the PARTS of the lines into OUTPUT.K; a task that is lost with its node goes on
elsewhere with what it had written. OUTPUT appears when it is whole, with what one command would
have written. A part OUTPUT.K of a former call, perhaps of other lines, is refused: remove it first.
"""

import argparse
import shutil
import subprocess
from pathlib import Path

import ray

from seq2seq.files import write_atomically

PROCESSORS = 4  # of a task
MISTAKES = (1, 2)  # exit statuses of the command; starting it anew would repeat them


@ray.remote(num_cpus=PROCESSORS, max_retries=5, retry_exceptions=[RuntimeError])
def translate(run: Path, source: Path, part: Path, number: str) -> Path:
    """One part: the command, in a process of its own."""
    command = ["seq2seq", "translate", run, source, "--output", part, "--part", number, "--resume"]
    status = subprocess.run([*command, "--threads", str(PROCESSORS)]).returncode
    if status in MISTAKES:
        raise ValueError(f"part {number}: exit status {status}; the log says why")
    if status:
        raise RuntimeError(f"part {number}: exit status {status}")
    return part


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("run", "input", "output"):
        parser.add_argument(name, type=lambda path: Path(path).resolve())
    parser.add_argument("parts", type=int)
    asked = parser.parse_args()
    parts = [Path(f"{asked.output}.{number}") for number in range(1, asked.parts + 1)]
    tasks = [
        translate.remote(asked.run, asked.input, part, f"{number}/{asked.parts}")
        for number, part in enumerate(parts, 1)
    ]
    ray.get(tasks)
    with write_atomically(asked.output) as whole:
        for part in parts:
            with part.open("rb") as lines:
                shutil.copyfileobj(lines, whole)
    for part in parts:
        part.unlink()
