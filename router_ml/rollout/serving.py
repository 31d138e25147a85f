"""``Rollout``: decides by the arms of a release, and follows it."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from router_ml import telemetry
from router_ml.config import Policy, RouterConfig
from router_ml.contract import AuditEvent, RouteDecision, RouteRequest
from router_ml.deciding.arguments import numbered, with_fields
from router_ml.deciding.deadline import Claim
from router_ml.deciding.late import in_turns
from router_ml.deciding.recording import Ack
from router_ml.errors import InvalidRequestError, RegistryError
from router_ml.rollout.by_arm import ByArm
from router_ml.rollout.delegating import Request
from router_ml.rollout.releases import Registered, Source
from router_ml.rollout.status import Status
from router_ml.rollout.swapping import Swapper
from router_ml.storage.loading import whole_model

logger = logging.getLogger(__name__)


class Rollout(ByArm):
    """Decides by the arms of a release, and follows it. Open one with ``Rollout.open``; safe to share between threads.

    Args:
        source: where releases come from.
        poll_seconds: how often it is asked; 0: only when ``refresh`` is called.
    """

    def __init__(self, source: Source, *, poll_seconds: float = 2.0) -> None:
        super().__init__(Swapper(source))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, args=(poll_seconds,), name="router-ml-rollout", daemon=True)
        if poll_seconds > 0:
            self._thread.start()

    @classmethod
    def open(
        cls,
        model: str = "models:/router",
        *,
        config: str | Path | None = None,
        log: str | Path | None = None,
        threads: int = 1,
        tracking_uri: str | None = None,
        online: bool = False,
        poll_seconds: float = 2.0,
    ) -> Rollout:
        """Open a registered model with all of its arms.

        Args:
            model: ``models:/router``, without a version or an alias.
            config, log, threads, tracking_uri, online: of each router, as ``Router.load`` takes them.
            poll_seconds: how often the registry is asked, give or take a quarter.

        Raises:
            RegistryError: the registry cannot be reached, or the model has no champion.
            BundleError, ConfigError: the champion cannot be trusted or read.
        """
        name = whole_model(model)
        if name is None:
            raise RegistryError(f"{model!r} names no model with its arms. Write models:/router, or use Router.load.")
        return cls(Registered(name, config, log, threads, tracking_uri, online), poll_seconds=poll_seconds)

    def predict_route(
        self,
        request: Request,
        *,
        seed: int | None = None,
        now: datetime | None = None,
        decision_id: str | None = None,
        **fields: Any,
    ) -> RouteDecision:
        """Decide one request by the arm of its session; see ``router_ml.predict_route``."""
        return self.predict_claimed(with_fields(request, fields), None, seed=seed, now=now, decision_id=decision_id)

    def predict_routes(
        self,
        requests: Sequence[Request],
        *,
        seeds: Sequence[int] | None = None,
        now: datetime | None = None,
        decision_ids: Sequence[str] | None = None,
        claim: Claim | None = None,
    ) -> list[RouteDecision]:
        """Decide many requests, each by the arm of its session, with one encoder pass per arm. The requests of an arm
        are decided all or none.

        Args:
            seeds, decision_ids: one per request. claim: taken before anything is logged; once it is given up, nothing
                more is read.

        Raises:
            InvalidRequestError: names the first request that is wrong. GivenUpError: the claim was given up.
        """
        if isinstance(requests, str) or not isinstance(requests, Sequence):
            raise InvalidRequestError(f"Expected a list of requests, found {type(requests).__name__}.")
        for name, given in (("seeds", seeds), ("decision_ids", decision_ids)):
            if given is not None and len(given) != len(requests):
                raise InvalidRequestError(f"Found {len(given)} {name} for {len(requests)} requests, expected as many.")
        parsed = [numbered(index, RouteRequest.parse, request) for index, request in enumerate(requests)]
        stamps = [
            (seeds[i] if seeds else None, now, decision_ids[i] if decision_ids else None) for i in range(len(parsed))
        ]
        arranged = self._swapper.now
        draws = [self._given.draw(arranged, request, self.log) for request in parsed]
        decided: dict[int, RouteDecision] = {}
        for arm in dict.fromkeys(draw.arm for draw in draws):
            rows = [index for index, draw in enumerate(draws) if draw.arm == arm]
            asked, drawn = [parsed[row] for row in rows], [draws[row] for row in rows]
            router = arranged.router(arm)
            rules, began = router.rules, telemetry.clock()
            understood = in_turns(router.understand, asked, claim)
            made = router.decide_many(
                asked,
                understood,
                rules=rules,
                stamps=[stamps[row] for row in rows],
                draws=drawn,
                numbers=rows,
                began=began,
                claim=claim,
            )
            self._remember(arranged, asked, understood, made, drawn)
            decided.update(zip(rows, made, strict=True))
        return [decided[index] for index in range(len(parsed))]

    def log_outcome(self, decision_id: str, **fields: Any) -> Ack | None:
        """Log what became of a decision; the arm that made it learns, where it learns online."""
        return self._swapper.now.router(self._given.arm(decision_id)).log_outcome(decision_id, **fields)

    def override(
        self,
        policies: Policy | Mapping[str, Any] | str | Path,
        *,
        who: str,
        why: str,
        expires_at: datetime | None = None,
        now: datetime | None = None,
    ) -> AuditEvent:
        """Lay policies over those in force, of all arms and of the next champion too; see ``Router.override``. An arm
        that does not know a lane or label that they name stops to serve."""
        with self._swapper.lock:
            event = self._champion.override(policies, who=who, why=why, expires_at=expires_at, now=now)
            self._swapper.follow_champion()
        return event

    def end_override(self, event_id: str, *, who: str, why: str, now: datetime | None = None) -> AuditEvent:
        """End what ``override`` began."""
        with self._swapper.lock:
            event = self._champion.end_override(event_id, who=who, why=why, now=now)
            self._swapper.follow_champion()
        return event

    def replace_policies(
        self, rules: RouterConfig | str | Path, *, who: str, why: str, now: datetime | None = None
    ) -> AuditEvent:
        """Put a newer set of rules in force, of all arms and of the next champion too, until a restart; see
        ``Router.replace_policies``."""
        with self._swapper.lock:
            event = self._champion.replace_policies(rules, who=who, why=why, now=now)
            self._swapper.follow_champion()
        return event

    def refresh(self) -> bool:
        """Ask the registry now; whether anything has changed."""
        return self._swapper.refresh()

    def status(self) -> Status:
        """What this process serves, and what keeps it from serving something newer."""
        return Status.of(self._swapper, self._shadows)

    def drain(self) -> None:
        """Wait until the shadow has decided what it was offered."""
        self._shadows.drain()

    def close(self) -> None:
        """Stop following the registry, and the shadow; deliver what waits in the spool, and let go of the log."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._shadows.close()
        self._champion.close()

    def __enter__(self) -> Rollout:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _poll(self, seconds: float) -> None:
        spread = random.Random()  # processes that were started together must not ask together for ever
        while not self._stop.wait(seconds * spread.uniform(0.75, 1.25)):
            try:
                self._swapper.refresh()
            except Exception:  # the border of a thread: it has to be there for the next release
                logger.exception("The release could not be followed; it is tried again.")
