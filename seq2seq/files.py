"""Files as the disk holds them: their hash, and that they are there."""

import hashlib
import os
from pathlib import Path


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's contents, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def flush_to_disk(path: Path) -> None:
    """Returns once the contents would survive a loss of power."""
    with open(path, "rb") as stream:
        os.fsync(stream.fileno())
