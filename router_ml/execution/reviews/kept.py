"""A request that waits for a person; and where it does without a database."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

from router_ml.contract import Approval, Execution, RouteDecision, RouteRequest, ToolCall
from router_ml.contract.base import JsonObject
from router_ml.execution.lanes.reply import ToolRequest
from router_ml.guardrails.digests import key_from_environment
from router_ml.guardrails.withholding import withheld
from router_ml.storage.held import Held

REMEMBERED = 10_000  # approvals that are over, so that their state can still be asked for
NOT_KEPT = "(not kept)"
"""The text of a request whose words are kept elsewhere, or no longer."""


@dataclass(frozen=True)
class Suspended:
    """A request that stopped to wait for a person, with all that it needs to go on.

    ``messages``: the conversation so far; ``earlier_calls``: of tools, before those of ``execution``, where it waits
    not for the first time; ``spent_usd``: in all; ``tool_request``: the call that waits; ``answer`` and ``lane``: the
    answer that waits, and whose it is. ``whole``: False where only what may be logged is left of it (``bare``).
    """

    approval_id: str
    decision: RouteDecision
    request: RouteRequest
    messages: tuple[JsonObject, ...]
    execution: Execution
    earlier_calls: tuple[ToolCall, ...] = ()
    spent_usd: float = 0.0
    tool_request: ToolRequest | None = None
    answer: str | None = None
    lane: str | None = None
    whole: bool = True

    @property
    def tool(self) -> tuple[str, str]:
        """Name and version of the tool that is asked for, as planned; empty where none is, or none of the plan."""
        planned = {tool.name: tool.version for tool in self.decision.tools}
        asked = self.tool_request
        return ("", "") if asked is None or asked.name not in planned else (asked.name, planned[asked.name])

    def bare(self) -> Suspended:
        """The same without a word that anybody said: enough to see what it is about and to end it, not to go on."""
        planned, name = [tool.name for tool in self.decision.tools], self.tool[0]
        return replace(
            self,
            request=RouteRequest(text=NOT_KEPT),
            messages=(),
            earlier_calls=(),
            execution=withheld(self.execution, key_from_environment(), tools=planned),
            tool_request=ToolRequest("", name, "") if name else None,
            answer=None,
            whole=False,
        )

    def to_json(self) -> str:
        """As JSON, for ``from_json``."""
        asked = self.tool_request
        return json.dumps(
            {
                "approval_id": self.approval_id,
                "decision": self.decision.model_dump(mode="json"),
                "request": self.request.model_dump(mode="json"),
                "messages": list(self.messages),
                "execution": self.execution.model_dump(mode="json"),
                "earlier_calls": [call.model_dump(mode="json") for call in self.earlier_calls],
                "spent_usd": self.spent_usd,
                "tool_request": None if asked is None else asdict(asked),
                "answer": self.answer,
                "lane": self.lane,
                "whole": self.whole,
            }
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Suspended:
        """From what ``to_json`` gave.

        Raises:
            ValueError, KeyError, TypeError: another release wrote it.
        """
        said = json.loads(text)
        asked = said["tool_request"]
        return cls(
            approval_id=said["approval_id"],
            decision=RouteDecision.model_validate(said["decision"]),
            request=RouteRequest.model_validate(said["request"]),
            messages=tuple(said["messages"]),
            execution=Execution.model_validate(said["execution"]),
            earlier_calls=tuple(ToolCall.model_validate(call) for call in said["earlier_calls"]),
            spent_usd=said["spent_usd"],
            tool_request=None if asked is None else ToolRequest(**asked),
            answer=said["answer"],
            lane=said["lane"],
            whole=said["whole"],
        )


@dataclass
class InMemory:
    """A ``Keeps`` in this process alone: without a log, or while it cannot be opened.

    ``words``: requests that the log may not keep, whose rows are in the log.
    """

    rows: dict[str, Held] = field(default_factory=dict)
    said: dict[str, list[Approval]] = field(default_factory=dict)
    words: dict[str, Suspended] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hold(self, step: Approval, kept: bytes, *, until: datetime) -> None:
        """See ``Keeps.hold``."""
        with self.lock:
            self.said[step.approval_id] = [step]
            self.rows[step.approval_id] = Held(step.approval_id, step.decision_id, "requested", until, kept)
            if len(self.said) > REMEMBERED + len(self.rows):
                del self.said[next(name for name in self.said if name not in self.rows)]

    def settle(self, step: Approval, kept: bytes | None, *, until: datetime) -> bool:
        """See ``Keeps.settle``."""
        with self.lock:
            row = self.rows.get(step.approval_id)
            if row is None or row.state != "requested" or (row.until <= step.at) != (step.state == "expired"):
                return False
            left = row.kept if kept is None else kept
            self.rows[step.approval_id] = replace(row, state=step.state, until=until, kept=left)
            self.said[step.approval_id].append(step)
            return True

    def take(self, approval_id: str, now: datetime) -> bytes | None:
        """See ``Keeps.take``."""
        with self.lock:
            row = self.rows.get(approval_id)
            if row is None or row.state == "requested" or row.until <= now:
                return None
            return self.rows.pop(approval_id).kept

    def drop(self, held: Held, now: datetime, step: Approval | None) -> bool:
        """See ``Keeps.drop``."""
        with self.lock:
            row = self.rows.get(held.approval_id)
            if row is None or row.state != held.state or row.until > now:
                return False
            del self.rows[held.approval_id]
            self.said[held.approval_id] += [] if step is None else [step]
            return True

    def held(self, approval_id: str | None = None) -> list[Held]:
        """See ``Keeps.held``."""
        with self.lock:
            found = [row for name, row in self.rows.items() if approval_id in (None, name)]
        return sorted(found, key=lambda row: (row.until, row.approval_id))

    def steps(self, approval_id: str) -> list[Approval]:
        """See ``Keeps.steps``."""
        with self.lock:
            return list(self.said.get(approval_id, ()))
