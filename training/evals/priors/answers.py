"""What was evaluated: one row for each answer that was judged, wherever it was kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from router_ml.errors import OfflineDataError
from training.evals.result import ROUTER, Result
from training.evals.suite import Suite

LOWERED = ("lower", "block")


@dataclass(frozen=True)
class Answer:
    """A judged answer. ``quality``: 0..1; ``case`` and ``cluster``: what it answers, and what that stands and falls
    with, within its suite; ``checks``: that judged it; ``cost_usd``: None where it is not known; ``run``, ``repeat``:
    where it is from."""

    lane: str
    model: str
    version: str
    suite: str
    intent: str
    domain: str
    case: str
    cluster: str
    quality: float
    at: datetime
    checks: tuple[str, ...] = ()
    served_model: str | None = None
    cost_usd: float | None = None
    run: str = ""
    repeat: int = 0

    @property
    def key(self) -> tuple[object, ...]:
        """The same for the same answer, wherever it was kept."""
        return self.run, self.suite, self.case, self.lane, self.model, self.version, self.repeat


@dataclass
class Answers:
    """Answers, and why others are left out: reason -> how many."""

    rows: list[Answer] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def joined(self, other: Answers) -> Answers:
        """These and those of the others that are not among them already."""
        known = {row.key for row in self.rows}
        new = [row for row in other.rows if row.key not in known]
        left = self.left_out + other.left_out
        if len(new) < len(other.rows):
            left["in the log and in results files, counted once"] += len(other.rows) - len(new)
        return Answers([*self.rows, *new], left)

    def within(self, intents: Iterable[str], domains: Iterable[str], lanes: Iterable[str]) -> Answers:
        """Those of cells and lanes that are known; the others are counted."""
        known = {"intent": set(intents), "domain": set(domains), "lane": set(lanes)}
        kept, left = [], Counter(self.left_out)
        for row in self.rows:
            unknown = [
                f"{what} {getattr(row, what)} is not known" for what in known if getattr(row, what) not in known[what]
            ]
            if unknown:
                left[unknown[0]] += 1
            else:
                kept.append(row)
        return Answers(kept, left)


def of_results(results: Iterable[Result], suites: Mapping[str, Suite], *, since: datetime | None = None) -> Answers:
    """Answers of results, of suites that count for quality.

    Raises:
        OfflineDataError: results are of a suite that is not given, so that nobody knows whether it counts.
    """
    found = Answers()
    for one in results:
        if one.suite not in suites:
            raise OfflineDataError(
                f"Found results of suite {one.suite!r}, which is not given. Known: "
                f"{', '.join(sorted(suites)) or 'none'}. "
                "Give its folder with --suite."
            )
        at = aware(one.at)
        reason = _reason(one, suites[one.suite], since)
        if reason:
            found.left_out[reason] += 1
            continue
        assert one.attempt is not None
        assert one.quality is not None
        found.rows.append(
            Answer(
                lane=one.arm.lane,
                model=one.arm.model,
                version=one.arm.version,
                suite=one.suite,
                intent=one.case.intent,
                domain=one.case.domain,
                case=one.case.id,
                cluster=one.case.cluster,
                quality=min(max(one.quality, 0.0), 1.0),
                at=at,
                checks=tuple(dict.fromkeys(verdict.check for verdict in one.verdicts if verdict.passed is not None)),
                served_model=one.arm.served_model,
                cost_usd=one.attempt.cost_usd,
                run=one.run,
                repeat=one.repeat,
            )
        )
    return found


def _reason(one: Result, suite: Suite, since: datetime | None) -> str:
    if one.arm.lane == ROUTER or one.attempt is None:
        return "decided by the router, not answered by a lane"
    if not suite.file.quality:
        return f"suite {suite.name} does not count for quality"
    if one.quality is None:
        return "nothing could be judged"
    if since is not None and aware(one.at) < since:
        return "older than asked for"
    return ""


def lowered(path: Path) -> dict[str, datetime]:
    """When each lane was last found to have become worse: what it answered before counts less.

    Args:
        path: ``upgrades.jsonl`` of lane upgrade checks; where there is no such file, no lane was.

    Raises:
        OfflineDataError: a line of it says no lane, time and verdict.
    """
    found: dict[str, datetime] = {}
    if not path.is_file():
        return found
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            said = json.loads(line)
            lane, at, verdict = str(said["lane"]), aware(datetime.fromisoformat(said["at"])), said["verdict"]
        except (ValueError, KeyError, TypeError):
            raise OfflineDataError(
                f"{path}, line {number}: expected lane, at and verdict of an upgrade check. Restore or remove the line."
            ) from None
        if verdict in LOWERED:
            found[lane] = max(at, found.get(lane, at))
    return found


def aware(at: datetime) -> datetime:
    """A time with its zone; one that names none is UTC."""
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
