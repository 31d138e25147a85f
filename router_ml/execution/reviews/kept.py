"""A request that waits for a person, as it is kept."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cache

from pydantic import TypeAdapter

from router_ml.contract import Execution, RouteDecision, RouteRequest
from router_ml.contract.base import JsonObject
from router_ml.errors import ReviewError
from router_ml.execution.lanes.reply import ToolRequest
from router_ml.execution.progress import Progress
from router_ml.guardrails.digests import key_from_environment
from router_ml.guardrails.withholding import withheld

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
