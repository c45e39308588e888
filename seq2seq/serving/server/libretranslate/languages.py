"""The languages that a server's models know: their names, and which of them a text is in."""

import threading
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from babel import Locale, UnknownLocaleError

from seq2seq.config.languages import primary

LOOKED_AT = 20_000  # characters of a text
WRITTEN_NORWEGIAN = {"nb": "no"}  # as the identifier calls it


@cache
def language_name(tag: str) -> str:
    """English name of a language; its tag where there is none.

    >>> language_name("pt-BR"), language_name("qaa")
    ('Portuguese (Brazil)', 'qaa')
    """
    try:
        return Locale.parse(tag.replace("-", "_")).get_display_name("en") or tag
    except (ValueError, UnknownLocaleError):
        return tag


def detect(texts: Sequence[str], known: Collection[str]) -> list[dict[str, Any]]:
    """The known languages as LibreTranslate tells them, the likeliest first.

    The confidence is the probability that the texts are in this language, among all that py3langid
    tells apart and not only the known ones: with a single known language, another's text gets that
    one, with a confidence of about 0. It is 0 for a language that py3langid does not know.

    Args:
        texts: in one language.
        known: tags to choose from.
    """
    text = "\n".join(texts)[:LOOKED_AT]
    with _LOADING:
        identifier = _identifier()
    ranked = dict(identifier.rank(text)) if text.strip() else {}
    found = [
        {"confidence": round(100 * ranked.get(_identified(tag), 0.0)), "language": tag}
        for tag in sorted(known)
    ]
    return sorted(found, key=lambda each: -each["confidence"])


def _identified(tag: str) -> str:
    language = primary(tag)
    return WRITTEN_NORWEGIAN.get(language, language)


_LOADING = threading.Lock()  # one thread loads it, not each that asks meanwhile


@cache
def _identifier() -> Any:
    """Is loaded when it is first needed: that takes a second, and 100 MB for a moment."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
