"""Decisions that nobody acts on: of a shadow beside the champion, of a bundle before it takes over, of a request that
somebody only wants to try."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from router_ml.contract import RouteDecision, RouteRequest
from router_ml.deciding.late import Late
from router_ml.deciding.reading import read
from router_ml.deciding.recording import Made
from router_ml.state.draws import CHAMPION, SHADOW, Draw, shadow_id
from router_ml.understanding.understand import Understanding


class Beside(Late):
    """Decides without effect: no money is spent, no probe is made, nothing is remembered or taught."""

    def shadow(self, request: RouteRequest, understood: Understanding, *, of: RouteDecision) -> RouteDecision:
        """Decide what another router has decided, with the same draw and clock, and log it beside ``of``. Nobody acts
        on it, so it spends no money, makes no probe and teaches nothing."""
        rules, state = self.rules, of.state
        draw = Draw(SHADOW, state.arm_share, state.rollout, state.arm_session)
        stamp = of.seed, of.created_at, shadow_id(of.decision_id)
        decision = self._weigh(rules, request, understood, stamp=stamp, draw=draw, beside=state)
        self._record(rules, [Made(request, understood, decision)])
        return decision

    def rehearse(self, request: RouteRequest) -> RouteDecision:
        """Decide without a trace, so that what is slow at the first time has been done once."""
        rules = self.rules
        understood = read(rules.base.config, self.bundle, [request])[0]
        return self._weigh(rules, request, understood, stamp=(0, None, None), draw=Draw(SHADOW))

    def preview(self, request: RouteRequest, *, seed: int | None = None, now: datetime | None = None) -> RouteDecision:
        """What would be decided of a request now, without a trace.

        The lane is drawn as ever, so that another draw may take another one: ``propensities`` say how often. The id
        begins with ``preview_`` and is in no log.
        """
        rules = self.rules
        understood = read(rules.base.config, self.bundle, [request])[0]
        stamp = (seed, now, f"preview_{secrets.token_hex(8)}")
        return self._weigh(rules, request, understood, stamp=stamp, draw=CHAMPION)

    def made_beside(
        self, requests: Sequence[RouteRequest], *, stamps: Sequence[tuple[int, datetime, str]]
    ) -> list[Made]:
        """What would be decided of many requests, and what that was made from, without a trace.

        Args:
            stamps: seed, clock and id of each.
        """
        rules = self.rules
        understood = read(rules.base.config, self.bundle, requests)
        parts = zip(requests, understood, stamps, strict=True)
        return [
            Made(request, seen, self._weigh(rules, request, seen, stamp=stamp, draw=CHAMPION))
            for request, seen, stamp in parts
        ]
