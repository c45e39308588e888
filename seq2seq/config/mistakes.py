"""Mistakes in settings as one line of bounded length, whatever the settings hold."""

import dataclasses
import difflib
import reprlib
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import ValidationError

LISTED = 20  # mistakes in a message
LONGEST_VALUE = 80  # characters

_REPR = reprlib.Repr()  # never walks all of a value: nested aliases of YAML can stand for millions
_REPR.maxlevel, _REPR.maxdict, _REPR.maxlist, _REPR.maxstring = 2, 3, 4, LONGEST_VALUE


def explain(error: ValidationError, sections: type) -> str:
    """All mistakes in one line: of each the setting, the value, and what is allowed.

    Args:
        error: of pydantic.
        sections: the dataclass of the settings, whose names are proposed in place of unknown ones.
    """
    mistakes = error.errors(include_url=False, include_context=False)
    listed = [_describe(mistake, sections) for mistake in mistakes[:LISTED]]
    if more := len(mistakes[LISTED:]):
        listed.append(f"and {more:,} more mistake{'s' if more > 1 else ''}")
    return "; ".join(listed)


def shown(value: Any) -> str:
    """A value as Python writes it, cut where it is long.

    >>> shown(list(range(1000)))
    '[0, 1, 2, 3, ...]'
    """
    try:
        text = _REPR.repr(value)
    except ValueError:  # a number with more digits than Python prints
        text = f"a number of {value.bit_length()} bits" if isinstance(value, int) else "a number"
    return _cut(text)


def printable(text: str) -> str:
    """A text for a message: as it is if it can be printed in one line, cut where it is long."""
    cut = _cut(text)
    return cut if cut.isprintable() else repr(cut)


def _describe(mistake: Any, sections: type) -> str:
    place = [str(part) for part in mistake["loc"]]
    name = printable(".".join(place))
    if mistake["type"] == "unexpected_keyword_argument":
        nearest = _nearest(place, sections)
        return f"{name}: Unexpected setting (got {shown(mistake['input'])}){nearest}"
    if mistake["type"] in ("missing", "missing_argument"):
        if len(place) == 1:
            return f"{name}: Missing section; add it to the file"
        if any(part.isdigit() for part in place):  # in a list, which is given as a whole
            return f"{name}: Missing; add it"
        return f"{name}: Missing; add it to the file or pass --set {name}=VALUE"
    if mistake["type"] == "value_error":  # a section's own check, which says the values itself
        said = mistake["msg"].removeprefix("Value error, ")
        return f"{name}: {said}" if name else said  # of several sections: it names them
    return f"{name}: {mistake['msg']} (got {shown(mistake['input'])})"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def _nearest(place: list[str], sections: type) -> str:
    known: type = sections
    for part in (each for each in place[:-1] if not each.isdigit()):
        known = get_type_hints(known)[part]
        if get_origin(known) is tuple:
            known = get_args(known)[0]
    names = [field.name for field in dataclasses.fields(known)]  # type: ignore[arg-type]
    near = difflib.get_close_matches(place[-1][:LONGEST_VALUE], names, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else f"; valid names: {', '.join(names)}"
