"""Decisions for callers who do not wait: by rules alone where time is up, and many at once, each for itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Unpack

from router_ml import telemetry
from router_ml.contract import Degraded, RouteDecision, RouteRequest
from router_ml.deciding.arguments import stamped
from router_ml.deciding.deadline import Claim, GivenUpError, InTime, Stamp
from router_ml.deciding.decider import Decider, no_shadow
from router_ml.deciding.reading import read
from router_ml.deciding.recording import Made
from router_ml.errors import RouterError
from router_ml.ruling.case import organisation_of
from router_ml.state.draws import CHAMPION, Draw
from router_ml.state.overrides import Rules
from router_ml.state.remembered import Remembered
from router_ml.state.sessions import private_risks
from router_ml.understanding.understand import Understanding, unlearned

Answer = RouteDecision | RouterError
"""What becomes of one of many requests: its decision, or why there is none."""

_TURN = 8_000  # characters that are read before it is asked again whether anybody waits
_SAMPLE = 4_000  # characters of a request whose language is told while its deadline has passed


def size_of(request: RouteRequest) -> int:
    """Characters of a request that are read to understand it; by far the most of what deciding it costs."""
    return len(request.task) + sum(len(text) for text in request.context)


def in_turns(
    understand: Callable[[Sequence[RouteRequest]], list[Understanding]],
    requests: Sequence[RouteRequest],
    claim: Claim | None,
) -> list[Understanding]:
    """Understand many, a few at a time as long as somebody waits for them; all at once where nobody could say so.

    Raises:
        GivenUpError: nobody waits any more.
    """
    if claim is None:
        return understand(requests)
    found: list[Understanding] = []
    while len(found) < len(requests):
        size, some = 0, list[RouteRequest]()
        for request in requests[len(found) :]:
            size += size_of(request)
            if some and size > _TURN:
                break
            some.append(request)
        if claim.given_up:
            raise GivenUpError
        found += understand(some)
    return found


class Late(Decider, InTime):
    """Decides in time, or as well as can be."""

    def predict_claimed(self, request: RouteRequest, claim: Claim | None, **stamp: Unpack[Stamp]) -> RouteDecision:
        """``predict_route``, unless its claim is given up before anything is logged; see ``InTime``."""
        rules, began = self.rules, telemetry.clock()
        understood = read(rules.base.config, self.bundle, [request])[0]
        if claim is not None and claim.given_up:
            raise GivenUpError
        return self.decide(request, understood, rules=rules, began=began, claim=claim, **stamp)

    def predict_degraded(self, request: RouteRequest, why: Degraded, **stamp: Unpack[Stamp]) -> RouteDecision:
        """``decide_degraded``; see ``InTime``."""
        return self.decide_degraded(request, why, **stamp)

    def predict_each(
        self, requests: Sequence[RouteRequest], claims: Sequence[Claim], *, seeds: Sequence[int] | None = None
    ) -> list[Answer]:
        """Decide many with one encoder pass, each for itself; see ``decide_each``."""
        rules = self.rules
        understood = read(rules.base.config, self.bundle, requests)
        return self.decide_each(requests, understood, rules=rules, claims=claims, seeds=seeds)

    def decide_degraded(
        self,
        request: RouteRequest,
        why: Degraded,
        *,
        seed: int | None = None,
        now: datetime | None = None,
        decision_id: str | None = None,
        draw: Draw = CHAMPION,
    ) -> RouteDecision:
        """Decide at once and log a request that nobody has time to look at: a millisecond or two of the processor.

        It counts as not scanned, so every rule on what a scan could have found holds, and its session stays private.
        Lanes have their priors alone, nothing is explored or probed, and no drill takes part. What only the classifier
        could have found is not known. The log is not asked for an earlier turn: what this process does not remember of
        it is read off a signed pin, or counts as private.
        """
        no_shadow(decision_id)
        self.memory.listener.look()
        rules, began = self.rules, telemetry.clock()
        at = stamped(seed, now, decision_id)
        understood = unlearned(request, sample=_SAMPLE)
        remembered = Remembered(
            health=self._health.snapshot,
            pinned=self._recent.risks(request.previous, None, org=organisation_of(request)),
            standing=lambda name: self._budgets.standing(name, at[1]),
            probes={},
            explore_left=self._arms.left_usd,
            organisations=self._recent.organisations(),
        )
        made = self.conclude(rules.at(at[1]), request, understood, remembered, stamp=at, draw=draw, degraded=why)
        decisions: list[RouteDecision] = []
        with self._all_or_nothing(decisions, probes=False):  # of which it counts none
            self._recorder.refuse_other(made)
            self._budgets.charge(made)
            decisions.append(made)
            self._recent.remember(made.decision_id, private_risks(made), request, org=organisation_of(request))
            self.memory.drills.remember(made)
            self._record(rules, [Made(request, understood, made, named=decision_id is not None)])
        telemetry.decided(made, began)
        return made

    def decide_each(
        self,
        requests: Sequence[RouteRequest],
        understood: Sequence[Understanding],
        *,
        rules: Rules,
        claims: Sequence[Claim],
        seeds: Sequence[int] | None = None,
        draws: Sequence[Draw] | None = None,
    ) -> list[Answer]:
        """Decide many that were understood together, in order, each for itself, and log them in one step: what is wrong
        with one is the answer to that one. The answer to what was given up meanwhile is a ``GivenUpError``, and nothing
        of it is charged, counted or logged. Spans are left to the caller, who knows in which trace each belongs.
        """
        answers: list[Answer] = [GivenUpError() for _ in requests]
        made: dict[int, Made] = {}
        try:
            for index, request in enumerate(requests):
                if claims[index].given_up:
                    continue
                stamp = (seeds[index] if seeds else None, None, None)
                draw = draws[index] if draws else CHAMPION
                try:
                    decision = self._decide(rules, request, understood[index], stamp=stamp, draw=draw)
                except RouterError as error:
                    answers[index] = error
                    continue
                made[index] = Made(request, understood[index], decision)
            for index in [index for index in made if not claims[index].take()]:
                self._give_back(made.pop(index).decision)
            if made:
                self._record(rules, list(made.values()))
        except RouterError:  # of the log: it may have been for one of them alone
            return self._recorded_alone(rules, made, answers)
        except BaseException:
            for one in made.values():
                self._give_back(one.decision)
            raise
        for index, one in made.items():
            answers[index] = one.decision
        return answers

    def _recorded_alone(self, rules: Rules, made: dict[int, Made], answers: list[Answer]) -> list[Answer]:
        for index, one in made.items():
            try:
                self._record(rules, [one])
                answers[index] = one.decision
            except RouterError as error:
                self._give_back(one.decision)
                answers[index] = error
        return answers
