"""Which of several engines or tools: a selector of LlamaIndex on one decision of the router."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from llama_index.core.base.base_selector import BaseSelector, SelectorResult, SingleSelection
from llama_index.core.schema import QueryBundle
from llama_index.core.tools.types import ToolMetadata

from router_ml.contract import RouteDecision, RouteRequest
from router_ml.errors import InvalidRequestError, NotRoutedError
from router_ml.rollout import Rollout
from router_ml.router import Router
from router_ml.understanding.encoder import Encoder


class RouterSelector(BaseSelector):  # type: ignore[misc]
    """Selects by what the router understood of a query, without a call to an LLM.

    A choice that bears the name of something that was decided (intent, domain, lane, index, planned tool, traffic
    class) is taken; otherwise the one whose description is nearest to the query. The decision is logged as any other,
    and the reason of a selection names it.

    Args:
        router: with a bundle, whose encoder says what is near.
        top: how many are selected. request: fields of ``RouteRequest`` for every query.
    """

    def __init__(self, router: Router | Rollout, *, top: int = 1, request: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._router, self._top, self._request = router, top, dict(request or {})
        self._encoder, self._known = self._current(), dict[str, Any]()

    def _update_prompts(self, prompts_dict: Any) -> None:
        """It has no prompts."""

    def _get_prompts(self) -> dict[str, Any]:
        return {}

    def _select(self, choices: Sequence[ToolMetadata], query: QueryBundle) -> SelectorResult:
        """The choices, best first.

        Raises:
            NotRoutedError: nobody is to answer this query without being asked. InvalidRequestError: no choice is given.
        """
        if not choices:
            raise InvalidRequestError("There is nothing to select from. Give at least one choice.")
        request = RouteRequest.parse({"text": query.query_str, **self._request})
        decision = self._router.predict_route(request)
        if decision.action != "route":
            raise NotRoutedError(decision)
        named = _decided(decision)
        near = self._nearness(request.task, choices)
        rank = sorted(range(len(choices)), key=lambda at: (choices[at].name not in named, -near[at], at))
        return SelectorResult(
            selections=[
                SingleSelection(index=at, reason=_reason(decision, named.get(choices[at].name or ""), near[at]))
                for at in rank[: self._top]
            ]
        )

    async def _aselect(self, choices: Sequence[ToolMetadata], query: QueryBundle) -> SelectorResult:
        return await asyncio.to_thread(self._select, choices, query)

    def _current(self) -> Encoder:
        if self._router.bundle is None:
            raise InvalidRequestError("This router has no encoder to compare descriptions with. Load a bundle.")
        return self._router.bundle.encoder

    def _nearness(self, task: str, choices: Sequence[ToolMetadata]) -> list[float]:
        if self._encoder is not (encoder := self._current()):  # another bundle serves now
            self._encoder, self._known = encoder, {}
        asked = self._encoder.encode([task])[0].representation
        return [float(asked @ self._vector(f"{choice.name or ''} {choice.description or ''}")) for choice in choices]

    def _vector(self, text: str) -> Any:
        if text not in self._known:
            self._known[text] = np.asarray(self._encoder.encode([text])[0].representation)
        return self._known[text]


def _decided(decision: RouteDecision) -> dict[str, str]:
    """What was decided, by name."""
    found = {
        decision.traffic_class: "traffic class",
        decision.domain.label: "domain",
        decision.intent.label: "intent",
        decision.lane or "": "lane",
        decision.retrieval.index or "": "index",
        **{tool.name: "tool" for tool in decision.tools},
    }
    found.pop("", None)
    return found


def _reason(decision: RouteDecision, named: str | None, near: float) -> str:
    why = f"it is the {named} that was decided" if named else f"its description is nearest ({near:.2f})"
    return f"{decision.decision_id}: {decision.intent.label}, {decision.domain.label}; {why}."
