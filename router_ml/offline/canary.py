"""Is the canary harmful, or good enough to be champion? Looked at as often as one likes.

What was drawn is a session, so a session counts once: by its first rating, its first known cost, and by whether its
first answer failed, all by the times of the records. An answer failed if any record of its decision says so: a rating
alone does not. Sessions stand in the order of those records, so that what is bet on each stays as it was from look to
look. Ratings that come to one arm later than to the other delay a verdict, they do not turn it.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from router_ml.config.schema import Release
from router_ml.contract import Execution, Outcome, RouteDecision
from router_ml.errors import ReleaseError
from router_ml.offline.estimating.anytime import Difference, Floats, Mask, bounded, capped, evidence_against_shares
from router_ml.storage.database.records import utc
from router_ml.storage.registry import Lifecycle, Step, read_standing

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

ARMS = ("champion", "canary")
NOT_DRAWN = 1000.0  # e-value from which arms do not follow their shares
_NO_VERDICT = ("clarify", "human_review", "refused", "cancelled")  # ends that say nothing of the lanes
_OVERLAP = timedelta(hours=1)  # records may reach the log later than their time
_FAILED_FIRST = 0.05


@dataclass(frozen=True)
class CanaryReport:
    """What the log says of a canary. ``sessions`` by arm; ``quality`` and ``failures`` (refused, no lane left, output
    contract not kept) as shares, ``cost_usd`` per request: canary minus champion, with intervals that hold at all
    times; extreme costs are capped. ``not_drawn``: e-value against the shares of the arms."""

    verdict: Literal["continue", "stop", "promote"]
    why: str
    version: str
    sessions: dict[str, int]
    quality: Difference
    failures: Difference
    cost_usd: Difference
    not_drawn: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; what is not known yet is None."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def judge(
    quality: Difference, failures: Difference, cost_usd: Difference, *, not_drawn: float, margin: float
) -> tuple[Literal["continue", "stop", "promote"], str]:
    """The verdict and why.

    ``stop``: quality is surely more than ``margin`` lower, or answers fail surely more than ``margin`` oftener: with 5%
    probability at most if neither is so. ``promote``: surely neither, and surely cheaper or better.
    """
    verdict: Literal["continue", "stop", "promote"] = "continue"
    why = "it does no harm, and whether it is cheaper or better is not known yet"
    if quality.high < -margin:
        verdict, why = "stop", f"quality is lower by {-quality.high:.3f} at least, {margin:g} is allowed"
    elif failures.low > margin:
        verdict, why = "stop", f"{failures.low:.3f} more of the answers fail at least, {margin:g} is allowed"
    elif not_drawn >= NOT_DRAWN:
        why = "the arms do not follow their shares: find out why before anything is concluded"
    elif quality.low < -margin or failures.high > margin:
        why = "too few sessions to know that it does no harm"
    elif cost_usd.high < 0:
        verdict, why = "promote", f"quality is kept, and a request costs less by {-cost_usd.high:.6f} USD at least"
    elif quality.low > 0:
        verdict, why = "promote", f"quality is higher by {quality.low:.3f} at least"
    return verdict, why


class CanaryWatch:
    """Reads the log of one canary, and each time only what has been added since.

    Args:
        version, draw, share: of the canary, as the registry has them.
        margin: how much lower quality may be, and how much oftener answers may fail.
        since: when it was started.
    """

    def __init__(
        self,
        log: EventLog,
        *,
        version: str,
        draw: str,
        share: float,
        margin: float = Release().margin,
        since: datetime | None = None,
    ) -> None:
        self._log, self._version, self._share, self._margin = log, version, share, margin
        self._drawn_for = f"+canary/{version}:{draw}"
        self._since = since
        self._session: dict[str, str] = {}  # by decision
        self._canary: dict[str, bool] = {}  # by session
        self._known: dict[str, dict[str, tuple[datetime, float]]] = {"quality": {}, "failed": {}, "cost_usd": {}}

    def look(self) -> CanaryReport:
        """What is known now.

        Raises:
            LogError: the log cannot be read.
        """
        since = None if self._since is None else self._since - _OVERLAP
        for decision in self._log.decisions(since):
            self._decided(decision)
        for outcome in self._log.outcomes(since):
            self._learned(outcome)
        for execution in self._log.executions(since=since):
            self._done(execution)
        quality, failures = bounded(*self._units("quality")), bounded(*self._units("failed"), first=_FAILED_FIRST)
        cost_usd = capped(*self._units("cost_usd"))
        drawn = np.array(list(self._canary.values()), dtype=bool)
        not_drawn = evidence_against_shares(drawn, np.full(len(drawn), self._share))
        verdict, why = judge(quality, failures, cost_usd, not_drawn=not_drawn, margin=self._margin)
        sessions = {"champion": int((~drawn).sum()), "canary": int(drawn.sum())}
        return CanaryReport(verdict, why, self._version, sessions, quality, failures, cost_usd, not_drawn)

    def _decided(self, decision: RouteDecision) -> None:
        state = decision.state
        self._since = max(self._since or decision.created_at, decision.created_at)
        if state.arm in ARMS and state.arm_session is not None and self._drawn_for in (state.rollout or ""):
            self._session[decision.decision_id] = state.arm_session
            self._canary.setdefault(state.arm_session, state.arm == "canary")

    def _learned(self, outcome: Outcome) -> None:
        broken = outcome.validation is not None and outcome.validation.status == "failed"
        self._keep("quality", outcome.decision_id, outcome.at, outcome.quality)
        self._keep("cost_usd", outcome.decision_id, outcome.at, outcome.cost_usd)
        self._keep("failed", outcome.decision_id, outcome.at, float(outcome.refused or broken))

    def _done(self, execution: Execution) -> None:
        if execution.at is None:  # the log gives each a time
            return
        failed = execution.refusal or execution.final_lane is None or execution.validation.status == "failed"
        if execution.status not in _NO_VERDICT or execution.error is not None:
            self._keep("failed", execution.decision_id, execution.at, float(failed))
        self._keep("cost_usd", execution.decision_id, execution.at, _spent(execution))

    def _keep(self, what: str, decision_id: str, at: datetime, value: float | None) -> None:
        """Of a decision the first value stands, and a failure whenever it is told."""
        if value is None or decision_id not in self._session:
            return
        new = (utc(at), value)
        old = self._known[what].get(decision_id, new)
        kept = min(old, new)
        self._known[what][decision_id] = (kept[0], max(old[1], value)) if what == "failed" else kept

    def _units(self, what: str) -> tuple[Floats, Mask, Floats]:
        """The value of each session, its first by (time, decision), in this order."""
        first: dict[str, float] = {}
        for decision_id, (_, value) in sorted(self._known[what].items(), key=lambda item: (item[1][0], item[0])):
            first.setdefault(self._session[decision_id], value)
        canary = np.array([self._canary[session] for session in first], dtype=bool)
        return np.array(list(first.values()), dtype=np.float64), canary, np.full(len(first), self._share)


def _spent(execution: Execution) -> float | None:
    """What all hops cost, which may be nothing; None without hops, or where one that answered does not say."""
    called = [hop for hop in execution.hops if hop.called]
    unsaid = any(hop.cost_usd is None and not hop.failed for hop in called)
    return None if unsaid or not called else sum(hop.cost_usd or 0.0 for hop in called)


def watch_canary(release: Lifecycle) -> CanaryWatch:
    """A watch of the canary that a model has now.

    Raises:
        ReleaseError: it has none, or its alias was set by hand, so that no session was drawn for it.
    """
    now = read_standing(release.name, tracking_uri=release.tracking_uri)
    version = now.aliases.get("canary")
    if version is None:
        raise ReleaseError(f"{release.name} has no canary. Start one: router-ml canary --version N.")
    if now.canary_draw is None or now.canary_share is None:
        raise ReleaseError(
            f"The alias canary of {release.name} was set by hand, no session is drawn for it. Take it off, and start "
            "the canary: router-ml canary --version N."
        )
    started = [
        event.at
        for event in release.log.audit_events()
        if event.kind == "canary_started" and event.detail.get("version") == version
    ]
    return CanaryWatch(
        release.log,
        version=version,
        draw=now.canary_draw,
        share=now.canary_share,
        margin=release.champion_release().margin,
        since=started[-1] if started else None,
    )


def act(release: Lifecycle, report: CanaryReport, *, who: str) -> Step | None:
    """Stop the canary where the report says so; the report is in the event. None where nothing is to be done."""
    if report.verdict != "stop":
        return None
    return release.stop_canary(who=who, why=report.why, detail={"report": report.to_dict()})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
