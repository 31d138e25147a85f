"""What carrying out one request came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, JsonValue

from router_ml.contract import Execution, ExecutionStatus, RouteDecision
from router_ml.execution.lanes.reply import ToolRequest
from router_ml.execution.validation.structured import parsed

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Completion:
    """The answer, or why there is none, with the whole story.

    ``text``: what to show, also where it is a question back, a static answer or the reason of a refusal; ``value``: the
    parsed answer of a contract of type json or label; ``citations``: ids of passages; ``execution``: the evidence;
    ``tool_requests``: calls of tools that the caller brought along, for the caller to make; ``warnings``: what is
    doubtful about a valid answer, as a citation that its passage does not support.
    """

    status: ExecutionStatus
    text: str
    decision: RouteDecision
    execution: Execution
    value: JsonValue = None
    citations: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    review_id: str | None = None
    tool_requests: tuple[ToolRequest, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def answered(self) -> bool:
        """Whether a lane's answer passed everything."""
        return self.status == "answered"

    def parse(self, model: type[M]) -> M:
        """The value as an instance of a pydantic model.

        Raises:
            InvalidRequestError: it does not fit, or there is none; names the fields, without what was in them.
        """
        return parsed(model, self.value)
