"""JSON as a client of a model server writes and reads it, for any text whatsoever."""

import json
from base64 import b64decode, b64encode
from typing import Any


def encode(content: Any) -> bytes:
    """JSON; text with half a surrogate pair, which UTF-8 has no bytes for, goes as {"b64": ...}."""
    try:
        return json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(_without_surrogates(content), ensure_ascii=False).encode()


def decode(answer: bytes) -> Any:
    """What JSON says, with text for {"b64": ...}; bytes that are no text give U+FFFD."""
    return json.loads(text_of(answer), object_hook=_from_b64)


def text_of(raw: bytes) -> str:
    """Text of bytes, lone surrogates too; other bytes that are no UTF-8 give U+FFFD."""
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace")


def _without_surrogates(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_surrogates(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_surrogates(each) for each in content]
    if isinstance(content, str):
        raw = content.encode("utf-8", "surrogatepass")
        return content if _is_utf8(raw) else {"b64": b64encode(raw).decode()}
    return content


def _from_b64(found: dict[str, Any]) -> Any:
    return text_of(b64decode(found["b64"])) if found.keys() == {"b64"} else found


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
