"""Who takes part in the benchmark, and what each may see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts
from router_ml.errors import InvalidRequestError
from training.benchmark import paretobandit
from training.benchmark.baselines import BASELINES, FRUGAL
from training.benchmark.feedback import Feedback, Logging
from training.benchmark.lesson import CostKind, Fit
from training.benchmark.ours import fit_batch, fit_ours
from training.outcomes import Pack

Play = Callable[[Pack, Contexts, int], NDArray[np.intp]]


@dataclass(frozen=True)
class Label:
    """Which row of the table a router is. ``logging``: how the one lane per prompt was drawn, None too for a router
    that drew its own; ``cost``: what lambda is multiplied with; all None where they mean nothing."""

    name: str
    feedback: Feedback | None = None
    logging: Logging | None = None
    cost: CostKind | None = None

    @property
    def ours(self) -> bool:
        """Whether it is a row of ours, with or without one of its parts."""
        return self.name == "ours" or self.name.startswith("ours, ")


@dataclass(frozen=True)
class Contender:
    """A learner, what it may see, and which costs its lambda is tried with."""

    name: str
    fit: Fit
    feedback: Feedback = "full"
    logging: Logging | None = None
    costs: tuple[CostKind, ...] = ("predicted",)

    def label(self, cost: CostKind) -> Label:
        """Its row of the table with one kind of cost."""
        return Label(self.name, self.feedback, self.logging, cost)


@dataclass(frozen=True)
class Player:
    """A router that draws its own lanes while it learns. ``play``: training part, prompts ahead and a seed to policies
    (s, n)."""

    name: str
    play: Play

    def label(self) -> Label:
        """Its row of the table."""
        return Label(self.name, "bandit", None, "log")


Entry = Contender | Player

OURS = Label("ours", "full", None, "predicted")
SHUFFLED = Label("shuffled predictions")
ONE_OUTCOME: tuple[tuple[Feedback, Logging], ...] = tuple(product(("bandit", "prior+bandit"), ("uniform", "skewed")))
BOTH: tuple[CostKind, ...] = ("mean", "predicted")


def entries(names: Sequence[str] = ()) -> tuple[Entry, ...]:
    """Everybody who can take part here, in the order of the table.

    Args:
        names: only these; all by default.

    Raises:
        InvalidRequestError: nobody has such a name.
    """
    everybody = (*_with_everything(), *_with_one_outcome())
    known = dict.fromkeys(each.name for each in everybody)
    if unknown := [name for name in names if name not in known]:
        raise InvalidRequestError(f"There is no row {', '.join(unknown)}. Rows are: {', '.join(known)}.")
    return tuple(each for each in everybody if not names or each.name in names)


def _with_everything() -> list[Entry]:
    rows: list[Entry] = [Contender(name, fit, costs=BOTH) for name, fit in BASELINES.items()]
    if paretobandit.installed():
        rows.append(Contender("ParetoBandit", paretobandit.fit_warm, costs=(*BOTH, "log")))
    return [*rows, Contender("ours, no bandit", fit_batch), Contender("ours", fit_ours)]


def _with_one_outcome() -> list[Entry]:
    rows: list[Entry] = []
    if paretobandit.installed():
        rows.append(Player("ParetoBandit online", paretobandit.play_online))
    for feedback, logging in ONE_OUTCOME:
        rows += [Contender(name, BASELINES[name], feedback, logging, BOTH) for name in FRUGAL]
        if paretobandit.installed():
            rows.append(Contender("ParetoBandit", paretobandit.fit_warm, feedback, logging, (*BOTH, "log")))
        rows.append(Contender("ours, no bandit", fit_batch, feedback, logging))
        rows.append(Contender("ours", fit_ours, feedback, logging))
    return rows
