"""What quality costs: each policy beside the bounds that say how much of it is knowledge."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.counting.results import Curve, Result
from router_ml.offline.simulation.page.charts import words
from router_ml.offline.simulation.page.charts.canvas import Anchor, Scale, around, clip, dot, line, path, text, width_of
from router_ml.offline.simulation.page.charts.frame import WIDTH, levels

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]  # left, top, right, bottom

HEIGHT = 430.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, WIDTH - 20.0, 14.0, HEIGHT - 46.0
DENSE = 120
LONGEST = 220.0  # name
FEW = 20  # policies, all of which are named somehow
CURVES = {"oracle": ("oracle: knows every outcome", "c-oracle"), "hull": ("fixed lanes, mixed", "c-hull")}
CURVES |= {"shuffled": ("shuffled: same choices, no knowledge", "c-shuffled")}
NEAR: tuple[tuple[float, float, Anchor], ...] = (
    (9, 4, "start"), (-9, 4, "end"), (7, -8, "start"), (7, 17, "start"), (-7, -8, "end"), (-7, 17, "end"),
    (0, -12, "middle"), (0, 22, "middle"),
)  # fmt: skip
FAR: tuple[tuple[float, float, Anchor], ...] = (
    (24, -20, "start"), (24, 30, "start"), (-24, -20, "end"), (-24, 30, "end"), (44, -34, "start"), (44, 44, "start"),
    (-44, -34, "end"), (-44, 44, "end"),
)  # fmt: skip
"""Where a name may stand beside its dot; a line leads to those that are far."""


@dataclass(frozen=True)
class Mark:
    """A policy in the plot. ``look``: how its dot is drawn; ``weight``: who is named first where room is short."""

    result: Result
    colour: str
    look: str
    weight: int

    @property
    def usd(self) -> float:
        """USD per 1,000 requests due."""
        return 1000 * self.result.cost.value


def cost_quality(marks: Sequence[Mark], curves: Mapping[str, Curve]) -> Iterator[str]:
    """USD per 1,000 requests (by ratio) and mean quality, with 95% intervals."""
    shown = [mark for mark in marks if mark.usd > 0 and math.isfinite(mark.usd + mark.result.quality.value)]
    x, y = _scales(shown, curves)
    yield from levels(y, LEFT, RIGHT, [(value, words.points(value, 2)) for value in y.ticks(6)])
    for value in x.ticks():
        yield line(x.at(value), TOP, x.at(value), BOTTOM)
        yield text(x.at(value), BOTTOM + 17, words.mark(value), kind="s", anchor="middle")
    yield text(
        (LEFT + RIGHT) / 2, HEIGHT - 8, "USD per 1,000 requests (each step is a ratio)", kind="s", anchor="middle"
    )
    yield text(LEFT + 6, TOP + 10, "mean quality of what was answered", kind="s")
    taken = [(LEFT, TOP - 4, LEFT + 230, TOP + 16)]
    lines = {name: _dense(curve, x, y) for name, curve in curves.items() if name in CURVES}
    for name, (right, down) in lines.items():
        yield path(right, down, kind=CURVES[name][1], told=CURVES[name][0])
    for mark in shown:
        yield from _crosshair(mark, x, y)
    for mark in sorted(shown, key=lambda mark: mark.weight):
        yield _dot(mark, x.at(mark.usd), y.at(mark.result.quality.value))
    along = [
        (px - 2, py - 2, px + 2, py + 2)
        for right, down in lines.values()
        for px, py in zip(right[::3].tolist(), down[::3].tolist(), strict=True)
    ]
    along += [box for mark in shown for box in _bars(mark, x, y)]
    yield from _names(shown, x, y, along, taken)
    taken.extend(along)
    for name, (right, down) in lines.items():
        yield from _named(CURVES[name][0], right, down, taken)


def left_out(marks: Sequence[Mark]) -> list[str]:
    """Policies that have no place in the plot: nothing spent, or nothing answered."""
    return [mark.result.policy for mark in marks if not (mark.usd > 0 and math.isfinite(mark.result.quality.value))]


def _scales(marks: Sequence[Mark], curves: Mapping[str, Curve]) -> tuple[Scale, Scale]:
    drawn = [curve for name, curve in curves.items() if name in CURVES]
    cost = [mark.usd for mark in marks] + [1000 * float(value) for curve in drawn for value in curve.cost_usd]
    quality = [value for mark in marks for value in (mark.result.quality.low, mark.result.quality.high)]
    quality += [mark.result.quality.value for mark in marks] + [float(v) for curve in drawn for v in curve.quality]
    low, high = around(cost, at_least=10.0, margin=0.09, log=True)
    bottom, top = around(quality, at_least=0.05, margin=0.08)
    return Scale(low, high, LEFT, RIGHT, log=True), Scale(bottom, top, BOTTOM, TOP)


def _dense(curve: Curve, x: Scale, y: Scale) -> tuple[Floats, Floats]:
    """Places along a curve. Between its points lie their mixtures: straight in USD, bent where steps are ratios."""
    there = np.isfinite(curve.cost_usd) & np.isfinite(curve.quality) & (curve.cost_usd > 0)
    order = np.argsort(curve.cost_usd[there], kind="stable")
    cost, quality = curve.cost_usd[there][order], curve.quality[there][order]
    if not len(cost):
        return np.empty(0), np.empty(0)
    dense = np.unique(np.concatenate([cost, np.geomspace(cost[0], cost[-1], DENSE)]))
    dense = dense[(dense >= cost[0]) & (dense <= cost[-1])]
    return x(1000 * dense), y(np.interp(dense, cost, quality))


def _named(said: str, right: Floats, down: Floats, taken: list[Box]) -> Iterator[str]:
    """The name of a curve, where along it there is room."""
    for part in (0.5, 0.35, 0.65, 0.2, 0.8, 0.08, 0.92):
        if not len(right):
            return
        at = int(part * (len(right) - 1))
        found = _place(float(right[at]), float(down[at]), said, taken)
        if found is not None:
            taken.append(found[0])
            yield text(found[1], found[2], said, kind="s", anchor=found[3])
            return


def _crosshair(mark: Mark, x: Scale, y: Scale) -> Iterator[str]:
    look = f' style="stroke:{mark.colour}"' if mark.colour else ""
    for left, top, right, bottom in _bars(mark, x, y):
        yield line(left, top, right, bottom, kind="bar", more=look)


def _bars(mark: Mark, x: Scale, y: Scale) -> Iterator[Box]:
    """Its intervals, as far as they are known: lines as boxes."""
    quality, cost = mark.result.quality, mark.result.cost
    place, across = x.at(mark.usd), y.at(quality.value)
    if math.isfinite(quality.low + quality.high):
        yield place, y.at(quality.high), place, y.at(quality.low)
    if math.isfinite(cost.low + cost.high) and cost.low > 0:
        yield x.at(1000 * cost.low), across, x.at(1000 * cost.high), across


def _dot(mark: Mark, x: float, y: float) -> str:
    quality = mark.result.quality
    told = (
        f"{mark.result.policy}: {words.usd(mark.usd)} per 1,000, quality {words.points(quality.value)} "
        f"[{words.points(quality.low)}, {words.points(quality.high)}]"
    )
    return dot(x, y, 7.5 if mark.look == "first" else 5.5, fill=mark.colour, kind=mark.look, told=told)


def _names(marks: Sequence[Mark], x: Scale, y: Scale, curves: Sequence[Box], taken: list[Box]) -> Iterator[str]:
    """Names beside the dots, the most important first; those without room are told when pointed at, and in tables."""
    places = {mark.result.policy: (x.at(mark.usd), y.at(mark.result.quality.value)) for mark in marks}
    taken.extend((px - 6, py - 6, px + 6, py + 6) for px, py in places.values())
    for mark in sorted(marks, key=lambda mark: -mark.weight):
        px, py = places[mark.result.policy]
        name = clip(mark.result.policy, LONGEST)
        tries = ((NEAR, [*taken, *curves]), (NEAR, taken), (FAR if mark.weight > 1 or len(marks) <= FEW else (), taken))
        found = next((found for sides, others in tries if (found := _place(px, py, name, others, sides))), None)
        if found is None:
            continue
        box, right, down, anchor = found
        taken.append(box)
        if abs(right - px) > 20:
            yield line(px, py, right + (-3 if right > px else 3), down - 4, kind="lead")
        yield text(right, down, name, kind="h halo" if mark.weight > 2 else "halo", anchor=anchor)


def _place(
    px: float, py: float, name: str, taken: Sequence[Box], sides: Sequence[tuple[float, float, Anchor]] = NEAR
) -> tuple[Box, float, float, Anchor] | None:
    """The first side of a point on which a name covers nothing and stays inside: its box, place and anchor."""
    wide = width_of(name)
    for dx, dy, anchor in sides:
        left = px + dx - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
        box = (left - 2, py + dy - 11, left + wide + 2, py + dy + 4)
        inside = box[0] >= LEFT and box[2] <= RIGHT + 16 and box[1] >= TOP - 8 and box[3] <= BOTTOM
        if inside and not any(_overlap(box, other) for other in taken):
            return box, px + dx, py + dy, anchor
    return None


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
