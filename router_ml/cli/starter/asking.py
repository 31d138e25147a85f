"""Questions on a terminal: each is asked until it has an answer that can be read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import typer

from router_ml.cli.starter.answers import USERS, VENDORS
from router_ml.errors import InvalidRequestError

Answer = TypeVar("Answer")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:[.,]\d{3})+")
_YES, _NO = frozenset({"y", "yes", "true"}), frozenset({"n", "no", "false"})


def ask(question: str, read: Callable[[str], Answer], *, usual: str) -> Answer:
    """The first answer that can be read; what is wrong with the others is said, and the question asked again.

    Args:
        read: raises ``InvalidRequestError`` for an answer that is none.
        usual: taken where nothing is typed.

    Raises:
        typer.Abort: the answers end, or somebody interrupts.
    """
    while True:
        said = str(typer.prompt(question, default=usual, show_default=bool(usual))).strip()
        try:
            return read(said)
        except InvalidRequestError as error:
            typer.echo(f"  {error}")


def vendors(said: str) -> tuple[str, ...]:
    """Names of vendors, with commas or blanks between them, in any case."""
    found = tuple(dict.fromkeys(said.replace(",", " ").replace(";", " ").casefold().split()))
    if stray := [name for name in found if name not in VENDORS]:
        raise InvalidRequestError(f"Found {', '.join(stray)}, expected one or more of {', '.join(VENDORS)}.")
    return found


def users(said: str) -> str:
    """Where users are, in any case."""
    found = said.strip().casefold()
    if found not in USERS:
        raise InvalidRequestError(f"Found {said!r}, expected one of {', '.join(USERS)}.")
    return found


def agreed(said: str) -> bool:
    """Yes or no."""
    found = said.casefold()
    if found not in _YES | _NO:
        raise InvalidRequestError(f"Found {said!r}, expected yes or no.")
    return found in _YES


def quality(said: str) -> float:
    """A number between 0 and 1."""
    found = _number(said)
    if not 0 <= found <= 1:
        raise InvalidRequestError(f"Found {said!r}, expected a quality between 0 and 1, such as 0.7.")
    return found


def money(said: str) -> float:
    """USD, 0 for no limit."""
    said = said.removeprefix("$").strip()
    if _THOUSANDS.fullmatch(said):  # 1,000 is one to some and a thousand to others
        raise InvalidRequestError(f"Found {said!r}, which can be read in two ways. Write it without marks, as 1000.")
    found = _number(said)
    if not 0 <= found < float("inf"):
        raise InvalidRequestError(f"Found {said!r}, expected USD a day, such as 25, or 0 for no limit.")
    return found


def _number(said: str) -> float:
    """A number, with a point or a comma for decimals."""
    try:
        return float(said.replace(",", ".") if said.count(",") == 1 else said)
    except ValueError:
        raise InvalidRequestError(f"Found {said!r}, expected a number, such as 0.7.") from None
