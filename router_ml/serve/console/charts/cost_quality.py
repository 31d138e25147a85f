"""What each lane costs and how good it is thought to be, for one decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from markupsafe import Markup

from router_ml.contract import Estimate, RouteDecision
from router_ml.offline.simulation.page.charts.canvas import Anchor, Scale, around, dot, line, path, text, width_of
from router_ml.serve.console.charts.frame import drawing
from router_ml.serve.console.words import money, percent

WIDTH, HEIGHT = 760.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, WIDTH - 16.0, 16.0, HEIGHT - 44.0
CHEAPEST = 1e-7  # USD, of a lane that costs nothing: a scale of ratios has no zero
Box = tuple[float, float, float, float]  # left, top, right, bottom
SIDES: tuple[tuple[float, float, Anchor], ...] = (
    (10, 4, "start"), (-10, 4, "end"), (9, -10, "start"), (9, 18, "start"), (-9, -10, "end"), (-9, 18, "end"),
    (10, -26, "start"), (10, 34, "start"), (-10, -26, "end"), (-10, 34, "end"),
)  # fmt: skip


def cost_quality(decision: RouteDecision) -> Markup | None:
    """Lanes by expected cost (by ratio) and quality with its 90% interval, the floor, and what is worth as much as the
    lane that was taken. None where nothing was estimated."""
    known = decision.estimates
    if not known:
        return None
    x, y = _scales(known, decision.floor)
    parts = [*_axes(x, y), *_floor(decision.floor, y), *_worth(decision, x, y)]
    order = sorted(known, key=lambda lane: (lane == decision.lane, lane in decision.eligible))
    for lane in order:
        parts += _lane(decision, lane, x, y)
    parts += _names(decision, list(reversed(order)), x, y)
    return drawing(WIDTH, HEIGHT, parts, name=_said(decision))


def _scales(known: Mapping[str, Estimate], floor: float) -> tuple[Scale, Scale]:
    low, high = around([max(e.cost_usd, CHEAPEST) for e in known.values()], at_least=10.0, margin=0.12, log=True)
    bounds = [floor, *(e.quality_low for e in known.values()), *(e.quality_high for e in known.values())]
    bottom, top = around(bounds, at_least=0.2, margin=0.05)
    return Scale(low, high, LEFT, RIGHT, log=True), Scale(max(bottom, 0.0), min(top, 1.02), BOTTOM, TOP)


def _axes(x: Scale, y: Scale) -> Iterator[str]:
    for value in y.ticks(5):
        yield line(LEFT, y.at(value), RIGHT, y.at(value), kind="grid")
        yield text(LEFT - 8, y.at(value) + 4, f"{value:.2f}".rstrip("0").rstrip("."), kind="tick", anchor="end")
    for value in x.ticks():
        yield text(x.at(value), BOTTOM + 18, money(value), kind="tick", anchor="middle")
    yield line(LEFT, BOTTOM, RIGHT, BOTTOM, kind="axis")
    yield text(RIGHT, HEIGHT - 6, "expected cost of this request, each step a ratio", kind="axis-name", anchor="end")
    yield text(LEFT + 6, TOP + 4, "expected quality", kind="axis-name")


def _floor(floor: float, y: Scale) -> Iterator[str]:
    yield line(LEFT, y.at(floor), RIGHT, y.at(floor), kind="floor")
    yield text(RIGHT - 4, y.at(floor) - 6, f"floor {floor:.2f}", kind="floor-name", anchor="end")


def _worth(decision: RouteDecision, x: Scale, y: Scale) -> Iterator[str]:
    """Points that are worth as much as the lane that was taken: quality less lambda times cost is the same."""
    taken = decision.estimates.get(decision.lane) if decision.lane is not None else None
    if taken is None or decision.quality_per_usd <= 0:
        return
    worth = taken.quality - decision.quality_per_usd * taken.cost_usd
    across, up = [], []
    for step in range(121):
        usd = x.low * (x.high / x.low) ** (step / 120)
        quality = worth + decision.quality_per_usd * usd
        if y.low <= quality <= y.high:
            across.append(x.at(usd))
            up.append(y.at(quality))
    if len(across) > 1:
        yield path(across, up, kind="worth")


def _lane(decision: RouteDecision, lane: str, x: Scale, y: Scale) -> Iterator[str]:
    known = decision.estimates[lane]
    look = "taken" if lane == decision.lane else "eligible" if lane in decision.eligible else "out"
    across, up = x.at(max(known.cost_usd, CHEAPEST)), y.at(known.quality)
    low, high = y.at(max(known.quality_low, y.low)), y.at(min(known.quality_high, y.high))
    told = (
        f"{lane}: quality {known.quality:.2f}, 90% interval {known.quality_low:.2f} to {known.quality_high:.2f}; "
        f"{money(known.cost_usd)}"
    )
    yield line(across, low, across, high, kind=f"range {look}")
    if look == "taken":
        yield dot(across, up, 10, kind="halo")
    yield dot(across, up, 6 if look == "taken" else 5, kind=f"lane {look}", told=told)


def _names(decision: RouteDecision, order: list[str], x: Scale, y: Scale) -> Iterator[str]:
    """The name of each lane where there is room beside it, that of the taken one first."""
    places = {
        lane: (x.at(max(known.cost_usd, CHEAPEST)), y.at(known.quality)) for lane, known in decision.estimates.items()
    }
    dots: list[Box] = [(px - 7, py - 7, px + 7, py + 7) for px, py in places.values()]
    at = y.at(decision.floor)
    used = [*dots, (RIGHT - 70, at - 18, RIGHT, at)]
    bars = [_bar(decision.estimates[lane], places[lane][0], y) for lane in order]
    for lane in order:
        share = decision.propensities.get(lane, 0.0)
        words = f"{lane} {percent(share)}" if share else lane
        found = _place(words, places[lane], [*used, *bars]) or _place(words, places[lane], used)
        if found is not None:
            used.append(found[0])
            kind = "name taken" if lane == decision.lane else "name"
            yield text(found[1], found[2], words, kind=kind, anchor=found[3])


def _bar(known: Estimate, across: float, y: Scale) -> Box:
    """Where the interval of a lane is drawn."""
    return across - 2, y.at(known.quality_high), across + 2, y.at(known.quality_low)


def _place(words: str, at: tuple[float, float], used: list[Box]) -> tuple[Box, float, float, Anchor] | None:
    """The first side of a point where a name covers nothing: its box, place and anchor."""
    wide = width_of(words)
    for dx, dy, anchor in SIDES:
        px, py = at[0] + dx, at[1] + dy
        left = px - (wide if anchor == "end" else 0.0)
        box = (left - 2, py - 11, left + wide + 2, py + 3)
        inside = box[0] >= LEFT and box[2] <= RIGHT + 8 and box[1] >= TOP and box[3] <= BOTTOM
        if inside and not any(_meet(box, other) for other in used):
            return box, px, py, anchor
    return None


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _said(decision: RouteDecision) -> str:
    taken = f"{decision.lane} was taken" if decision.lane else "no lane was taken"
    return f"Expected quality and cost of {len(decision.estimates)} lanes; {taken}. The table below has the numbers."
