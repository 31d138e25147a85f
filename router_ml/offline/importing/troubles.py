"""What is wrong with a row: by line and column, and never by what stands there, which may be personal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from router_ml.offline.importing.values import UnreadableError

Found = TypeVar("Found")


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a row. ``fatal``: it is left out; else only this value of it is."""

    line: int
    column: str
    expected: str
    fatal: bool

    def __str__(self) -> str:
        return f"line {self.line}, {self.column}: {self.expected}"


@dataclass
class Cautious:
    """Reads the cells of one row, and keeps what is wrong with them."""

    line: int
    troubles: list[Trouble] = field(default_factory=list)

    def tries(self, read: Callable[[], Found | None]) -> Found | None:
        """What ``read`` gives; None, and a trouble, where it cannot be read."""
        try:
            return read()
        except UnreadableError as error:
            self.troubles.append(Trouble(self.line, error.column, error.expected, fatal=False))
            return None

    def needs(self, column: str, read: Callable[[], Found | None]) -> Found | None:
        """``tries``, of what no row can do without."""
        try:
            found = read()
        except UnreadableError as error:
            column, expected = error.column, error.expected
        else:
            if found is not None:
                return found
            expected = "expected a value, found nothing"
        self.troubles.append(Trouble(self.line, column, expected, fatal=True))
        return None
