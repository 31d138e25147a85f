"""What the suites say of planted failures, and of a lane that has none."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.evals.lanes.player import Player
from benchmarks.evals.planted.failure import Planted
from benchmarks.evals.planted.known import BY_NAME, FAILURES, LANES
from benchmarks.evals.second.styles import Styled
from benchmarks.evals.setting import Stage
from training.evals.reporting.alarms import Failure, at_least, ring
from training.evals.reporting.summary import Summary
from training.evals.suite import NAMES, Suite

HEALTHY = "healthy"


@dataclass(frozen=True)
class Seen:
    """What a suite said of one planted failure. ``spoilt`` cases, of which an alarm needs ``needed``, ``noticed`` of
    them that failed by a right name, ``missed`` those that did not fail at all; ``named``: a right name is an alarm;
    ``rung``: all alarms that a spoilt case is among, or that are about all answers of the lane together; ``seconds`` of
    the run that it was in.
    """

    failure: str
    lane: str
    suite: str
    expected: tuple[str, ...]
    spoilt: int
    needed: int
    noticed: int
    missed: tuple[str, ...]
    named: bool
    rung: tuple[str, ...]
    seconds: float

    @property
    def caught(self) -> bool:
        """Whether anything rang."""
        return bool(self.rung)

    @property
    def strong(self) -> bool:
        """Whether it spoils as many cases as an alarm needs."""
        return self.spoilt >= self.needed


@dataclass(frozen=True)
class Alarm:
    """An alarm that nothing was planted for."""

    seed: int
    lane: str
    suite: str
    failure: str
    cases: tuple[str, ...]


@dataclass(frozen=True)
class Healthy:
    """A good lane, with one seed. ``failed``: cases that failed without an alarm, with how."""

    seed: int
    asked: int
    alarms: tuple[Alarm, ...]
    failed: tuple[tuple[str, str], ...]
    seconds: float


def needed(suite: Suite, names: Sequence[str], *, tests: int) -> int:
    """Of how many cases an alarm by one of some names needs to fail, all other cases being right and ``tests`` made."""
    asked = sum(case.decided is None for case in suite.cases)
    least = min(suite.file.tolerated.get(name, 0.0) for name in names)
    others = [1.0] * (tests - 1)
    return next(n for n in range(1, asked + 1) if least == 0.0 or ring([at_least(n, asked, least), *others])[0])


def one_by_one(
    on: Stage, *, seed: int = 0, names: Sequence[str] = (), failures: Sequence[Planted] = FAILURES
) -> Iterator[Seen]:
    """Each failure alone, planted into a good lane, and looked at by the suite whose cases it spoils. To the other
    suites such a lane is the good one."""
    for one in failures:
        if one.suite in on.suites and (not names or one.name in names):
            players = {"planted": Player(on.book, seed=seed, planted=[one])}
            began = time.monotonic()
            summary = on.run(players, [one.suite])
            yield _seen(on, summary, one, "planted", players["planted"], time.monotonic() - began)


def four_lanes(on: Stage, *, seed: int = 0) -> tuple[list[Seen], list[Alarm]]:
    """All suites against the good lane and three with some failures each: what was seen, and what rang for nothing."""
    players = {
        lane: Player(on.book, seed=seed, planted=[BY_NAME[name] for name in names]) for lane, names in LANES.items()
    }
    began = time.monotonic()
    summary = on.run(players, [name for name in NAMES if name in on.suites])
    seconds = time.monotonic() - began
    seen = [
        _seen(on, summary, BY_NAME[name], lane, players[lane], seconds)
        for lane, names in LANES.items()
        for name in names
        if BY_NAME[name].suite in on.suites
    ]
    false = [one for lane, player in players.items() for one in _false(on, summary, lane, player, seed)]
    return seen, false


def healthy(
    on: Stage, *, seeds: Sequence[int], suites: Sequence[str] = NAMES, style: str | None = None
) -> Iterator[Healthy]:
    """The good lane again and again, each time in other words; ``style``: one of the second author's."""
    for seed in seeds:
        player = Player(on.book, seed=seed) if style is None else Styled(on.book, style, seed=seed)
        began = time.monotonic()
        summary = on.run({HEALTHY: player}, suites)
        seconds = time.monotonic() - began
        rows = [row for row in summary.rows if row.lane == HEALTHY]
        alarms = tuple(_false(on, summary, HEALTHY, player, seed))
        rung = {(one.suite, one.failure) for one in alarms}
        failed = tuple(
            (case, one.name)
            for row in rows
            for one in row.failures
            if (row.suite, one.name) not in rung
            for case in one.cases
        )
        yield Healthy(seed, sum(row.share.n for row in rows), alarms, failed, seconds)


def _spoilt(on: Stage, player: Player, suite: str) -> dict[str, str]:
    """Which failure spoils which case."""
    by_case = {one.case.id: player.failure_in(one) for one in on.book.all if one.suite.name == suite}
    return {case: name for case, name in by_case.items() if name is not None}


def _seen(on: Stage, summary: Summary, one: Planted, lane: str, player: Player, seconds: float) -> Seen:
    spoilt = {case for case, name in _spoilt(on, player, one.suite).items() if name == one.name}
    row = summary.row(one.suite, lane)
    failures = () if row is None else row.failures
    tests = sum(len(each.tests) for each in summary.rows if each.lane == lane)
    right = [each for each in failures if each.name in one.catches]
    rung = [each for each in failures if each.alarm and _is_about(on, one.suite, each, spoilt)]
    noticed = {case for each in right for case in each.cases} & spoilt
    return Seen(
        one.name,
        lane,
        one.suite,
        one.catches,
        len(spoilt),
        needed(on.suites[one.suite], one.catches, tests=tests),
        len(noticed),
        tuple(sorted(spoilt - {case for each in failures for case in each.cases})),
        any(each.name in one.catches for each in rung),
        tuple(each.name for each in rung),
        seconds,
    )


def _is_about(on: Stage, suite: str, alarm: Failure, spoilt: set[str]) -> bool:
    """Whether a spoilt case is among those that rang; an alarm about all answers of a lane together names no case, and
    is about whatever was spoilt."""
    cases = {case.id for case in on.suites[suite].cases} & set(alarm.cases)
    return bool(spoilt & cases) if cases else bool(spoilt)


def _false(on: Stage, summary: Summary, lane: str, player: Player, seed: int) -> Iterator[Alarm]:
    """Alarms that nothing was planted for."""
    for row in summary.rows:
        if row.lane == lane:
            spoilt = _spoilt(on, player, row.suite)
            for one in row.alarms:
                if not _is_about(on, row.suite, one, set(spoilt)):
                    yield Alarm(seed, lane, row.suite, one.name, one.cases)
