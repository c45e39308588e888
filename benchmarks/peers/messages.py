"""How the project's process asks a peer's: a command line there, a line of JSON back.

Both sides import this file, the project's process and the peer's, so it needs nothing but Python.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any, TypeVar, cast

AnyRequest = TypeVar("AnyRequest", bound="Request")
AnyAnswer = TypeVar("AnyAnswer", bound="Answer")


class Request:
    """A dataclass of numbers, texts and paths that travels as a command line."""

    def to_arguments(self) -> list[str]:
        """The command line that `from_arguments` reads back."""
        return [
            part
            for name, value in vars(self).items()
            for part in ("--" + name.replace("_", "-"), str(value))
        ]

    @classmethod
    def from_arguments(
        cls: type[AnyRequest], description: str | None, arguments: Sequence[str] | None = None
    ) -> AnyRequest:
        """Reads a request from a command line, by default that of this process."""
        parser = argparse.ArgumentParser(description=description)
        for field in fields(cast(Any, cls)):
            flag = "--" + field.name.replace("_", "-")
            if field.default is MISSING:
                parser.add_argument(flag, type=field.type, required=True, help="required")
            else:
                text = f"default: {field.default}"
                parser.add_argument(flag, type=field.type, default=field.default, help=text)
        return cls(**vars(parser.parse_args(arguments)))


class Answer:
    """A dataclass of numbers and texts that travels as one line of JSON."""

    def to_json(self) -> str:
        """One line that `from_json` reads back."""
        return json.dumps(vars(self))

    @classmethod
    def from_json(cls: type[AnyAnswer], line: str) -> AnyAnswer:
        """Reads what `to_json` wrote; any other text raises ValueError or TypeError."""
        return cls(**json.loads(line))
