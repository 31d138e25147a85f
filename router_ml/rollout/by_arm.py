"""Requests decided by the arm of their session, for callers who do not wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from router_ml import telemetry
from router_ml.contract import Degraded, RouteDecision, RouteRequest
from router_ml.deciding.deadline import Claim, GivenUpError, InTime, Stamp
from router_ml.deciding.late import Answer
from router_ml.rollout.delegating import Delegating
from router_ml.rollout.given import Given
from router_ml.rollout.releases import Arrangement
from router_ml.rollout.shadows import Shadows
from router_ml.rollout.swapping import Swapper
from router_ml.state.draws import Draw
from router_ml.understanding.understand import Understanding


class ByArm(Delegating, InTime):
    """Arms, who was given which, and the shadow that looks on."""

    def __init__(self, swapper: Swapper) -> None:
        super().__init__(swapper)
        self._shadows = Shadows()
        self._given = Given()

    def predict_claimed(self, request: RouteRequest, claim: Claim | None, **stamp: Unpack[Stamp]) -> RouteDecision:
        """``predict_route``, unless its claim is given up before anything is logged; see ``InTime``."""
        arranged, began = self._swapper.now, telemetry.clock()
        draw = self._given.draw(arranged, request, self.log)
        router = arranged.router(draw.arm)
        rules = router.rules
        understood = router.understand([request])
        if claim is not None and claim.given_up:
            raise GivenUpError
        decision = router.decide(request, understood[0], rules=rules, draw=draw, began=began, claim=claim, **stamp)
        self._remember(arranged, [request], understood, [decision], [draw])
        return decision

    def predict_degraded(self, request: RouteRequest, why: Degraded, **stamp: Unpack[Stamp]) -> RouteDecision:
        """``decide_degraded`` by the arm of the session, as far as that is known without the log; see ``InTime``. The
        shadow takes no part."""
        arranged = self._swapper.now
        draw = self._given.draw(arranged, request, None)
        decision = arranged.router(draw.arm).decide_degraded(request, why, draw=draw, **stamp)
        if arranged.shares is not None:
            self._given.remember([(request, decision, draw)])
        return decision

    def predict_each(
        self, requests: Sequence[RouteRequest], claims: Sequence[Claim], *, seeds: Sequence[int] | None = None
    ) -> list[Answer]:
        """Decide many, each for itself and by the arm of its session, with one encoder pass per arm; see
        ``decide_each``."""
        arranged = self._swapper.now
        draws = [self._given.draw(arranged, request, self.log) for request in requests]
        answers: dict[int, Answer] = {}
        for arm in dict.fromkeys(draw.arm for draw in draws):
            rows = [index for index, draw in enumerate(draws) if draw.arm == arm]
            asked, drawn = [requests[row] for row in rows], [draws[row] for row in rows]
            router = arranged.router(arm)
            rules = router.rules
            understood = router.understand(asked)
            made = router.decide_each(
                asked,
                understood,
                rules=rules,
                claims=[claims[row] for row in rows],
                seeds=[seeds[row] for row in rows] if seeds else None,
                draws=drawn,
            )
            for request, seen, answer, draw in zip(asked, understood, made, drawn, strict=True):
                if isinstance(answer, RouteDecision):
                    self._remember(arranged, [request], [seen], [answer], [draw])
            answers.update(zip(rows, made, strict=True))
        return [answers[index] for index in range(len(requests))]

    def _remember(
        self,
        arranged: Arrangement,
        requests: Sequence[RouteRequest],
        understood: Sequence[Understanding],
        decisions: Sequence[RouteDecision],
        draws: Sequence[Draw],
    ) -> None:
        """Keep who was given what, and let the shadow see what the champion decided."""
        if arranged.shares is not None:
            self._given.remember(zip(requests, decisions, draws, strict=True))
        if arranged.shadow is not None and draws and draws[0].arm == "champion":
            by, shadow = arranged.champion.router, arranged.shadow.router
            for request, seen, decision in zip(requests, understood, decisions, strict=True):
                self._shadows.offer(shadow, request, seen, decision=decision, by=by)
