"""Files to which commands add a line of JSON after each measurement, so that they can go on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def read_json_lines(path: Path) -> Iterator[Any]:
    """What each line holds, but for one that was cut off; nothing of a file that is not there."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            pass  # the command was killed while writing


def add_json_line(path: Path, value: Any) -> None:
    """Appends a line at once, apart from one that was cut off."""
    text = path.read_bytes() if path.exists() else b""
    between = "" if not text or text.endswith(b"\n") else "\n"
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f"{between}{json.dumps(value)}\n")
