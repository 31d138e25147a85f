"""The waist of the house: one request in, one decision out.

    encode, scan -> classify -> tier and policy -> estimate -> select -> plan -> record

Everything that moves the choice enters before the draw, and the chosen lane is checked against ``eligible`` at the end.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from router_ml.allocation.choose import as_contract, choose, favourite
from router_ml.allocation.estimate import Estimates, estimate
from router_ml.assembly import Stamp, assemble, selection_rule
from router_ml.case import Case, build_case, contexts, features_vector
from router_ml.config import RouterConfig, config_sha256, load_config, policy_sha256, prices_sha256
from router_ml.contract import (
    CONTRACT_VERSION,
    Outcome,
    RouteDecision,
    RouteRequest,
    State,
    Versions,
    describe,
)
from router_ml.errors import BundleError, InvalidRequestError
from router_ml.guardrails import pins
from router_ml.guardrails.policy import Facts, Ruling, rule, within
from router_ml.guardrails.scan import scan
from router_ml.plan import smallest
from router_ml.sessions import Recent, is_private
from router_ml.storage.bundle import Bundle
from router_ml.understanding.understand import Understanding, understand, unlearned

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

MODEL_VARIABLE = "ROUTER_ML_MODEL"
LOG_VARIABLE = "ROUTER_ML_LOG"
_SEED_BITS = 53  # survives JSON readers that keep numbers as doubles


class Router:
    """Decides. Open one with ``Router.load``; it is safe to share between threads."""

    def __init__(
        self,
        config: RouterConfig,
        *,
        bundle: Bundle | None = None,
        registry: str | None = None,
        log: EventLog | None = None,
        arm: str = "champion",
    ) -> None:
        self.config = config
        self.bundle = bundle
        self.log = log
        self.arm = arm
        self._registry = registry
        self._health: dict[str, str] = {}
        self._recent = Recent()
        self._versions = Versions(
            contract=CONTRACT_VERSION,
            bundle=bundle.manifest.id if bundle else "none",
            policy_sha256=policy_sha256(config),
            config_sha256=config_sha256(config),
            encoder=bundle.encoder.sha256 if bundle else "none",
            registry=registry,
            prices=prices_sha256(config),
        )

    @classmethod
    def load(
        cls,
        source: str | Path | None = None,
        *,
        config: str | Path | None = None,
        log: str | Path | None = None,
        threads: int = 1,
        tracking_uri: str | None = None,
    ) -> Router:
        """Open a router.

        Args:
            source: a bundle folder, ``models:/router@champion``, or a ``router.yaml`` to route without any learned
                part; by default ``$ROUTER_ML_MODEL``, else the bundle that ships.
            config: a ``router.yaml`` that replaces the bundle's.
            log: path or URL of the event log; by default ``$ROUTER_ML_LOG``, else what ``router.yaml`` says.
            threads: of the encoder.
            tracking_uri: of the registry; by default what MLflow is configured to.

        Raises:
            BundleError, RegistryError, ConfigError: the source cannot be trusted, fetched or read.
        """
        source = str(source or os.environ.get(MODEL_VARIABLE) or shipped_bundle())
        registry, bundle = None, None
        if source.startswith("models:/"):
            from router_ml.storage.registry import fetch

            folder, registry = fetch(source, tracking_uri=tracking_uri)
            bundle = Bundle.load(folder, threads=threads)
        elif not source.endswith((".yaml", ".yml")):
            bundle = Bundle.load(source, threads=threads)
        if bundle is None:
            settings = load_config(config or source)
        else:
            settings = load_config(config, bundle.taxonomy) if config else bundle.config
        url = log or os.environ.get(LOG_VARIABLE) or settings.logging.url
        return cls(settings, bundle=bundle, registry=registry, log=_open_log(url) if url else None)

    def predict_route(
        self,
        request: str | RouteRequest | Mapping[str, Any],
        *,
        seed: int | None = None,
        now: datetime | None = None,
        decision_id: str | None = None,
        **fields: Any,
    ) -> RouteDecision:
        """Decide one request; see ``router_ml.predict_route``."""
        if fields:
            known = {"text": request} if isinstance(request, str) else dict(RouteRequest.parse(request))
            request = {**known, **fields}
        parsed = RouteRequest.parse(request)
        return self.decide(parsed, self.understand([parsed])[0], seed=seed, now=now, decision_id=decision_id)

    def predict_routes(
        self,
        requests: Sequence[str | RouteRequest | Mapping[str, Any]],
        *,
        seeds: Sequence[int] | None = None,
        now: datetime | None = None,
        decision_ids: Sequence[str] | None = None,
    ) -> list[RouteDecision]:
        """Decide many requests with one encoder pass: the same decisions as one by one.

        Args:
            seeds, decision_ids: one per request.

        Raises:
            InvalidRequestError: names the first request that is wrong; nothing has been decided then.
        """
        for name, given in (("seeds", seeds), ("decision_ids", decision_ids)):
            if given is not None and len(given) != len(requests):
                raise InvalidRequestError(f"Found {len(given)} {name} for {len(requests)} requests, expected as many.")
        parsed = [_parse(request, index) for index, request in enumerate(requests)]
        return [
            self.decide(
                request,
                understood,
                seed=seeds[index] if seeds else None,
                now=now,
                decision_id=decision_ids[index] if decision_ids else None,
            )
            for index, (request, understood) in enumerate(zip(parsed, self.understand(parsed), strict=True))
        ]

    def understand(self, requests: Sequence[RouteRequest]) -> list[Understanding]:
        """Encode and classify; without a bundle, only sizes and language are known."""
        if self.bundle is None:
            return [unlearned(request) for request in requests]
        return understand(
            requests, self.bundle.encoder, self.bundle.classifier, max_bytes=self.config.guardrails.max_bytes
        )

    def report_health(self, name: str, status: str) -> None:
        """Say that a lane, provider or failure domain is ``down`` or ``up``; eligibility follows at once.

        Raises:
            InvalidRequestError: no lane, provider or failure domain has this name.
        """
        lanes = self.config.lanes
        places = {*lanes, *(x.provider for x in lanes.values()), *(x.failure_domain for x in lanes.values())}
        if name not in places or status not in ("up", "down"):
            expected = f"one of {', '.join(sorted(places))} and up or down"
            raise InvalidRequestError(f"Found {name!r} with status {status!r}, expected {expected}.")
        self._health = {key: value for key, value in self._health.items() if key != name}
        if status == "down":
            self._health = {**self._health, name: "down"}

    def pin(self, decision: RouteDecision) -> str | None:
        """A signed pin to hand back as ``previous.pin`` on the next turn; None without ``$ROUTER_ML_PIN_KEY``."""
        return pins.sign(decision.decision_id, pinned=is_private(decision))

    def log_outcome(self, decision_id: str, **fields: Any) -> bool:
        """Log what became of a decision; see ``router_ml.log_outcome``."""
        try:
            outcome = Outcome(decision_id=decision_id, **{"at": datetime.now(UTC), **fields})
        except ValidationError as error:
            raise InvalidRequestError(describe(error, "outcome")) from None
        if self.log is None:
            return False
        self.log.log_outcome(outcome)
        return True

    def decide(
        self,
        request: RouteRequest,
        understood: Understanding,
        *,
        seed: int | None = None,
        now: datetime | None = None,
        decision_id: str | None = None,
    ) -> RouteDecision:
        """Decide a request that has been understood already; for replays of what was embedded before."""
        scanned = scan(request, max_bytes=self.config.guardrails.max_bytes)
        case = build_case(self.config, request, understood, scanned, pinned=self._pinned(request))
        ruling, estimates = self._rule(case)
        selection = selection_rule(self.config, case, ruling)
        lanes = list(self.config.lanes)
        seed = secrets.randbits(_SEED_BITS) if seed is None else seed
        everything = [name for name, lane in self.config.lanes.items() if lane.enabled]
        stopped = ruling.refuse or ruling.human_review or not ruling.eligible
        choice = None if stopped else choose(estimates, lanes, ruling.eligible, selection, seed=seed)
        stamp = Stamp(
            decision_id or f"dec_{secrets.token_hex(12)}",
            now or datetime.now(UTC),
            seed,
            self._state(selection.quality_per_usd),
            self._versions,
        )
        decision = assemble(
            self.config,
            case,
            ruling,
            choice,
            as_contract(estimates, lanes, ruling.eligible),
            learned_lane=favourite(estimates, lanes, everything, selection),
            stamp=stamp,
        )
        _check_eligible(decision)
        self._recent.remember(decision.decision_id, private=is_private(decision))
        if self.log is not None:
            self._record(decision, understood)
        return decision

    def _rule(self, case: Case) -> tuple[Ruling, Estimates]:
        """Hard rules first, then the ceilings that need an estimate of cost and latency."""
        asked = case.request.constraints
        ruling = self._hard_rules(case, case.facts)
        if case.facts.write_tool and not self._writes(ruling.tools):  # a rule took the tool away
            ruling = self._hard_rules(case, replace(case.facts, write_tool=False))
        estimates = self.estimate(case.request, case.understood)
        lanes = list(self.config.lanes)
        limits = case.promise.limits
        ruling = within(
            ruling,
            dict(zip(lanes, estimates.cost_usd[0].tolist(), strict=True)),
            dict(zip(lanes, estimates.latency_ms[0].tolist(), strict=True)),
            max_cost_usd=smallest(limits.max_cost_usd, asked.max_cost_usd),
            max_latency_ms=smallest(limits.deadline_ms, asked.max_latency_ms),
        )
        return ruling, estimates

    def _hard_rules(self, case: Case, facts: Facts) -> Ruling:
        return rule(
            self.config,
            facts,
            constraints=case.request.constraints,
            tokens_in=case.understood.tokens_in,
            needs=frozenset(["tools"] if facts.tools else ()),
            health=self._health,
        )

    def _writes(self, tools: Sequence[str]) -> bool:
        return any(self.config.tools[name].effect == "write" for name in tools)

    def estimate(self, request: RouteRequest, understood: Understanding) -> Estimates:
        """What is believed of every configured lane for one request, (1, L)."""
        lanes = self.config.lanes
        previous = request.previous
        held = previous.cached_tokens if previous is not None else 0
        cached = np.array([[float(held) if previous and lane == previous.lane else 0.0 for lane in lanes]])
        return estimate(
            self.bundle.allocation if self.bundle else None,
            lanes,
            contexts(understood),
            cached_in=cached,
            batch=request.channel == "batch",
        )

    def _pinned(self, request: RouteRequest) -> bool:
        """Whether an earlier turn of the session held private data, as far as can be proven it did not."""
        previous = request.previous
        if previous is None:
            return False
        known = self._recent.private(previous.decision_id)
        if known is None and self.log is not None:
            logged = self.log.decision(previous.decision_id)
            known = None if logged is None else is_private(logged)
        return pins.is_pinned(previous.decision_id, previous.pin) if known is None else known

    def _state(self, quality_per_usd: float) -> State:
        steps = self.bundle.allocation.bandit.steps if self.bundle else 0
        return State(bandit_step=steps, lambda_=quality_per_usd, lane_health=dict(self._health), arm=self.arm)

    def _record(self, decision: RouteDecision, understood: Understanding) -> None:
        from router_ml.storage.records import Features

        if self.log is None:
            return
        private = is_private(decision) or not self.config.logging.keep_embedding or not len(understood.embedding)
        embedding = None if private else understood.embedding
        features = Features(self._versions.encoder, embedding, features_vector(understood))
        self.log.log_decision(decision, features=features)


def shipped_bundle() -> Path:
    """The bundle inside an installed wheel, else the one of a source checkout.

    Raises:
        BundleError: neither is there.
    """
    package = Path(__file__).parent
    for folder in (package / "_bundle", package.parent / "models" / "default"):
        if (folder / "manifest.json").is_file():
            return folder
    raise BundleError(f"No bundle ships with this installation. Give one: Router.load(FOLDER) or ${MODEL_VARIABLE}.")


def _parse(request: object, index: int) -> RouteRequest:
    try:
        return RouteRequest.parse(request)
    except InvalidRequestError as error:
        raise InvalidRequestError(f"Request {index}: {error}") from None


def _check_eligible(decision: RouteDecision) -> None:
    used = decision.fallback.lanes() | ({decision.lane} if decision.lane else set())
    if not used <= set(decision.eligible):
        raise AssertionError(f"{decision.decision_id} plans lanes that are not eligible.")


def _open_log(url: str | Path) -> EventLog:
    from router_ml.storage.eventlog import EventLog

    return EventLog(url)
