"""Which bundle decides a request, while there are several: a draw per session, from nothing that is in the request.

A session's place in [0, 1) is a keyed hash of its name, so that every process gives it the same arm without asking
another, no caller can choose one, and nothing that is asked moves it. Shares are what is logged: the probability of an
arm is exact, and what is drawn within an arm is conditional on it.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, replace

from router_ml.contract import RouteRequest, State
from router_ml.contract.base import shadow_id

__all__ = ["CHAMPION", "SHADOW", "Draw", "Shares", "session_name", "shadow_id"]

SHADOW = "shadow"
"""The arm of decisions that nobody acts on: no traffic, no money, no propensity of anything that happened."""


@dataclass(frozen=True)
class Draw:
    """The arm of a request. ``share``: the probability that its session was given it; ``rollout``: what was drawn
    between, None where there was one arm only; ``session``: whom it was drawn for, as a hash of this rollout alone."""

    arm: str = "champion"
    share: float = 1.0
    rollout: str | None = None
    session: str | None = None

    @classmethod
    def of(cls, state: State) -> Draw:
        """The one that a decision was made with."""
        return cls(state.arm, state.arm_share, state.rollout, state.arm_session)


CHAMPION = Draw()


@dataclass(frozen=True)
class Shares:
    """How sessions are divided. ``holdback`` is taken off all sessions, ``canary`` off the others; each by a draw of
    its own, named by ``holdback_draw`` and ``canary_draw``, so that one does not move when the other does.

    >>> shares = Shares("router/2", canary=0.25, canary_draw="a")
    >>> drawn = [shares.draw(salt="secret", session=str(number)) for number in range(1000)]
    >>> sum(draw.arm == "canary" for draw in drawn), {draw.arm: draw.share for draw in drawn}
    (235, {'canary': 0.25, 'champion': 0.75})
    """

    rollout: str
    holdback: float = 0.0
    holdback_draw: str = ""
    canary: float = 0.0
    canary_draw: str = ""

    def by_arm(self) -> dict[str, float]:
        """The probability of each arm."""
        rest = 1 - self.holdback
        return {"champion": rest * (1 - self.canary), "canary": rest * self.canary, "holdback": self.holdback}

    def draw(self, *, salt: str, session: str | None) -> Draw:
        """The arm of a session, always the same; without a session, a fresh one."""
        name = secrets.token_hex(16) if session is None else session
        given, drawn_for = self._arm(salt, name), self.canary_draw or self.rollout
        return replace(given, rollout=self.rollout, session=_digest(salt, "session", drawn_for, name)[:8].hex())

    def _arm(self, salt: str, session: str) -> Draw:
        arm = "champion"
        if _uniform(salt, "holdback", self.holdback_draw, session) < self.holdback:
            arm = "holdback"
        elif _uniform(salt, "canary", self.canary_draw, session) < self.canary:
            arm = "canary"
        return Draw(arm, self.by_arm()[arm])


def session_name(request: RouteRequest, *, subject: str = "user") -> str | None:
    """Whom a request belongs to: ``metadata.session``, else ``metadata`` under the key ``subject``; within its
    organisation. None where it says neither."""
    for key in ("session", subject):
        value = request.metadata.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return f"{key}\0{request.metadata.get('org')}\0{value}"
    return None


def _uniform(salt: str, *names: str) -> float:
    return int.from_bytes(_digest(salt, *names)[:7], "big") / 2**56


def _digest(salt: str, *names: str) -> bytes:
    return hmac.digest(salt.encode(), "\0".join(names).encode("utf-8", "surrogatepass"), "sha256")
