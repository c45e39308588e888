"""Parts of a file by lines: what several machines share out, and `cat` puts together again."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """The `number`th of `of` parts, from 1, which differ by a line at most."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Part":
        """The part that is written K/N.

        >>> Part.parse("2/3").lines(10)
        range(3, 6)

        Raises:
            ValueError: it is not written so, or there is no such part.
        """
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        number, of = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= of:
            raise ValueError(f"a part is written K/N, e.g. 2/8 for the second of 8 (got {text!r})")
        return cls(number, of)

    def lines(self, count: int) -> range:
        """Its lines, from 0, of a file that has so many."""
        return range(count * (self.number - 1) // self.of, count * self.number // self.of)
