"""A long text, translated on a Ray cluster: python ray_translate.py RUN INPUT OUTPUT PARTS.

Every node has seq2seq, and a disk that all of them share has RUN, INPUT and OUTPUT. Each task
translates one of the PARTS of the lines into OUTPUT.K; a task that is lost with its node goes on
elsewhere with what it had written. At the end OUTPUT has what one command would have written.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import ray

PROCESSORS = 4  # of a task


@ray.remote(num_cpus=PROCESSORS, max_retries=5, retry_exceptions=[subprocess.CalledProcessError])
def translate(run: Path, source: Path, part: Path, number: str) -> Path:
    """One part: the command, in a process of its own."""
    command = ["seq2seq", "translate", run, source, "--output", part, "--part", number, "--resume"]
    subprocess.run([*command, "--threads", str(PROCESSORS)], check=True)
    return part


if __name__ == "__main__":
    run, source, output = (Path(each).resolve() for each in sys.argv[1:4])
    count = int(sys.argv[4])
    parts = [Path(f"{output}.{number}") for number in range(1, count + 1)]
    tasks = [
        translate.remote(run, source, part, f"{number}/{count}")
        for number, part in enumerate(parts, 1)
    ]
    with output.open("wb") as whole:
        for part in ray.get(tasks):
            shutil.copyfileobj(part.open("rb"), whole)
    for part in parts:
        part.unlink()
