"""What tables of trained variants keep: a result beside the question that it answers."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.quality.ablation_variant import Result


def known_result(record: Path, asked: dict[str, Any]) -> Result | None:
    """What was measured before, if it answers the same question.

    Args:
        record: a file of `keep_result`, which may be missing.
        asked: all that the result depends on.
    """
    if not record.exists():
        return None
    known = json.loads(record.read_text())
    return Result(**known["result"]) if known["asked"] == asked else None


def keep_result(record: Path, asked: dict[str, Any], result: Result) -> None:
    """Writes a result and its question."""
    record.write_text(json.dumps({"asked": asked, "result": asdict(result)}, indent=1))


def run_variant(config: Path, run: Path, *options: str) -> Result:
    """Measures in a process of its own: see `ablation_variant`.

    Args:
        config: settings file.
        run: the folder to train in, or that is trained.
        options: of the command.

    Raises:
        subprocess.CalledProcessError: the process failed.
    """
    command = [sys.executable, "-m", "benchmarks.quality.ablation_variant", str(config), str(run)]
    done = subprocess.run([*command, *options], check=True, stdout=subprocess.PIPE, text=True)
    return Result(**json.loads(done.stdout.splitlines()[-1]))
