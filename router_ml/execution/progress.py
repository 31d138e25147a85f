"""How far a request had come when it stopped, beside its conversation, so that it goes on as it was."""

from __future__ import annotations

from dataclasses import dataclass, field

from router_ml.contract import ToolCall
from router_ml.execution.client_side import ClientSide
from router_ml.execution.grants import Grant
from router_ml.execution.retrieval.passages import Passage


@dataclass(frozen=True)
class Progress:
    """What all executions of a request came to so far, however often it stopped.

    ``context_ids``: of passages that a lane was given, ``passages`` those themselves; ``looked_up``: nothing is
    looked up again; ``tool_calls``: all that were made; ``spent_usd``: what counts against the limit; ``client``:
    what the caller brought along; ``granted``: an approval that was not used yet; ``reviewed``: a person agreed to
    the request, or to the answer; ``unfinished``: it stopped in the middle of a round of tools; ``with_model``: the
    answer has to fit a pydantic model, which cannot be kept.
    """

    context_ids: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = ()
    looked_up: bool = False
    tool_calls: tuple[ToolCall, ...] = ()
    spent_usd: float = 0.0
    client: ClientSide = field(default_factory=ClientSide)
    granted: Grant | None = None
    reviewed: bool = False
    unfinished: bool = False
    with_model: bool = False
