"""Languages of a run: BCP 47 tags, given as settings or read from the names of its files.

BCP 47 is RFC 5646, https://www.rfc-editor.org/rfc/rfc5646; lists of languages are ISO 639's.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from seq2seq.config.mistakes import printable, shown
from seq2seq.errors import ConfigError

# Language, script, region, variants, extensions, and what is private.
WELL_FORMED = re.compile(
    r"[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*"
    r"(-[A-WY-Za-wy-z0-9](-[A-Za-z0-9]{2,8})+)*(-[Xx](-[A-Za-z0-9]{1,8})+)?"
)
# ISO 639-1. File names often end in three letters that are no language (txt, tok, bpe, src), so
# three-letter codes have to be given.
TWO_LETTER_CODES = frozenset(
    """
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da
    de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz
    ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln
    lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi
    pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti
    tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
    """.split()
)
RIGHT_TO_LEFT = frozenset("ar arc ckb dv fa he ks nqo ps sd syr ug ur yi".split())
RIGHT_TO_LEFT_SCRIPTS = frozenset("adlm arab hebr nkoo rohg syrc thaa".split())
UNSPACED = frozenset("bo dz ja km lo my th yue zh".split())  # written without spaces between words


def _tag(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f'write "no" in quotes; without, YAML reads {str(value).lower()}')
    if value is not None and not (isinstance(value, str) and WELL_FORMED.fullmatch(value)):
        raise ValueError(
            f"Input should be a language tag such as de, pt-BR or zh-Hant (got {shown(value)})"
        )
    return value


LanguageTag = Annotated[str, BeforeValidator(_tag)]


@dataclass(frozen=True)
class Languages:
    """BCP 47 tags of both sides; None where nothing says which language it is."""

    source: str | None
    target: str | None


UNKNOWN = Languages(None, None)


@dataclass(frozen=True)
class LanguageTags:
    """Tags before sources that say which language is wanted, such as `<2fr>`, each a subword.

    Johnson et al. 2017, https://aclanthology.org/Q17-1024.
    """

    known: tuple[str, ...]
    """The target languages of the training text."""
    default: str
    """The one that a text without a tag is translated into."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """The tag of each language.

        >>> LanguageTags(("fr", "pt-BR"), "fr").symbols
        ('<2fr>', '<2pt-BR>')
        """
        return tuple(f"<2{language}>" for language in self.known)

    def into(self, language: str) -> "LanguageTags":
        """The same with another default.

        Raises:
            ConfigError: the training text has no such language.
        """
        if language not in self.known:
            raise ConfigError(
                f"the run was not trained to write {printable(language)}; it writes "
                f"{', '.join(self.known)}"
            )
        return replace(self, default=language)

    def part(self, text: str) -> tuple[str, str]:
        """The tag of a text, with a space, and what follows it.

        >>> tags = LanguageTags(("fr", "de"), "fr")
        >>> tags.part("A dog."), tags.part("<2de> A dog.")
        (('<2fr> ', 'A dog.'), ('<2de> ', 'A dog.'))
        """
        first, _, rest = text.lstrip().partition(" ")
        if first in self.symbols:
            return f"{first} ", rest
        return f"<2{self.default}> ", text

    def before(self, text: str) -> str:
        """A text behind its tag; a blank text stays blank.

        >>> LanguageTags(("fr", "de"), "fr").before("A dog.")
        '<2fr> A dog.'
        """
        tag, rest = self.part(text)
        return tag + rest if rest.strip() else ""


def language_of_file(path: Path) -> str | None:
    """The language that a file's name ends in, .gz apart; None if it ends in something else.

    >>> language_of_file(Path("corpus/train.pt_BR.gz")), language_of_file(Path("corpus/train.txt"))
    ('pt-BR', None)
    """
    name = path.name.removesuffix(".gz")
    tag = name.rpartition(".")[2].replace("_", "-") if "." in name else ""
    known = WELL_FORMED.fullmatch(tag) and primary(tag) in TWO_LETTER_CODES
    return tag if known else None


def primary(tag: str) -> str:
    """The language alone, in lower case.

    >>> primary("zh-Hant")
    'zh'
    """
    return tag.partition("-")[0].lower()


def is_right_to_left(tag: str) -> bool:
    """Whether a language is written from right to left; a script in its tag goes before.

    >>> is_right_to_left("fa"), is_right_to_left("az-Arab"), is_right_to_left("ku-Latn")
    (True, True, False)
    """
    scripts = [part.lower() for part in tag.split("-")[1:2] if len(part) == 4]
    if scripts:
        return scripts[0] in RIGHT_TO_LEFT_SCRIPTS
    return primary(tag) in RIGHT_TO_LEFT


def is_unspaced(tag: str) -> bool:
    """Whether a language is written without spaces between words.

    >>> is_unspaced("ja"), is_unspaced("ko")
    (True, False)
    """
    return primary(tag) in UNSPACED
