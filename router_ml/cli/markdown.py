"""Markdown for people: tables, and the values of a configuration in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table."""
    yield _line(heads)
    yield _line(["---"] * len(heads))
    yield from map(_line, rows)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


def conditions(when: BaseModel) -> str:
    """What a rule or a class fires on, in words."""
    return listed(when.model_dump(exclude_none=True)) or "any"


def listed(values: Mapping[str, Any]) -> str:
    """Names with their values."""
    return "; ".join(f"{key} {spoken(value)}" for key, value in values.items())


def spoken(value: object) -> str:
    """A value as somebody would read it out."""
    if isinstance(value, tuple):
        return " or ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,g}" if isinstance(value, int | float) and value < 1e6 else str(value)
