"""What a technique is, and two ways to make one: of a value, or of a whole request."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from router_ml.contract import RouteRequest
from training.redteam.carriers import Case
from training.redteam.kinds import Kind, Shape

Family = Literal["unicode", "encoding", "other"]
Rewrite = Callable[[str, random.Random], str]


def shapes(*names: Shape) -> frozenset[Shape]:
    """These shapes, as a set."""
    return frozenset(names)


ALL: frozenset[Shape] = frozenset(
    ("digits", "code", "date", "email", "net", "words", "password", "token", "url", "block")
)
INLINE: frozenset[Shape] = ALL - shapes("block")
NUMBERS: frozenset[Shape] = shapes("digits", "code", "date", "net")
LETTERS: frozenset[Shape] = shapes("email", "words", "password", "token", "url")
SHORT: frozenset[Shape] = shapes("digits", "code", "date", "email", "net")


@dataclass(frozen=True)
class Technique:
    """A way to hide a value that a reader, or the model behind the router, can still undo.

    Attributes:
        name: in the tables.
        family: ``unicode``, ``encoding`` or ``other``.
        shapes: of the values that it applies to.
        apply: the request that carries the hidden value.
        whole: it rewrites the whole request, not the value alone.
    """

    name: str
    family: Family
    shapes: frozenset[Shape]
    apply: Callable[[Case, random.Random], RouteRequest]
    whole: bool = False

    def fits(self, kind: Kind) -> bool:
        """Whether a value of this kind could still be restored."""
        return kind.shape in self.shapes


def hide(technique: Technique, case: Case, rng: random.Random) -> RouteRequest | None:
    """The request with the value hidden; None if the value has nothing that the technique changes."""
    request = technique.apply(case, rng)
    return None if request == case.request() else request


def of_value(name: str, family: Family, shapes: frozenset[Shape], rewrite: Rewrite) -> Technique:
    """The value is rewritten, the words around it stay."""
    return Technique(name, family, shapes, lambda case, rng: case.request(rewrite(case.value, rng)))


def of_text(name: str, family: Family, shapes: frozenset[Shape], rewrite: Rewrite) -> Technique:
    """The whole request is rewritten."""
    return Technique(name, family, shapes, lambda case, rng: RouteRequest(text=rewrite(case.text(), rng)), whole=True)
