"""What if signals were worth something else? The outcomes of a log under another mapping, lane by lane.

Signals are kept with every outcome, so a mapping can be changed afterwards. Averages weigh an outcome by
1 / P(rated); who rates without being asked picks himself, and for that no weight is right.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from router_ml.config.rewards import Rewards, rewards_sha256
from router_ml.contract import Outcome
from router_ml.errors import InvalidRequestError
from router_ml.offline.estimating.clustered import Z95_TWO_SIDED
from router_ml.rewards import Cell, reward

if TYPE_CHECKING:
    from pandas import DataFrame

    from router_ml.storage.views.stories import Story

NO_LANE = "(none)"


@dataclass(frozen=True)
class LaneShift:
    """Outcomes of one lane: mean quality as logged and as mapped anew; ``moved``: the mean difference over outcomes
    that are rated both ways, +- ``half`` (95%, each decision on its own). None where nothing is rated."""

    lane: str
    outcomes: int
    rated_before: int
    rated_after: int
    before: float | None
    after: float | None
    moved: float | None
    half: float | None


@dataclass(frozen=True)
class Remapped:
    """``with_signals`` of ``outcomes`` have any; others keep the quality that they have. ``changed``: of how many the
    quality is another one. ``mappings``: how many were worked out under which; ``unread``: why signals of some cannot
    be mapped, which leaves them unrated."""

    sha256: str
    outcomes: int
    with_signals: int
    changed: int
    lanes: tuple[LaneShift, ...]
    mappings: dict[str, int]
    unread: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def remap(stories: Iterable[Story], rewards: Rewards) -> Remapped:
    """Map the signals of every outcome once more; lanes are those that answered, else those that were planned."""
    sums: dict[str, _Shift] = {}
    mappings, unread = Counter[str](), Counter[str]()
    outcomes = with_signals = changed = 0
    for story in stories:
        cell = Cell.of(story.decision)
        for outcome in story.outcomes:
            outcomes += 1
            quality = outcome.quality
            if outcome.signals:
                with_signals += 1
                mappings[outcome.rewards or "quality was given"] += 1
                quality, why = _again(rewards, outcome, cell)
                unread.update([why] if why else [])
            changed += quality != outcome.quality
            lane = outcome.executed_lane or story.decision.lane or NO_LANE
            sums.setdefault(lane, _Shift()).add(outcome, quality)
    lanes = tuple(sums[lane].row(lane) for lane in sorted(sums))
    sha256 = rewards_sha256(rewards)
    return Remapped(sha256, outcomes, with_signals, changed, lanes, dict(mappings), dict(unread))


def to_frame(found: Remapped) -> DataFrame:
    """The lanes as a frame."""
    from pandas import DataFrame

    return DataFrame([asdict(lane) for lane in found.lanes])


def _again(rewards: Rewards, outcome: Outcome, cell: Cell) -> tuple[float | None, str | None]:
    if outcome.rewards is None and outcome.quality is not None:
        return outcome.quality, None  # somebody said what it was worth, whatever else was seen
    try:
        return reward(rewards, outcome.signals, cell=cell).quality, None
    except InvalidRequestError as error:
        return None, str(error)


@dataclass
class _Shift:
    outcomes: int = 0
    before: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])  # count, weight, weighted quality
    after: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    both: list[float] = field(default_factory=lambda: [0.0] * 6)

    def add(self, outcome: Outcome, quality: float | None) -> None:
        self.outcomes += 1
        weight = 1 / outcome.rated_probability
        for sums, value in ((self.before, outcome.quality), (self.after, quality)):
            if value is not None:
                sums[:] = [sums[0] + 1, sums[1] + weight, sums[2] + weight * value]
        if outcome.quality is not None and quality is not None:
            moved = quality - outcome.quality
            more = (1.0, weight, weight * moved, weight**2, weight**2 * moved, weight**2 * moved**2)
            self.both = [old + new for old, new in zip(self.both, more, strict=True)]

    def row(self, lane: str) -> LaneShift:
        moved, half = _difference(self.both)
        before, after = (sums[2] / sums[1] if sums[0] else None for sums in (self.before, self.after))
        return LaneShift(lane, self.outcomes, int(self.before[0]), int(self.after[0]), before, after, moved, half)


def _difference(sums: list[float]) -> tuple[float | None, float | None]:
    """A weighted mean and half its 95% interval, from sums (Hajek 1971)."""
    count, weight, weighted, squares, crossed, spread = sums
    if not count:
        return None, None
    mean = weighted / weight
    variance = max(spread - 2 * mean * crossed + mean**2 * squares, 0.0)
    return mean, Z95_TWO_SIDED * math.sqrt(variance * count / (count - 1)) / weight if count > 1 else None
