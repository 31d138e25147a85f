"""What follows from a request, the rules, a bundle and what is remembered: one decision, without any effect.

    scan -> tier and policy -> estimate -> select -> plan

Everything that moves the choice enters before the draw, and the chosen lane is checked against ``eligible`` at the end.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np

from router_ml.allocation.choose import as_contract
from router_ml.allocation.estimate import Estimates, estimate
from router_ml.config import RouterConfig
from router_ml.contract import Degraded, PolicyFired, RouteDecision, RouteRequest, Session, Spending, State
from router_ml.deciding.assembly import Stamp, assemble
from router_ml.deciding.reading import Guards
from router_ml.deciding.recording import Recorded
from router_ml.deciding.terms import Terms, chosen, learned_lane, terms
from router_ml.guardrails import Scan
from router_ml.planning.guess import NO_GUESS, Guess
from router_ml.ruling.case import Case, build_case, contexts, features_vector, with_entities_of
from router_ml.ruling.of_request import let_through, rule_case
from router_ml.state.draws import CHAMPION, Draw
from router_ml.state.learning import OnlineLearner
from router_ml.state.overrides import InForce
from router_ml.state.remembered import Remembered, session_of, spending_of
from router_ml.storage.bundle import Bundle
from router_ml.storage.spooling.recorder import Recorder
from router_ml.understanding.understand import Understanding


class Concluder(Recorded):
    """Rules, guards, learned parts, and what outcomes have taught since these were made."""

    def __init__(
        self,
        base: InForce,
        recorder: Recorder,
        *,
        bundle: Bundle | None,
        guards: Guards,
        learner: OnlineLearner | None,
    ) -> None:
        super().__init__(base, recorder)
        self.bundle = bundle
        self._guards = guards
        self._learner = learner

    def conclude(
        self,
        force: InForce,
        request: RouteRequest,
        understood: Understanding,
        remembered: Remembered,
        *,
        stamp: tuple[int, datetime, str],
        draw: Draw = CHAMPION,
        reviewed: PolicyFired | None = None,
        degraded: Degraded | None = None,
    ) -> RouteDecision:
        """The decision that follows from all this; nothing is charged, counted, remembered or logged.

        Args:
            stamp: seed, clock and id. draw: the arm that it was given. reviewed: the person who let it through.
            degraded: why the request is not looked at: it counts as not scanned, and every lane has its prior alone.
        """
        seed, now, decision_id = stamp
        config, health = force.config, remembered.health
        scanned = self._scan(config, request, understood) if degraded is None else self._unscanned(request, degraded)
        case = build_case(config, request, understood, scanned, pinned=remembered.pinned)
        batched = case.promise.batched(channel=request.channel, mode=case.situation.mode)
        estimates = self.estimate(request, understood, batch=batched, learned=degraded is None)
        ruling = rule_case(config, case, estimates, health=health)
        if reviewed is not None:
            ruling = let_through(ruling, reviewed)
        if degraded is not None:
            ruling = replace(ruling, explore=False)
        standing = remembered.standing(case.class_name)
        asked = terms(
            config,
            case,
            ruling,
            estimates,
            standing,
            now=now,
            probes=remembered.probes,
            certified=self.certified(case, force.versions.prices),
        )
        if reviewed is not None:
            asked = asked.let_through()
        learned = learned_lane(config, estimates, asked) if degraded is None else None
        state = self._state(
            asked,
            remembered,
            draw,
            session=session_of(config, case),
            spending=spending_of(standing),
            degraded=degraded,
        )
        return assemble(
            config,
            case,
            ruling,
            chosen(config, ruling, estimates, asked, seed=seed),
            as_contract(estimates, list(config.lanes), (*ruling.eligible, learned)),
            learned_lane=learned,
            stamp=Stamp(decision_id, now, seed, state, force.versions, asked, remembered.organisations),
            guess=self._guess(understood) if degraded is None else NO_GUESS,
        )

    def _scan(self, config: RouterConfig, request: RouteRequest, understood: Understanding) -> Scan:
        """What detectors and tagger find in a request, or in an answer in the shape of one."""
        found = self._guards.scan(config, request)
        tagger = self.bundle.tagger if self.bundle else None
        return with_entities_of(found, request, understood, tagger, key=self._guards.key)

    def _unscanned(self, request: RouteRequest, degraded: Degraded) -> Scan:
        """What is known of a request that is not looked at: it may hold whatever a scan could have found."""
        return self._guards.unscanned(request, f"not decided within {degraded.deadline_ms:g} ms")

    def _guess(self, understood: Understanding) -> Guess:
        """What outcomes taught of the plan of such requests, where that is sure."""
        if self.bundle is None or self.bundle.plan is None:
            return NO_GUESS
        return self.bundle.plan.guess(understood.embedding, features_vector(understood)[:-1])

    def estimate(
        self, request: RouteRequest, understood: Understanding, *, batch: bool, learned: bool = True
    ) -> Estimates:
        """What is believed of every configured lane for one request, (1, L); ``batch``: at batch prices; without what
        was ``learned``, each has its prior."""
        lanes = self.config.lanes
        previous = request.previous
        held = previous.cached_tokens if previous is not None else 0
        cached = np.array([[float(held) if previous and lane == previous.lane else 0.0 for lane in lanes]])
        known = contexts(understood)
        return estimate(
            self.bundle.allocation if self.bundle and learned else None,
            lanes,
            known,
            cached_in=cached,
            batch=batch,
            drift=self._learner.drift(known) if self._learner and learned else None,
        )

    def certified(self, case: Case, prices: str) -> float | None:
        """Largest lambda up to which the floor of a request's class is certified; None where nothing is."""
        return (
            self.bundle.promises.largest(case.class_name, case.promise, prices_sha256=prices) if self.bundle else None
        )

    def _state(
        self,
        asked: Terms,
        remembered: Remembered,
        draw: Draw,
        *,
        session: Session | None,
        spending: Spending | None,
        degraded: Degraded | None,
    ) -> State:
        return State(
            bandit_step=self.bundle.allocation.bandit.steps if self.bundle else 0,
            lambda_=asked.rule.quality_per_usd,
            budget_left=asked.budget_left,
            explore_left=remembered.explore_left,
            lane_health=dict(remembered.health),
            arm=draw.arm,
            arm_share=draw.share,
            rollout=draw.rollout,
            arm_session=draw.session,
            selection=asked.selection,
            session=session,
            spending=spending,
            online=self._learner is not None and degraded is None,
            drill=remembered.drill,
            degraded=degraded,
        )
