"""Requests that another library carries out for us: which decision each follows, what its calls came to, its record.

What stays of a request here is forgotten when it has landed, or when thousands of later ones have taken off.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from router_ml.contract import (
    Execution,
    ExecutionStatus,
    FailureKind,
    Hop,
    OutputCheck,
    RouteDecision,
    RouteRequest,
    Validation,
)
from router_ml.deciding.recording import must_be_kept
from router_ml.errors import LogError, NotRoutedError
from router_ml.execution.client_side import ClientSide, kept
from router_ml.execution.fallback import Tried, next_step
from router_ml.execution.lanes.prices import cost_usd
from router_ml.execution.lanes.reply import Reply, Usage
from router_ml.rollout import Rollout
from router_ml.router import Router

logger = logging.getLogger(__name__)

_MOST = 10_000


@dataclass
class Flight:
    """One request on its way. ``given``: lanes that it was sent to so far, in order."""

    decision: RouteDecision
    request: RouteRequest
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.monotonic)
    given: list[str] = field(default_factory=list)
    hops: list[Hop] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    validation: Validation = field(default_factory=Validation)


class Flights:
    """Those of one router; safe to share between threads."""

    def __init__(self, router: Router | Rollout) -> None:
        self.router = router
        self._flying: OrderedDict[str, Flight] = OrderedDict()
        self._lock = threading.Lock()

    def take_off(self, request: RouteRequest) -> Flight:
        """Decide a request.

        Raises:
            NotRoutedError: no lane is to answer it yet. InvalidRequestError, LogError: as for ``predict_route``.
        """
        flight = Flight(self.router.predict_route(request), request)
        if flight.decision.action != "route" or flight.decision.lane is None:
            raise NotRoutedError(flight.decision)
        with self._lock:
            self._flying[flight.decision.decision_id] = flight
            while len(self._flying) > _MOST:
                self._flying.popitem(last=False)
        return flight

    def of(self, decision_id: object) -> Flight | None:
        """The one that follows a decision, while it is on its way."""
        with self._lock:
            return self._flying.get(decision_id) if isinstance(decision_id, str) else None

    def next_lane(self, flight: Flight, kind: FailureKind) -> str | None:
        """The lane for the next call, where the rules still leave one; ``kind``: why the last one failed."""
        still = self.router.recheck(flight.decision).lanes
        tried = [Tried(lane, kind) for lane in flight.given]
        while (step := next_step(flight.decision, tried)) is not None:
            if step.lane in still:
                flight.given.append(step.lane)
                return step.lane
            tried.append(Tried(step.lane, "not_allowed"))
        return None

    def allow(self, flight: Flight, client: ClientSide) -> tuple[ClientSide, tuple[str, ...]]:
        """What rules leave of tools that come beside a request, and of its lanes, the first to be called first, once
        they have looked at what is defined there.

        Raises:
            NotRoutedError: a rule asks for a refusal or for a person now, or no lane is left.
        """
        decision = flight.decision
        client = kept(client, self.router.config, decision)
        still = self.router.recheck(decision, definitions=client.strings())
        in_order = dict.fromkeys((str(decision.lane), *(step.lane for step in decision.fallback.on_error)))
        lanes = tuple(lane for lane in in_order if lane in still.lanes)
        if still.refuse is not None or still.human_review is not None or not lanes:
            asks = "refuse" if still.human_review is None else "human_review"
            reason = still.refuse or "The rules leave no lane for the tools of this request."
            raise NotRoutedError(decision.model_copy(update={"action": asks, "reason": reason}))
        if not still.foreign_tools:
            client = replace(client, tools=(), must_call=False)
        return client, lanes

    def add_hop(
        self,
        flight: Flight,
        lane: str,
        *,
        kind: FailureKind | None = None,
        error: str | None = None,
        usage: Usage | None = None,
        served_model: str | None = None,
        latency_ms: float = 0.0,
    ) -> None:
        """Write down a call; of one that answered, the cost by the price of its lane."""
        place, used = self.router.config.lanes[lane], usage or Usage()
        with self._lock:
            flight.hops.append(
                Hop(
                    lane=lane,
                    provider=place.provider,
                    region=place.region,
                    boundary=place.boundary,
                    served_model=served_model,
                    attempt=len(flight.hops) + 1,
                    at=datetime.now(UTC) - timedelta(milliseconds=latency_ms),
                    kind=kind,
                    error=error,
                    latency_ms=latency_ms,
                    tokens_in=used.tokens_in,
                    tokens_out=used.tokens_out,
                    cached_tokens=used.cached_tokens,
                    cost_usd=cost_usd(place.price, used) if usage is not None else None,
                )
            )

    def check(self, flight: Flight, reply: Reply) -> OutputCheck:
        """Whether an answer may be shown."""
        found = self.router.check_output(flight.decision, reply.as_message(), request=flight.request)
        flight.checks.append(found.check_id)
        return found

    def leave(self, flight: Flight, status: ExecutionStatus, *, error: FailureKind) -> None:
        """``land`` where nothing is shown any more that a missing record could hold back."""
        try:
            self.land(flight, status, error=error)
        except LogError as lost:
            logger.error("A request ended and that was not logged: %s", lost)

    def land(
        self, flight: Flight, status: ExecutionStatus, *, lane: str | None = None, error: FailureKind | None = None
    ) -> Execution | None:
        """Record how it ended, once; None where it has been recorded.

        Raises:
            LogError: it could not be kept, and requests of its class or tier must be.
        """
        with self._lock:
            if self._flying.pop(flight.decision.decision_id, None) is None:
                return None
            hops: Sequence[Hop] = tuple(flight.hops)
        costs = [hop.cost_usd for hop in hops if hop.kind is None]
        execution = Execution(
            execution_id=f"exe_{secrets.token_hex(12)}",
            at=flight.at,
            decision_id=flight.decision.decision_id,
            status=status,
            error=error,
            hops=tuple(hops),
            validation=flight.validation,
            output_checks=tuple(flight.checks),
            refusal=error in ("refusal", "content_filter"),
            final_lane=lane,
            latency_ms=(time.monotonic() - flight.started) * 1000,
            cost_usd=None if None in costs else sum(cost or 0.0 for cost in costs),
            bundle=flight.decision.versions.bundle,
        )
        try:
            self.router.log_execution(execution)
        except LogError as lost:
            if must_be_kept(self.router.config, flight.decision.traffic_class, flight.decision.risk_tier):
                raise
            logger.error("A request was carried out but that was not logged: %s", lost)
        return execution
