"""Check whether a model server can serve an exported model, and that it answers as it should."""

from pathlib import Path

from seq2seq.serving.verify import verification
from seq2seq.serving.verify.report import Report


def verify(directory: Path) -> Report:
    """Makes every check of a version directory, or of a model's highest version.

    Raises:
        ExportError: there is no saved model.
    """
    return verification.verify(directory)
