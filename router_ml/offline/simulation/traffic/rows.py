"""Requests in order of arrival, in batches, each with the luck that it will have under every policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.traffic.kinds import Kinds

Floats = NDArray[np.float64]

DRAW, FAILS, SLOW, RATED, DELAY, GOOD = range(6)
"""Columns of ``Rows.luck``: which lane is drawn; whether a call fails; how long it takes; whether it is rated, when,
and how well."""
LUCK = 6


@dataclass(frozen=True)
class Rows:
    """n requests, oldest first.

    number: (n,) of each request in the run, 0, 1, 2, ...; kind: (n,) which unique request; hour: (n,) since the start;
    session: (n,) -1 for none; turn: (n,) 0 for the first; before: (n,) the number of the previous turn, -1 for none;
    held: (n,) tokens of the conversation so far that come on top of the request; luck: (n, ``LUCK``) uniform in [0, 1),
    the same for all policies.
    """

    number: NDArray[np.int64]
    kind: NDArray[np.int64]
    hour: Floats
    session: NDArray[np.int64]
    turn: NDArray[np.int64]
    before: NDArray[np.int64]
    held: NDArray[np.int64]
    luck: Floats

    def __len__(self) -> int:
        return len(self.number)

    def take(self, rows: slice | NDArray[Any]) -> Rows:
        """The chosen rows."""
        return Rows(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})


class Stream(Protocol):
    """Traffic: may be played any number of times, and is the same each time."""

    @property
    def kinds(self) -> Kinds:
        """The unique requests."""
        ...

    @property
    def start(self) -> datetime:
        """When hour 0 is."""
        ...

    @property
    def hours(self) -> float:
        """How long it goes on."""
        ...

    @property
    def requests(self) -> int:
        """How many there are."""
        ...

    def batches(self) -> Iterator[Rows]:
        """All requests in order, in batches of bounded size (at most 65,536 rows)."""
        ...
