"""The smallest change that would have moved a decision elsewhere, of each kind. From the record alone.

A floor, what a dollar has to buy, and the price of a lane are numbers: the same selection is run with other values, and
the same draw, until another lane is taken; between the last value that changes nothing and the first that does the
threshold is found by bisection. A floor enters only by comparisons, so its thresholds are bounds of estimates. A rule
or a lane is there or not: ``nearest_rules``. Each change is verified by running the selection once more with the
number as it is printed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import permutations

from router_ml.contract import Estimate, RouteDecision
from router_ml.counterfactual.nearest_rules import Change, by_rules, not_recorded
from router_ml.counterfactual.taken import taken

__all__ = ["Change", "Nearest", "nearest_changes"]

NOT_AGAIN = "The record does not give the lane that was taken, so no number can be varied."
USUAL = "The usual lane of such requests is taken as it was; another floor, lambda or price may have another one."
LARGEST = 1000.0  # times a price or a lambda: what needs more is no small change
_STEPS = tuple(10 ** (power / 8) for power in range(-24, 25))  # relative, .001 to 1000
_BESIDE = 1e-9  # relative: just past a value at which two lanes are worth the same
_HALVINGS = 60
_TINY = 1e-290
_ROUNDED = 0.1  # of the change: how much farther a short number may go than the threshold

Moves = Callable[[float], str | None]


@dataclass(frozen=True)
class Nearest:
    """The smallest change of each kind, the smallest of all first; ``notes`` say what the record does not allow to
    know."""

    decision_id: str
    lane: str | None
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()

    @property
    def smallest(self) -> Change | None:
        """The smallest of all; None where nothing was found."""
        return self.changes[0] if self.changes else None

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """The smallest change, the others, and the notes."""
        first, *others = self.changes or (None,)
        if first is None:
            yield "No single change that the record knows of would have moved it elsewhere."
        else:
            yield f"Smallest change that would have moved it elsewhere: {first}."
        if others:
            yield f"Also: {'; '.join(map(str, others))}."
        yield from self.notes


def nearest_changes(decision: RouteDecision) -> Nearest:
    """What would have moved a decision elsewhere, the smallest change of each kind.

    Numbers are compared by how far they move for their size; a whole rule or lane that is taken away counts as 1.
    """
    found, notes = list(by_rules(decision)), list[str]()
    if decision.lane is not None:
        if taken(decision) == decision.lane:
            numbers = (_floor(decision), _rate(decision), _price(decision))
            found += [change for change in numbers if change is not None]
            notes += [USUAL] * (decision.state.selection.incumbent is not None)
        else:
            notes.append(NOT_AGAIN)
    if decision.explored and decision.lane is not None:
        share = decision.propensities.get(decision.lane, 0.0)
        notes.append(f"It was drawn to learn about {decision.lane}, with p {share:.3f}: most draws take another lane.")
    notes += not_recorded(decision)
    kinds: dict[str, Change] = {}
    for change in sorted(found, key=lambda change: change.size):
        kinds.setdefault(change.kind, change)
    return Nearest(decision.decision_id, decision.lane, tuple(kinds.values()), tuple(notes))


def _floor(decision: RouteDecision) -> Change | None:
    """Between two bounds of estimates nothing changes: at a bound going down, just above it going up."""
    here = decision.floor
    known = _usable(decision).values()
    bounds = sorted({v for e in known for v in (e.quality_low, e.quality, e.quality_high)} | {0.0})

    def moves(floor: float) -> str | None:
        lane = taken(decision, floor=floor)
        return None if lane == decision.lane else lane

    up = [math.nextafter(bound, math.inf) for bound in bounds if here <= bound < 1]
    down = [bound for bound in reversed(bounds) if bound < here]
    firsts = (next((floor for floor in side if moves(floor)), None) for side in (up, down))
    changes = (_change("floor", here, first, moves, "floor {here} -> {there}") for first in firsts if first is not None)
    return min(changes, key=lambda change: change.size, default=None)


def _rate(decision: RouteDecision) -> Change | None:
    here, estimates = decision.quality_per_usd, _usable(decision)

    def moves(rate: float) -> str | None:
        lane = taken(decision, quality_per_usd=rate)
        return None if lane == decision.lane else lane

    gaps = (
        (gain, estimates[a].cost_usd - estimates[b].cost_usd)
        for a, b in permutations(estimates, 2)
        for gain in _gains(estimates[a], estimates[b], decision)
    )
    even = [gain / more for gain, more in gaps if more]
    return _nearer(here, even, moves, "quality_per_usd", "quality_per_usd {here} -> {there}")


def _price(decision: RouteDecision) -> Change | None:
    """Of each lane, dearer and cheaper; the cost that was estimated for the request goes with it."""
    estimates, rate = _usable(decision), decision.quality_per_usd
    found = []
    for lane, own in estimates.items():
        if own.cost_usd <= 0:
            continue

        def moves(times: float, lane: str = lane, cost: float = own.cost_usd) -> str | None:
            there = taken(decision, costs={lane: cost * times})
            return None if there == decision.lane else there

        others = [other for name, other in estimates.items() if name != lane]
        even = [other.cost_usd / own.cost_usd for other in others]
        if rate > 0:
            gains = ((gain, other) for other in others for gain in _gains(own, other, decision))
            even += [(gain + rate * other.cost_usd) / (rate * own.cost_usd) for gain, other in gains]
        change = _nearer(1.0, even, moves, "price", f"price of {lane} {{percent}}")
        found += [replace(change, of=lane)] if change is not None else []
    return min(found, key=lambda change: change.size, default=None)


def _usable(decision: RouteDecision) -> Mapping[str, Estimate]:
    return {lane: found for lane, found in decision.estimates.items() if lane in decision.eligible}


def _gains(a: Estimate, b: Estimate, decision: RouteDecision) -> Iterable[float]:
    """By how much one lane is better than another, as selection may count it."""
    margin = decision.state.selection.margin
    for gain in (a.quality - b.quality, a.quality_low - b.quality_low):
        yield from {gain, gain + margin, gain - margin}


def _nearer(here: float, even: Iterable[float], moves: Moves, kind: str, said: str) -> Change | None:
    """The nearest value up or down that moves it; looked for along steps, and beside the values in ``even``."""
    beside = [value * (1 + sign * _BESIDE) for value in even for sign in (-1, 1)]
    scale = here or 1.0
    up = [here + scale * step for step in _STEPS] + [value for value in beside if here < value <= scale * LARGEST]
    down = [here - scale * step for step in _STEPS if step < 1] + [value for value in beside if 0 <= value < here]
    sides = (sorted(up), [*sorted(down, reverse=True), 0.0] if here > 0 else [])
    firsts = (_threshold(here, side, moves) for side in sides)
    changes = (_change(kind, here, first, moves, said) for first in firsts if first is not None)
    return min(changes, key=lambda change: change.size, default=None)


def _threshold(here: float, values: Iterable[float], moves: Moves) -> float | None:
    """The first value that moves it, on the way through these."""
    same = here
    for value in values:
        if moves(value) is None:
            same = value
            continue
        for _ in range(_HALVINGS):
            middle = (same + value) / 2
            if middle in (same, value):
                break
            same, value = (same, middle) if moves(middle) else (middle, value)  # noqa: PLW2901
        return value
    return None


def _change(kind: str, here: float, exact: float, moves: Moves, said: str) -> Change:
    there = _short(here, exact, moves)
    size = abs(there - here) / here if here > 0 else math.inf if kind != "floor" else there
    percent = f"{(there - here) * 100:+.3g}%"
    asked = said.format(here=f"{here:.4g}", there=f"{there:.15g}", percent=percent)
    return Change(kind, asked, moves(there), size, before=here, after=there)


def _short(here: float, exact: float, moves: Moves) -> float:
    """The shortest decimal number past a threshold that moves it as well, and is not much farther away."""
    if 0 < exact < _TINY:  # its scale would be no number
        return exact
    away = math.ceil if exact > here else math.floor
    for digits in range(16):
        scale = 10.0 ** (digits - (math.floor(math.log10(exact)) if exact > 0 else 0))
        value = away(exact * scale) / scale
        if abs(value - exact) <= _ROUNDED * abs(exact - here) and moves(value):
            return value
    return exact
