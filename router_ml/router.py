"""The waist of the house: one request in, one decision out.

    encode, scan -> classify -> tier and policy -> estimate -> select -> plan -> record

Everything that moves the choice enters before the draw, and the chosen lane is checked against ``eligible`` at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from router_ml.allocation.choose import as_contract, choose, favourite
from router_ml.allocation.estimate import Estimates, estimate
from router_ml.arguments import numbered, stamped
from router_ml.assembly import Stamp, assemble, selection_rule
from router_ml.case import Case, build_case, contexts, with_entities_of
from router_ml.config import RouterConfig, config_sha256, policy_sha256, prices_sha256
from router_ml.contract import CONTRACT_VERSION, Outcome, RouteDecision, RouteRequest, State, Versions, describe
from router_ml.errors import InvalidRequestError
from router_ml.guardrails import pins
from router_ml.guardrails.policy import Facts, Ruling, rule, within
from router_ml.guardrails.scan import scan
from router_ml.health import Health
from router_ml.learning import OnlineLearner
from router_ml.loading import open_parts
from router_ml.plan import smallest
from router_ml.recording import record
from router_ml.sessions import Recent, is_private
from router_ml.storage.bundle import Bundle
from router_ml.understanding.understand import Understanding, understand, unlearned

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog
    from router_ml.understanding.attribution import Attribution


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
        online: bool = False,
    ) -> None:
        self.config = config
        self.bundle = bundle
        self.log = log
        self.arm = arm
        self._registry = registry
        self._health = Health(config.lanes)
        self._recent = Recent()
        self._learner = OnlineLearner(bundle.allocation, config.lanes) if online and bundle else None
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
        online: bool = False,
    ) -> Router:
        """Open a router.

        Args:
            source: a bundle folder, ``models:/router@champion``, or a ``router.yaml`` to route without any learned
                part; by default ``$ROUTER_ML_MODEL``, else the bundle that ships.
            config: a ``router.yaml`` that replaces the bundle's.
            log: path or URL of the event log; by default ``$ROUTER_ML_LOG``, else what ``router.yaml`` says.
            threads: of the encoder.
            tracking_uri: of the registry; by default what MLflow is configured to.
            online: let the bandit learn from each outcome that ``log_outcome`` reports, in memory.

        Raises:
            BundleError, RegistryError, ConfigError: the source cannot be trusted, fetched or read.
        """
        opened = open_parts(source, config=config, log=log, threads=threads, tracking_uri=tracking_uri)
        return cls(opened.config, bundle=opened.bundle, registry=opened.registry, log=opened.log, online=online)

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
        if isinstance(requests, str) or not isinstance(requests, Sequence):
            raise InvalidRequestError(f"Expected a list of requests, found {type(requests).__name__}.")
        for name, given in (("seeds", seeds), ("decision_ids", decision_ids)):
            if given is not None and len(given) != len(requests):
                raise InvalidRequestError(f"Found {len(given)} {name} for {len(requests)} requests, expected as many.")
        parsed = [numbered(index, RouteRequest.parse, request) for index, request in enumerate(requests)]
        understood = self.understand(parsed)

        def decide(index: int) -> RouteDecision:
            return self._decide(
                parsed[index],
                understood[index],
                seed=seeds[index] if seeds else None,
                now=now,
                decision_id=decision_ids[index] if decision_ids else None,
            )

        decisions = [numbered(index, decide, index) for index in range(len(parsed))]
        record(self.log, decisions, understood, encoder=self._versions.encoder, logging=self.config.logging)
        return decisions

    def understand(self, requests: Sequence[RouteRequest]) -> list[Understanding]:
        """Encode and classify; without a bundle, only sizes and language are known."""
        if self.bundle is None:
            return [unlearned(request) for request in requests]
        rails, least = self.config.guardrails, self.config.guardrails.unvalidated_language_min_chars
        parts = self.bundle.encoder, self.bundle.classifier
        return understand(
            requests, *parts, max_bytes=rails.max_bytes, min_characters=least, columns=self.bundle.columns
        )

    def attribute(
        self, request: str | RouteRequest | Mapping[str, Any], *, top: int | None = None
    ) -> list[Attribution]:
        """Which words of a request's task made its labels, the ``top`` ones of each.

        Raises:
            InvalidRequestError: the router has no learned part.
        """
        if self.bundle is None:
            raise InvalidRequestError("This router has no classifier whose labels could be explained. Load a bundle.")
        from router_ml.understanding.attribution import attribute

        return attribute(RouteRequest.parse(request).task, self.bundle.encoder, self.bundle.classifier, top=top)

    def report_health(self, name: str, status: str) -> None:
        """Say that a lane, provider or failure domain is ``down`` or ``up``; eligibility follows at once.

        Raises:
            InvalidRequestError: no lane, provider or failure domain has this name.
        """
        self._health.report(name, status)

    def pin(self, decision: RouteDecision) -> str | None:
        """A signed pin to hand back as ``previous.pin`` on the next turn; None without ``$ROUTER_ML_PIN_KEY``."""
        return pins.sign(decision.decision_id, pinned=is_private(decision))

    def log_outcome(self, decision_id: str, **fields: Any) -> bool:
        """Log what became of a decision; see ``router_ml.log_outcome``."""
        try:
            outcome = Outcome(decision_id=decision_id, **{"at": datetime.now(UTC), **fields})
        except ValidationError as error:
            raise InvalidRequestError(describe(error, "outcome")) from None
        if self._learner is not None:
            self._learner.learn(outcome)
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
        """Decide and log a request that has been understood already; for replays of what was embedded before."""
        decision = self._decide(request, understood, seed=seed, now=now, decision_id=decision_id)
        record(self.log, [decision], [understood], encoder=self._versions.encoder, logging=self.config.logging)
        return decision

    def _decide(
        self,
        request: RouteRequest,
        understood: Understanding,
        *,
        seed: int | None,
        now: datetime | None,
        decision_id: str | None,
    ) -> RouteDecision:
        seed, now, decision_id = stamped(seed, now, decision_id)
        health = self._health.snapshot
        scanned = scan(request, max_bytes=self.config.guardrails.max_bytes)
        scanned = with_entities_of(scanned, request, understood, self.bundle.tagger if self.bundle else None)
        case = build_case(
            self.config, request, understood, scanned, pinned=self._recent.is_pinned(request.previous, self.log)
        )
        ruling, estimates = self._rule(case, health)
        selection = selection_rule(self.config, case, ruling)
        lanes = list(self.config.lanes)
        everything = [name for name, lane in self.config.lanes.items() if lane.enabled]
        stopped = ruling.refuse or ruling.human_review or not ruling.eligible
        decision = assemble(
            self.config,
            case,
            ruling,
            None if stopped else choose(estimates, lanes, ruling.eligible, selection, seed=seed),
            as_contract(estimates, lanes, ruling.eligible),
            learned_lane=favourite(estimates, lanes, everything, selection),
            stamp=Stamp(decision_id, now, seed, self._state(selection.quality_per_usd, health), self._versions),
        )
        self._recent.remember(decision.decision_id, private=is_private(decision))
        if self._learner is not None:
            self._learner.remember(decision, contexts(understood))
        return decision

    def _rule(self, case: Case, health: Mapping[str, str]) -> tuple[Ruling, Estimates]:
        """Hard rules first, then the ceilings that need a count or an estimate of this request."""
        asked, limits = case.request.constraints, case.promise.limits
        ruling = self._hard_rules(case, case.facts, health)
        if case.facts.write_tool and not self._writes(ruling.tools):  # a rule took the tool away
            ruling = self._hard_rules(case, replace(case.facts, write_tool=False), health)
        tokens = case.understood.tokens_in
        if limits.max_input_tokens is not None and tokens > limits.max_input_tokens:
            reason = f"{tokens} tokens in, the class allows {limits.max_input_tokens}"
            excluded = {lane: (*ruling.excluded.get(lane, ()), reason) for lane in self.config.lanes}
            ruling = replace(ruling, eligible=(), excluded=excluded)
        estimates = self.estimate(case.request, case.understood)
        lanes = list(self.config.lanes)
        ruling = within(
            ruling,
            dict(zip(lanes, estimates.cost_usd[0].tolist(), strict=True)),
            dict(zip(lanes, estimates.latency_ms[0].tolist(), strict=True)),
            max_cost_usd=smallest(limits.max_cost_usd, asked.max_cost_usd),
            max_latency_ms=smallest(limits.deadline_ms, asked.max_latency_ms),
        )
        return ruling, estimates

    def _hard_rules(self, case: Case, facts: Facts, health: Mapping[str, str]) -> Ruling:
        return rule(
            self.config,
            facts,
            constraints=case.request.constraints,
            tokens_in=case.understood.tokens_in,
            needs=frozenset(["tools"] if facts.tools else ()),
            health=health,
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

    def _state(self, quality_per_usd: float, health: Mapping[str, str]) -> State:
        steps = self.bundle.allocation.bandit.steps if self.bundle else 0
        return State(bandit_step=steps, lambda_=quality_per_usd, lane_health=dict(health), arm=self.arm)
