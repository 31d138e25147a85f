"""What is believed of a lane that is made of lanes: from its parts, until outcomes of its own are known.

A cascade costs and takes its draft, its check, and the final lane in the share of requests whose draft is not accepted.
Its quality is that of the accepted drafts and of the final lane's answers to the rest (``Cascade.quality``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.config import Lane
from router_ml.config.cascades import Cascade

Floats = NDArray[np.float64]
VERDICT_TOKENS = 8.0  # what a judge writes


@dataclass(frozen=True)
class Parts:
    """A cascade and the columns of its lanes. ``judge`` None where no lane checks."""

    cascade: Cascade
    column: int
    draft: int
    final: int
    judge: int | None

    def accepted(self, quality: Floats) -> Floats:
        """Expected share of drafts that are accepted, (n,), from the quality of all lanes, (n, L)."""
        given = self.cascade.accept
        return np.clip(quality[:, self.draft], 0, 1) if given is None else np.full(len(quality), given)

    def quality(self, values: Floats, accept: Floats) -> Floats:
        """Quality, (n,), from that of all lanes (n, L), or from one of its bounds."""
        draft, final, trust = values[:, self.draft], values[:, self.final], self.cascade.trust
        good = (1 - trust) * accept * draft + trust * np.minimum(accept, draft)
        result: Floats = good + (1 - accept) * final
        return result

    def total(self, values: Floats, check: Floats | float, accept: Floats) -> Floats:
        """Cost or latency, (n,), from those of all lanes (n, L) and of the check."""
        result: Floats = values[:, self.draft] + check + (1 - accept) * values[:, self.final]
        return result


def cascades(lanes: Mapping[str, Lane]) -> tuple[Parts, ...]:
    """The cascades among lanes, with the columns of their parts; one whose parts are not all there is left out."""
    return tuple(_parts(list(lanes), lanes))


def _parts(names: list[str], lanes: Mapping[str, Lane]) -> Iterator[Parts]:
    for column, lane in enumerate(lanes.values()):
        made_of = lane.cascade
        if made_of is not None and all(part in lanes for part in made_of.parts):
            judge = None if made_of.judge is None else names.index(made_of.judge)
            yield Parts(made_of, column, names.index(made_of.draft), names.index(made_of.final), judge)


def unknown(made: tuple[Parts, ...], lanes: Mapping[str, Lane], known: Collection[str]) -> tuple[Parts, ...]:
    """The cascades whose own outcomes nothing has been learned from."""
    names = list(lanes)
    return tuple(each for each in made if names[each.column] not in known)
