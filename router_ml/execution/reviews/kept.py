"""A request that waits for a person; and where it does without a database."""

from __future__ import annotations

import json
import math
import threading
import time
import zlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache

from pydantic import TypeAdapter

from router_ml.contract import Approval, Execution, RouteDecision, RouteRequest
from router_ml.contract.base import JsonObject
from router_ml.errors import ReviewError
from router_ml.execution.lanes.reply import ToolRequest
from router_ml.execution.progress import Progress
from router_ml.guardrails.digests import key_from_environment
from router_ml.guardrails.withholding import withheld
from router_ml.storage.held import Held, State

REMEMBERED = 10_000  # approvals that are over, so that their state can still be asked for
LOOK_AGAIN_S = 5.0
NOT_KEPT = "(not kept)"
"""The text of a request whose words are kept elsewhere, or no longer."""


@dataclass(frozen=True)
class Suspended:
    """A request that stopped to wait for a person, with all that it needs to go on.

    ``messages``: the conversation so far; ``tool_request``: the call that waits; ``answer``, ``citations`` and
    ``lane``: the answer that waits, what it cites apart, and whose it is; ``progress``: how far the request had come.
    ``whole``: False where only what may be logged is left of it (``bare``).
    """

    approval_id: str
    decision: RouteDecision
    request: RouteRequest
    messages: tuple[JsonObject, ...]
    execution: Execution
    tool_request: ToolRequest | None = None
    answer: str | None = None
    citations: tuple[str, ...] = ()
    lane: str | None = None
    progress: Progress = field(default_factory=Progress)
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
            execution=withheld(self.execution, key_from_environment(), tools=planned),
            tool_request=ToolRequest("", name, "") if name else None,
            answer=None,
            citations=(),
            progress=Progress(context_ids=self.progress.context_ids),
            whole=False,
        )

    def to_json(self) -> str:
        """As JSON, for ``from_json``."""
        return json.dumps(_adapter().dump_python(self, mode="json"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Suspended:
        """From what ``to_json`` gave.

        Raises:
            ValueError: another release wrote it.
        """
        return _adapter().validate_python(json.loads(text))


def unpacked(approval_id: str, kept: bytes) -> Suspended:
    """What was kept.

    Raises:
        ReviewError: another release wrote it.
    """
    try:
        return Suspended.from_json(kept)
    except ValueError:
        raise ReviewError(f"Approval {approval_id} was asked for by another release. Deny it there.") from None


@cache
def _adapter() -> TypeAdapter[Suspended]:
    return TypeAdapter(Suspended)


class Words:
    """Requests that wait for a person and are kept in this process alone. They may be many and wait for a day, so each
    is packed: some 3 kB instead of 25."""

    def __init__(self) -> None:
        self._packed: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._packed)

    def put(self, suspended: Suspended) -> None:
        """Keep one."""
        self._packed[suspended.approval_id] = zlib.compress(suspended.to_json().encode())

    def get(self, approval_id: str) -> Suspended | None:
        """One that is kept, None where it is not."""
        packed = self._packed.get(approval_id)
        return None if packed is None else Suspended.from_json(zlib.decompress(packed))

    def pop(self, approval_id: str) -> Suspended | None:
        """``get``, and let go of it."""
        found = self.get(approval_id)
        self.drop(approval_id)
        return found

    def drop(self, *approval_ids: str) -> None:
        """Let go of some, where they are there."""
        for name in approval_ids:
            self._packed.pop(name, None)

    def names(self) -> set[str]:
        """All that are kept."""
        return set(self._packed)


@dataclass
class InMemory:
    """A ``Keeps`` in this process alone: without a log, or while it cannot be opened.

    ``words``: requests that the log may not keep, whose rows are in the log.
    """

    rows: dict[str, Held] = field(default_factory=dict)
    said: dict[str, list[Approval]] = field(default_factory=dict)
    words: Words = field(default_factory=Words)
    lock: threading.Lock = field(default_factory=threading.Lock)
    looked: float = -math.inf

    def due(self) -> bool:
        """Whether it is time to look again which words are still needed."""
        with self.lock:
            now = time.monotonic()
            due = now - self.looked >= LOOK_AGAIN_S
            self.looked = now if due else self.looked
        return due

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

    def take(self, approval_id: str, now: datetime, *, state: State) -> bytes | None:
        """See ``Keeps.take``."""
        with self.lock:
            row = self.rows.get(approval_id)
            if row is None or row.state != state or state == "requested" or row.until <= now:
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
