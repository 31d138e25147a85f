"""Whether and where to look things up: a retriever of LlamaIndex that follows the retrieval plan of a decision."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from router_ml.contract import RouteRequest
from router_ml.errors import NotRoutedError
from router_ml.execution.retrieval import Retriever
from router_ml.router import Router


class RouterRetriever(BaseRetriever):  # type: ignore[misc]
    """Retrieves what the plan says: nothing, or passages of the index that was planned.

    Nodes have the ids of the passages, which answers cite, and the decision in their metadata.

    Args:
        retrievers: by name of an index. request: fields of ``RouteRequest`` for every query.
    """

    def __init__(
        self,
        router: Router,
        retrievers: Mapping[str, Retriever],
        *,
        request: Mapping[str, Any] | None = None,
        **given: Any,
    ) -> None:
        super().__init__(**given)
        self._router, self._retrievers, self._request = router, dict(retrievers), dict(request or {})

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """The passages as nodes, best first.

        Raises:
            NotRoutedError: nobody is to answer this query without being asked.
        """
        decision = self._router.predict_route(RouteRequest.parse({"text": query_bundle.query_str, **self._request}))
        if decision.action not in ("route", "clarify"):
            raise NotRoutedError(decision)
        plan = decision.retrieval
        if plan.strategy not in ("light", "deep") or plan.index not in self._retrievers:
            return []
        passages = self._retrievers[plan.index].search(query_bundle.query_str, top_k=plan.top_k)
        return [
            NodeWithScore(
                node=TextNode(
                    id_=one.id,
                    text=one.text,
                    metadata={"source": one.source, "decision_id": decision.decision_id},
                    excluded_llm_metadata_keys=["decision_id"],
                    excluded_embed_metadata_keys=["decision_id"],
                ),
                score=one.score,
            )
            for one in passages
        ]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)
