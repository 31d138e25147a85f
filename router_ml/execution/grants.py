"""What a person agreed to: one call of one version of a tool, with these arguments, once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from router_ml.contract import RouteDecision
from router_ml.execution.lanes.reply import ToolRequest
from router_ml.execution.tools.arguments import canonical

if TYPE_CHECKING:
    from router_ml.execution.reviews.reviews import Suspended


@dataclass(frozen=True)
class Grant:
    """An approval and the call that it is of. The id of a call is not part of it: lanes make those up, and may give two
    calls the same one."""

    approval_id: str
    tool: str
    version: str
    arguments: str

    @classmethod
    def of(cls, waited: Suspended) -> Grant | None:
        """The one of a call that waited; None where no call did."""
        if waited.tool_request is None:
            return None
        return cls(waited.approval_id, *waited.tool, canonical(waited.tool_request.arguments))

    def covers(self, decision: RouteDecision, request: ToolRequest) -> bool:
        """Whether it is of this call."""
        planned = {tool.name: tool.version for tool in decision.tools}
        same = request.name == self.tool and planned.get(request.name) == self.version
        return same and canonical(request.arguments) == self.arguments
