"""One request in, one decision out.

    encode, scan -> classify -> tier and policy -> estimate -> select -> plan -> record

Everything that moves the choice enters before the draw, and the chosen lane is checked against ``eligible`` at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from router_ml.allocation.choose import as_contract
from router_ml.allocation.estimate import Estimates, estimate
from router_ml.arguments import stamped
from router_ml.arms import Arms
from router_ml.assembly import Stamp, assemble
from router_ml.budgets import Budgets
from router_ml.case import Case, build_case, contexts, with_entities_of
from router_ml.config import RouterConfig
from router_ml.config.rewards import Rewards, shipped_rewards
from router_ml.contract import RouteDecision, RouteRequest, State
from router_ml.errors import RouterError
from router_ml.guardrails import Scan
from router_ml.health import Health
from router_ml.learning import OnlineLearner, versions_learned
from router_ml.loading import versions_of
from router_ml.overrides import InForce, Rules
from router_ml.reading import Guards
from router_ml.recording import Made, Recorded, record
from router_ml.ruling import rule_case
from router_ml.sessions import Recent, private_risks
from router_ml.storage.bundle import Bundle
from router_ml.terms import Terms, chosen, learned_lane, terms
from router_ml.understanding.understand import Understanding

if TYPE_CHECKING:
    from router_ml.storage.drain import Drain
    from router_ml.storage.eventlog import EventLog


class Decider(Recorded):
    """What a running router is: a configuration, learned parts, and what it remembers of money, probes and sessions."""

    def __init__(  # noqa: PLR0913 - all that a router is made of
        self,
        config: RouterConfig,
        *,
        bundle: Bundle | None = None,
        registry: str | None = None,
        log: EventLog | None = None,
        drain: Drain | None = None,
        arm: str = "champion",
        online: bool = False,
        guards: Guards | None = None,
        rewards: Rewards | None = None,
    ) -> None:
        self._guards = guards or Guards.open(config)
        versions = versions_of(config, bundle=bundle, registry=registry, detectors=self._guards.sha256)
        super().__init__(InForce(config, versions), log, drain)
        self.bundle = bundle
        self.arm = arm
        self.rewards = rewards or shipped_rewards()
        self._health = Health(config.lanes)
        self._recent = Recent()
        self._budgets = Budgets(config)
        self._budgets.prime_from(self.log, datetime.now(UTC), on_error=config.logging.on_error)
        self._learner = OnlineLearner(bundle.allocation, config.lanes) if online and bundle else None
        learned = versions_learned(bundle.allocation) if bundle else {}
        teaches = bundle is not None and (self._recorder.keeps or online)  # else a probe would cost and teach nobody
        self._arms = Arms(config.lanes if teaches else {}, learned=learned)

    def decide(
        self,
        request: RouteRequest,
        understood: Understanding,
        *,
        seed: int | None = None,
        now: datetime | None = None,
        decision_id: str | None = None,
        rules: Rules | None = None,
    ) -> RouteDecision:
        """Decide and log a request that has been understood already; for replays of what was embedded before.

        Args:
            rules: those that it was understood under; by default those in force.
        """
        rules = rules or self._rules
        decisions: list[RouteDecision] = []
        with self._all_or_nothing(decisions):
            decisions.append(self._decide(rules, request, understood, stamp=(seed, now, decision_id)))
            self._record(rules, [Made(request, understood, decisions[0])])
        return decisions[0]

    @contextmanager
    def _all_or_nothing(self, decisions: Sequence[RouteDecision]) -> Iterator[None]:
        """Money and probes of ``decisions`` are given back where an error keeps them from the caller."""
        try:
            yield
        except RouterError:
            for decision in decisions:
                self._budgets.release(decision.decision_id)
                if decision.lane is not None:
                    self._arms.release(decision.lane, decision.estimates[decision.lane].cost_usd)
            raise

    def _decide(
        self,
        rules: Rules,
        request: RouteRequest,
        understood: Understanding,
        *,
        stamp: tuple[int | None, datetime | None, str | None],
    ) -> RouteDecision:
        seed, now, decision_id = stamped(*stamp)
        force, health = rules.at(now), self._health.snapshot
        config = force.config
        scanned = self._scan(config, request, understood)
        pinned = self._recent.risks(request.previous, self.log)
        case = build_case(config, request, understood, scanned, pinned=pinned)
        estimates = self.estimate(request, understood)
        ruling = rule_case(config, case, estimates, health=health)
        asked = terms(
            config,
            case,
            ruling,
            estimates,
            self._budgets.standing(case.class_name, now),
            now=now,
            probes=self._arms.probes(ruling.eligible),
            certified=self._certified(case, force.versions.prices),
        )
        learned = learned_lane(config, estimates, asked)
        decision = assemble(
            config,
            case,
            ruling,
            chosen(config, ruling, estimates, asked, seed=seed),
            as_contract(estimates, list(config.lanes), (*ruling.eligible, learned)),
            learned_lane=learned,
            stamp=Stamp(decision_id, now, seed, self._state(asked, health), force.versions, asked),
        )
        self._budgets.charge(decision)
        self._recent.remember(decision.decision_id, private_risks(decision))
        if decision.lane is not None:
            self._arms.count(decision.lane, decision.estimates[decision.lane].cost_usd)
        if self._learner is not None:
            self._learner.remember(decision, contexts(understood))
        return decision

    def _scan(self, config: RouterConfig, request: RouteRequest, understood: Understanding) -> Scan:
        """What detectors and tagger find in a request, or in an answer in the shape of one."""
        found = self._guards.scan(config, request)
        tagger = self.bundle.tagger if self.bundle else None
        return with_entities_of(found, request, understood, tagger, key=self._guards.key)

    def _record(self, rules: Rules, made: Sequence[Made]) -> None:
        record(self._recorder, made, encoder=rules.base.versions.encoder, config=rules.base.config)

    def estimate(self, request: RouteRequest, understood: Understanding) -> Estimates:
        """What is believed of every configured lane for one request, (1, L)."""
        lanes = self.config.lanes
        previous = request.previous
        held = previous.cached_tokens if previous is not None else 0
        cached = np.array([[float(held) if previous and lane == previous.lane else 0.0 for lane in lanes]])
        known = contexts(understood)
        return estimate(
            self.bundle.allocation if self.bundle else None,
            lanes,
            known,
            cached_in=cached,
            batch=request.channel == "batch",
            drift=self._learner.drift(known) if self._learner else None,
        )

    def _certified(self, case: Case, prices: str) -> float | None:
        """Largest lambda up to which the floor of a request's class is certified; None where nothing is."""
        return (
            self.bundle.promises.largest(case.class_name, case.promise, prices_sha256=prices) if self.bundle else None
        )

    def _state(self, asked: Terms, health: Mapping[str, str]) -> State:
        return State(
            bandit_step=self.bundle.allocation.bandit.steps if self.bundle else 0,
            lambda_=asked.rule.quality_per_usd,
            budget_left=asked.budget_left,
            explore_left=self._arms.left_usd,
            lane_health=dict(health),
            arm=self.arm,
            selection=asked.selection,
        )
