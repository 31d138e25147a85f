"""What a class of values is: how one is made, what people call it, and how it may be rewritten."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Shape = Literal["digits", "code", "date", "email", "net", "words", "password", "token", "url", "block"]
Risk = Literal["pii", "secrets"]
Make = Callable[[random.Random], str]

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
URLSAFE = ALNUM + "-_"


@dataclass(frozen=True)
class Kind:
    """A class of values.

    Attributes:
        name: of the class, as in the tables.
        risk: what a scan has to report.
        family: which carriers fit (``finance``, ``contact``, ``government``, ...).
        shape: what a value looks like; techniques apply to shapes.
        make: a new value from a random generator.
        labels: what people call it, by language.
        soft: not a finding by itself, so reported apart (a name alone).
    """

    name: str
    risk: Risk
    family: str
    shape: Shape
    make: Make
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    soft: bool = False


def pick(rng: random.Random, characters: str, count: int) -> str:
    """So many random characters."""
    return "".join(rng.choices(characters, k=count))


def digits(rng: random.Random, count: int) -> str:
    """So many random digits."""
    return pick(rng, string.digits, count)


def fill(rng: random.Random, pattern: str) -> str:
    """``#`` becomes a digit, ``@`` an upper-case letter, ``*`` either; the rest stays."""
    pools = {"#": string.digits, "@": string.ascii_uppercase, "*": string.ascii_uppercase + string.digits}
    return "".join(rng.choice(pools[sign]) if sign in pools else sign for sign in pattern)


def until(make: Callable[[], str], valid: Callable[[str], bool], *, tries: int = 20_000) -> str:
    """The first made value that is valid.

    Raises:
        ValueError: none was, so the recipe is wrong.
    """
    for _ in range(tries):
        value = make()
        if valid(value):
            return value
    raise ValueError(f"None of {tries} values was valid. Mend the recipe of this class.")


def grouped(value: str, sizes: Iterable[int], separator: str) -> str:
    """The value cut into groups of these sizes; what is left over is the last group."""
    parts, at = [], 0
    for size in sizes:
        parts.append(value[at : at + size])
        at += size
    return separator.join(part for part in (*parts, value[at:]) if part)
