"""A look at a lane: is it still what was evaluated? If not, its suites are run, and a verdict is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from router_ml.errors import OfflineDataError
from router_ml.execution.lanes.calls import Lanes
from training.evals.asking.lane import askable
from training.evals.bench import Bench
from training.evals.reporting.comparing import compare
from training.evals.reporting.runs import folders
from training.evals.reporting.summary import Summary, summarise
from training.evals.result import Result
from training.evals.results import FILE, read_results
from training.evals.running.record import read_record
from training.evals.running.run import Options, run_in
from training.evals.suite import Suite
from training.evals.watching.baseline import Baseline, baseline_of, notices, read_baseline, write_baseline
from training.evals.watching.behaviour import Behaviour, confirmed
from training.evals.watching.probes import Heard, ask_probes
from training.evals.watching.upgrade import Upgrade, Verdict, judge, keep, name_of, read_upgrades, triggers_of

AT_BASELINE, AT_LOOK, AT_CONFIRMED = 4, 2, 4
"""How often each probe is asked; a third time only where a look finds a change."""


@dataclass(frozen=True)
class Watcher:
    """What looks need. ``calls``: what calls lanes; ``options``: of the runs that a change triggers."""

    bench: Bench
    calls: Lanes
    out: Path
    options: Options
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def take_baseline(self, lane: str) -> Baseline:
        """Ask the probes of a lane and keep what it says.

        Raises:
            OfflineDataError: there is no such lane, or it does not answer.
        """
        found = baseline_of(self.bench.config, lane, self._hear(lane, AT_BASELINE), at=self.clock())
        write_baseline(self.out, found)
        return found

    def look(self, lane: str, suites: Sequence[Suite], *, logged: Iterable[str] = ()) -> tuple[Upgrade, Behaviour]:
        """Look at a lane; where it has changed, run suites against it alone, judge, and take a new baseline unless it
        is to be blocked.

        Args:
            logged: models that it says it served, in executions since its baseline.

        Raises:
            OfflineDataError: the lane has no baseline, or does not answer; or it has changed, and of a suite nothing
                was judged.
        """
        baseline = read_baseline(self.out, lane)
        if baseline is None:
            raise OfflineDataError(f"Lane {lane} has no baseline of these probes. Take one first, with --baseline.")
        heard, config = self._hear(lane, AT_LOOK), self.bench.config
        behaviour = confirmed(baseline.answers, heard.answers, lambda: self._hear(lane, AT_CONFIRMED).answers)
        triggers = triggers_of(notices(baseline, config, heard, logged=logged), behaviour)
        was, now = name_of(baseline), name_of(baseline_of(config, lane, heard, at=self.clock()))
        if not triggers:
            return Upgrade(lane, self.clock(), "same", was, now, ()), behaviour
        verdict, evidence, run = self._judged(lane, suites, triggers)
        upgrade = Upgrade(lane, self.clock(), verdict, was, now, evidence, run)
        keep(self.out, upgrade)
        if verdict != "block":
            self.take_baseline(lane)
        return upgrade, behaviour

    def _judged(
        self, lane: str, suites: Sequence[Suite], triggers: Sequence[str]
    ) -> tuple[Verdict, tuple[str, ...], str]:
        baseline = read_baseline(self.out, lane)
        near = None if baseline is None else baseline.at
        old = earlier(self.out, lane, suites, before=self._good_until(lane), near=near)
        ran = run_in(suites, [lane], bench=self.bench, out=self.out, options=self.options, calls=self.calls)
        new = [one for one in ran.results if one.arm.lane == lane]
        judged = {one.suite for one in new if one.passed is not None}
        due = {one.name for one in suites if any(case.decided is None for case in one.cases)}
        if missing := sorted(due - judged):
            found = "; ".join(triggers)
            raise OfflineDataError(
                f"Lane {lane} has changed ({found}), but nothing of {', '.join(missing)} was judged, so there is no "
                f"verdict and its baseline stays. See what run {ran.record.run} left out, or give it a larger budget."
            )
        before: Summary | None = summarise(old, suites) if old else None
        after = summarise(new, suites, across=ran.across)
        verdict, evidence = judge(triggers, compare(old, new), before=before, after=after)
        return verdict, evidence, ran.record.run

    def _good_until(self, lane: str) -> datetime | None:
        """When the run began that first found the lane broken since its baseline: what it did from then on is no
        yardstick."""
        baseline = read_baseline(self.out, lane)
        for upgrade in read_upgrades(self.out):
            known = upgrade.lane == lane and upgrade.verdict == "block" and upgrade.run is not None
            if known and baseline is not None and upgrade.at > baseline.at and (self.out / str(upgrade.run)).is_dir():
                return read_record(self.out / str(upgrade.run)).started
        return None

    def _hear(self, lane: str, times: int) -> Heard:
        if lane not in askable(self.bench.config):
            known = ", ".join(askable(self.bench.config))
            raise OfflineDataError(f"Found no lane {lane} that can be asked. Those that can: {known}.")
        heard = asyncio.run(ask_probes(self.calls, self.bench.config, lane, times=times))
        if not heard.served:
            why = ", ".join(f"{kind} {count}" for kind, count in heard.failed.items())
            raise OfflineDataError(f"Lane {lane} gave no answer to any probe ({why}). See that it can be called.")
        return heard


def earlier(
    out: Path, lane: str, suites: Sequence[Suite], *, before: datetime | None = None, near: datetime | None = None
) -> list[Result]:
    """Results of a lane from before: of each suite from the last run that has any of it, and began before a time.

    Args:
        near: when the lane was known; then of the last run that began by then, else of the first one after it, since a
            later one may have asked a lane that had changed already.
    """
    missing, found = {one.name for one in suites}, list[Result]()
    runs = [(read_record(folder), folder) for folder in reversed(folders(out))]
    if near is not None:
        known = [run for run in runs if run[0].started <= near]
        runs = known + [run for run in reversed(runs) if run[0].started > near]
    for record, folder in runs:
        if before is not None and record.started >= before:
            continue
        of_it = missing & {one.name for one in record.suites}
        if not of_it or lane not in {arm.lane for arm in record.arms} or not (folder / FILE).is_file():
            continue
        some = [one for one in read_results(folder) if one.arm.lane == lane and one.suite in of_it]
        found += some
        missing -= {one.suite for one in some}
        if not missing:
            break
    return found
