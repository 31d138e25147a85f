"""What pictures share: the drawing itself, and colours that go with a name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from markupsafe import Markup

COLOURS = 8


def drawing(width: float, height: float, parts: Iterable[str], *, name: str, kind: str = "chart") -> Markup:
    """A picture that scales with its place; ``name`` says what it shows to whoever cannot see it."""
    inside = "".join(parts)
    return Markup(
        f'<svg class="{kind}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(name)}">{inside}</svg>'
    )


def colours(names: Sequence[str]) -> dict[str, str]:
    """A class for each name, by its place; those that come after the last colour share it.

    >>> colours(["fast", "private"])
    {'fast': 'c0', 'private': 'c1'}
    """
    return {name: f"c{min(index, COLOURS - 1)}" for index, name in enumerate(names)}
