"""The languages of an exported model, which its manifest tells."""

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from seq2seq.config.languages import UNKNOWN, Languages

MANIFEST_FILE = "assets.extra/manifest.json"

_ADAPTER = TypeAdapter(Languages)


def read_languages(folder: Path) -> Languages:
    """Languages of a version; unknown if it has no manifest, or one that does not tell them."""
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_bytes())
        return _ADAPTER.validate_python(manifest["languages"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, ValidationError):
        return UNKNOWN
