"""What a rollout leaves to its champion: everything about a request but which arm decides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from router_ml.config import RouterConfig
from router_ml.contract import Approval, AuditEvent, Execution, Message, OutputCheck, RouteDecision, RouteRequest
from router_ml.deciding.rechecking import Still
from router_ml.deciding.recording import Ack
from router_ml.guardrails import Scan
from router_ml.rollout.releases import Serving
from router_ml.rollout.swapping import Swapper
from router_ml.router import Router
from router_ml.state.memory import Memory
from router_ml.state.overrides import Rules
from router_ml.state.sharing.switches import Switch
from router_ml.storage.bundle import Bundle
from router_ml.understanding.understand import Understanding

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.views.owners import Owned
    from router_ml.understanding.attribution import Attribution

Request = str | RouteRequest | Mapping[str, Any]


class Delegating:
    """Methods of ``Router`` that the champion of this moment answers."""

    def __init__(self, swapper: Swapper) -> None:
        self._swapper = swapper

    @property
    def _champion(self) -> Router:
        return self._swapper.now.champion.router

    def serving(self) -> tuple[Serving, ...]:
        """The versions that decide or shadow now, with the routers that they were opened as; the champion first."""
        return tuple(self._swapper.now.serving())

    def understand(self, requests: Sequence[RouteRequest]) -> list[Understanding]:
        """Encode and classify, with the champion's models."""
        return self._champion.understand(requests)

    def scan(self, request: Request) -> Scan:
        """What the champion's guards find in a request, without a decision."""
        return self._champion.scan(request)

    def attribute(self, request: Request, *, top: int | None = None) -> list[Attribution]:
        """Which words of a request's task made the labels that the champion gives it; see ``Router.attribute``."""
        return self._champion.attribute(request, top=top)

    def preview(self, request: RouteRequest, *, seed: int | None = None, now: datetime | None = None) -> RouteDecision:
        """What the champion would decide now, without a trace; see ``Router.preview``."""
        return self._champion.preview(request, seed=seed, now=now)

    def report_health(self, name: str, status: str) -> None:
        """Say that a lane, provider or failure domain of any arm is ``down`` or ``up``; it holds for all of them, and
        for those that come. See ``Router.report_health``."""
        self._champion.report_health(name, status)

    def switch_off(self, places: Sequence[str], *, who: str, why: str, until: datetime | None = None) -> Switch:
        """Turn lanes, providers or failure domains off, for all arms; see ``Router.switch_off``."""
        return self._champion.switch_off(places, who=who, why=why, until=until)

    def switch_on(self, name: str, *, who: str, why: str) -> AuditEvent:
        """Turn on again what was turned off; see ``Router.switch_on``."""
        return self._champion.switch_on(name, who=who, why=why)

    def switched_off(self) -> tuple[Switch, ...]:
        """What is off here; see ``Router.switched_off``."""
        return self._champion.switched_off()

    def serves(self) -> dict[str, dict[str, str | None]]:
        """By arm the bundle that decides, and its version in the registry."""
        now = self._swapper.now
        arms = {"champion": now.champion, "canary": now.canary, "holdback": now.holdback, "shadow": now.shadow}
        return {arm: one.router.serves()["champion"] for arm, one in arms.items() if one is not None}

    @property
    def memory(self) -> Memory:
        """What the routers of all arms share."""
        return self._champion.memory

    def pin(self, decision: RouteDecision) -> str | None:
        """A signed pin to hand back as ``previous.pin``; see ``Router.pin``."""
        return self._champion.pin(decision)

    def recheck(
        self,
        decision: RouteDecision,
        added: Sequence[str] = (),
        *,
        definitions: Sequence[str] = (),
        now: datetime | None = None,
    ) -> Still:
        """What a decision may still do, by the champion's rules whatever arm decided; see ``Router.recheck``."""
        return self._champion.recheck(decision, added, definitions=definitions, now=now)

    def decide_reviewed(
        self, request: RouteRequest, decision: RouteDecision, approval: Approval, *, now: datetime | None = None
    ) -> RouteDecision:
        """Decide what a person let through, by the champion whatever arm decided; see ``Router.decide_reviewed``."""
        return self._champion.decide_reviewed(request, decision, approval, now=now)

    def made_of(self, decision: RouteDecision, request: RouteRequest) -> bool:
        """Whether an arm of this process made a decision of this very request; see ``Router.made_of``."""
        return self._champion.made_of(decision, request)

    def check_output(
        self,
        decision: RouteDecision | str,
        output: str | Message | Mapping[str, Any],
        *,
        request: Request | None = None,
        now: datetime | None = None,
        keep: bool = True,
    ) -> OutputCheck:
        """Whether an answer may be shown, by the champion's rules whatever arm decided; see ``Router.check_output``."""
        return self._champion.check_output(decision, output, request=request, now=now, keep=keep)

    def acknowledged(self, decision: RouteDecision | str) -> Ack | None:
        """How far the record of a decision had got when it was answered; see ``Router.acknowledged``."""
        return self._champion.acknowledged(decision)

    def find(self, decision_id: str) -> RouteDecision | None:
        """A decision in the log, or on its way there; see ``Router.find``."""
        return self._champion.find(decision_id)

    def owners(self, decision_ids: Sequence[str]) -> dict[str, Owned]:
        """Of which organisation decisions are; see ``Router.owners``."""
        return self._champion.owners(decision_ids)

    def log_execution(
        self, execution: Execution | Mapping[str, Any], *, now: datetime | None = None, words: bool = True
    ) -> Ack | None:
        """Log what was done with a decision; see ``Router.log_execution``."""
        return self._champion.log_execution(execution, now=now, words=words)

    def log_approval(self, approval: Approval | Mapping[str, Any]) -> Ack | None:
        """Log a step of an approval; see ``Router.log_approval``."""
        return self._champion.log_approval(approval)

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until the database has all that was logged so far; see ``Router.flush``."""
        return self._champion.flush(timeout)

    def learned_state(self) -> dict[str, Any]:
        """What the champion has learned since it was opened; see ``Router.learned_state``."""
        return self._champion.learned_state()

    def resume(self, state: Mapping[str, Any]) -> None:
        """Let the champion go on from a ``learned_state``; see ``Router.resume``."""
        self._champion.resume(state)

    @property
    def rules(self) -> Rules:
        """The champion's rules: what may be in force now."""
        return self._champion.rules

    @property
    def config(self) -> RouterConfig:
        """The champion's configuration in force, without overrides."""
        return self._champion.config

    @property
    def bundle(self) -> Bundle | None:
        """The champion's."""
        return self._champion.bundle

    @property
    def log(self) -> EventLog | None:
        """The event log that all arms share."""
        return self._champion.log

    @property
    def keeps(self) -> bool:
        """Whether anything is kept; see ``Router.keeps``."""
        return self._champion.keeps
