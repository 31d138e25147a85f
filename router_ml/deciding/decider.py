"""One request in, one decision out.

    encode, scan -> classify -> tier and policy -> estimate -> select -> plan -> record

What the decision is follows in ``concluder``; here is what it leaves: money, probes, sessions, a record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Unpack

from router_ml import telemetry
from router_ml.config import RouterConfig
from router_ml.config.rewards import Rewards, shipped_rewards
from router_ml.contract import PolicyFired, RouteDecision, RouteRequest, State
from router_ml.contract.base import UNACTED_SUFFIXES, is_unacted
from router_ml.deciding.arguments import numbered, stamped
from router_ml.deciding.concluder import Concluder
from router_ml.deciding.deadline import Claim, GivenUpError, Stamp
from router_ml.deciding.reading import Guards
from router_ml.deciding.rechecking import Readings
from router_ml.deciding.recording import Made, record
from router_ml.errors import InvalidRequestError
from router_ml.ruling.case import contexts, organisation_of
from router_ml.state.arms import Arms
from router_ml.state.draws import CHAMPION, Draw
from router_ml.state.drills import as_recorded
from router_ml.state.learning import OnlineLearner, versions_learned
from router_ml.state.memory import Memory
from router_ml.state.overrides import InForce, Rules
from router_ml.state.remembered import Remembered
from router_ml.state.sessions import private_risks
from router_ml.storage.bundle import Bundle
from router_ml.storage.loading import versions_of
from router_ml.storage.spooling.recorder import Recorder
from router_ml.understanding.understand import Understanding

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.spooling.drain import Drain


class Decider(Concluder):
    """What a running router is: a configuration, learned parts, and what it remembers of money, probes and sessions."""

    def __init__(  # noqa: PLR0913 - as many parts as a running router has
        self,
        config: RouterConfig,
        *,
        bundle: Bundle | None = None,
        registry: str | None = None,
        log: EventLog | None = None,
        drain: Drain | None = None,
        online: bool = False,
        guards: Guards | None = None,
        memory: Memory | None = None,
        rewards: Rewards | None = None,
    ) -> None:
        guards = guards or Guards.open(config)
        versions = versions_of(config, bundle=bundle, registry=registry, detectors=guards.sha256)
        super().__init__(
            InForce(config, versions),
            memory.recorder if memory else Recorder(log, drain),
            bundle=bundle,
            guards=guards,
            learner=OnlineLearner(bundle.allocation, config.lanes) if online and bundle else None,
        )
        self.rewards = rewards or shipped_rewards()
        self.memory = memory.under(config) if memory else Memory.of(config, self._recorder)
        self._followed = self.memory.overrides
        self._health, self._recent, self._budgets = self.memory.health, self.memory.recent, self.memory.budgets
        self._budgets.prime_from(
            self.log, datetime.now(UTC), on_error=config.logging.on_error, away=self._recorder.keeps
        )
        self._readings = Readings()
        learned = versions_learned(bundle.allocation) if bundle else {}
        teaches = bundle is not None and (self._recorder.keeps or online)  # else a probe would cost and teach nobody
        self._arms = Arms(config.lanes if teaches else {}, learned=learned)

    def decide(
        self,
        request: RouteRequest,
        understood: Understanding,
        *,
        rules: Rules | None = None,
        draw: Draw = CHAMPION,
        began: int = 0,
        claim: Claim | None = None,
        **given: Unpack[Stamp],
    ) -> RouteDecision:
        """Decide and log a request that has been understood already; for replays of what was embedded before.

        Args:
            rules: those that it was understood under; by default those in force.
            draw: the arm that it was given, while several bundles decide.
            began: when reading it began, by ``telemetry.clock``.
            claim: taken before anything is logged. given: seed, clock and id.

        Raises:
            GivenUpError: the claim was given up; nothing has been charged, counted or logged.
        """
        rules, named = rules or self.rules, given.get("decision_id")
        stamp = given.get("seed"), given.get("now"), named
        decisions: list[RouteDecision] = []
        with self._all_or_nothing(decisions):
            decisions.append(self._decide(rules, request, understood, stamp=stamp, draw=draw))
            if claim is not None and not claim.take():
                raise GivenUpError
            self._record(rules, [Made(request, understood, decisions[0], named=named is not None)])
        telemetry.decided(decisions[0], began)
        return decisions[0]

    def decide_many(
        self,
        requests: Sequence[RouteRequest],
        understood: Sequence[Understanding],
        *,
        rules: Rules,
        stamps: Sequence[tuple[int | None, datetime | None, str | None]],
        draws: Sequence[Draw] | None = None,
        numbers: Sequence[int] | None = None,
        began: int = 0,
        claim: Claim | None = None,
    ) -> list[RouteDecision]:
        """``decide`` for many, all or none of which are logged.

        Args:
            stamps: seed, clock and id of each. numbers: what errors call them; by default 0, 1, 2, ...
            began: when reading them began. claim: on all of them, as for ``decide``.
        """

        def one(index: int) -> RouteDecision:
            if claim is not None and claim.given_up:
                raise GivenUpError
            draw = draws[index] if draws else CHAMPION
            return self._decide(rules, requests[index], understood[index], stamp=stamps[index], draw=draw)

        decisions: list[RouteDecision] = []
        with self._all_or_nothing(decisions):
            for index in range(len(requests)):
                decisions.append(numbered(numbers[index] if numbers else index, one, index))
            if claim is not None and not claim.take():
                raise GivenUpError
            named = [stamp[2] is not None for stamp in stamps]
            self._record(rules, [Made(*each) for each in zip(requests, understood, decisions, named, strict=True)])
        for decision in decisions:
            telemetry.decided(decision, began)
        return decisions

    @contextmanager
    def _all_or_nothing(self, decisions: Sequence[RouteDecision], *, probes: bool = True) -> Iterator[None]:
        """Money and ``probes`` of ``decisions`` are given back where anything keeps them from the caller."""
        try:
            yield
        except BaseException:
            for decision in decisions:
                self._give_back(decision, probes=probes)
            raise

    def _give_back(self, decision: RouteDecision, *, probes: bool = True) -> None:
        self._budgets.release(decision.decision_id)
        if probes and decision.lane is not None:
            self._arms.release(decision.lane, decision.estimates[decision.lane].cost_usd)

    def _decide(
        self,
        rules: Rules,
        request: RouteRequest,
        understood: Understanding,
        *,
        stamp: tuple[int | None, datetime | None, str | None],
        draw: Draw = CHAMPION,
    ) -> RouteDecision:
        """Decide, and count what the decision costs and teaches."""
        no_shadow(stamp[2])
        self.memory.listener.look()
        self._budgets.catch_up(self.log)
        decision = self._weigh(rules, request, understood, stamp=stamp, draw=draw)
        self._recorder.refuse_other(decision)
        self._budgets.charge(decision)
        self._recent.remember(decision.decision_id, private_risks(decision), request, org=organisation_of(request))
        self.memory.drills.remember(decision)
        if decision.lane is not None:
            self._arms.count(decision.lane, decision.estimates[decision.lane].cost_usd)
        if self._learner is not None:
            self._learner.remember(decision, contexts(understood))
        return decision

    def _weigh(
        self,
        rules: Rules,
        request: RouteRequest,
        understood: Understanding,
        *,
        stamp: tuple[int | None, datetime | None, str | None],
        draw: Draw,
        reviewed: PolicyFired | None = None,
        beside: State | None = None,
        again: State | None = None,
    ) -> RouteDecision:
        """Decide, without a trace. ``beside``: the state of the decision that this one is made beside; ``again``: of
        the one that it repeats."""
        seed, now, decision_id = stamped(*stamp)
        up, subject = self._health.snapshot, self.config.logging.subject
        if beside is not None:
            health, drill = as_recorded(up, beside)
        elif again is not None:
            health, drill = self.memory.drills.again(up, again.drill, now=now)
        else:
            health, drill = self.memory.drills.under(up, request, now=now, subject=subject)
        remembered = Remembered(
            health=health,
            pinned=self._recent.risks(request.previous, self.log, org=organisation_of(request)),
            standing=lambda name: self._budgets.standing(name, now),
            probes=self._arms.probes(self.config.lanes),
            explore_left=self._arms.left_usd,
            drill=drill,
            organisations=self._recent.organisations(),
        )
        stamp = (seed, now, decision_id)
        return self.conclude(rules.at(now), request, understood, remembered, stamp=stamp, draw=draw, reviewed=reviewed)

    def _record(self, rules: Rules, made: Sequence[Made]) -> None:
        record(self._recorder, made, encoder=rules.base.versions.encoder, config=rules.base.config)


def no_shadow(decision_id: str | None) -> None:
    """Raise InvalidRequestError where a caller's id is one that only shadows have, or evaluations."""
    if is_unacted(str(decision_id)):
        ends = " or ".join(UNACTED_SUFFIXES)
        raise InvalidRequestError(f"Found a decision_id that ends in {ends}, which only shadows have, or evaluations.")
