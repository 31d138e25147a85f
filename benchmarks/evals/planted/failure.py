"""What a planted failure is: how it spoils what a good lane does, in which cases, and what has to be heard of it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.evals.lanes.played import Asking, Played
from benchmarks.evals.lanes.player import good

Bend = Callable[[Asking, Played, random.Random], Played | None]
"""What is played instead; None where a case gives no occasion to fail so."""
ALL, THIRD, TENTH = 1.0, 1 / 3, 0.1


@dataclass(frozen=True)
class Planted:
    """A planted failure. ``catches``: the failures of the suite that say what is wrong, any of them will do; ``share``
    of the cases with an occasion that it spoils, at least one of them."""

    name: str
    suite: str
    catches: tuple[str, ...]
    share: float
    bend: Bend
    _spoilt: dict[int, frozenset[str]] = field(default_factory=dict, repr=False, compare=False, hash=False)

    def bent(self, asking: Asking, played: Played, *, seed: int) -> Played:
        """What is played instead; the same where the case is not among those that it spoils."""
        if asking.suite.name != self.suite or asking.case.id not in self.spoilt(asking, seed=seed):
            return played
        return self.bend(asking, played, _rng(self.name, asking, seed)) or played

    def spoilt(self, of: Asking, *, seed: int) -> frozenset[str]:
        """Ids of the cases that it spoils in the suite of a case."""
        if seed not in self._spoilt:
            asked = [Asking(of.suite, case) for case in of.suite.cases if case.decided is None]
            fitting = [one.case.id for one in asked if self._fits(one, seed)]
            fitting.sort(key=lambda name: hashlib.sha256(f"{seed} {self.name} {name}".encode()).hexdigest())
            self._spoilt[seed] = frozenset(fitting[: max(1, round(self.share * len(fitting)))])
        return self._spoilt[seed]

    def _fits(self, asking: Asking, seed: int) -> bool:
        played = good(asking, seed=seed)
        bent = self.bend(asking, played, _rng(self.name, asking, seed))
        return bent is not None and bent != played


def _rng(name: str, asking: Asking, seed: int) -> random.Random:
    return random.Random(f"{seed} {name} {asking.case.id}")
