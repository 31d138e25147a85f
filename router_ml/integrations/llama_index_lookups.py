"""Whether and where to look things up: a retriever of LlamaIndex that follows the retrieval plan of a decision."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from router_ml.contract import RouteRequest
from router_ml.errors import NotRoutedError, RouterError
from router_ml.execution.retrieval.indexes import Indexes
from router_ml.execution.retrieval.passages import Reranker, Retriever
from router_ml.rollout import Rollout
from router_ml.router import Router


class RouterRetriever(BaseRetriever):  # type: ignore[misc]
    """Retrieves what the plan says: nothing, or passages of the index that was planned, reranked where that was.

    Nodes have the ids of the passages, which answers cite, and the decision in their metadata.

    Args:
        retrievers, rerankers: by name of an index, of a reranker. request: fields of ``RouteRequest`` for every query.
    """

    def __init__(
        self,
        router: Router | Rollout,
        retrievers: Mapping[str, Retriever],
        *,
        rerankers: Mapping[str, Reranker] | None = None,
        request: Mapping[str, Any] | None = None,
        **given: Any,
    ) -> None:
        super().__init__(**given)
        self._router, self._request = router, dict(request or {})
        self._indexes = Indexes(router.config, retrievers, rerankers)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """``_aretrieve`` for callers without an event loop, or inside of one."""
        with ThreadPoolExecutor(1) as apart:
            return apart.submit(asyncio.run, self._aretrieve(query_bundle)).result()

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """The passages as nodes, best first.

        Raises:
            NotRoutedError: nobody is to answer this query yet. RouterError: the index could not be searched.
        """
        request = RouteRequest.parse({"text": query_bundle.query_str, **self._request})
        decision = await asyncio.to_thread(self._router.predict_route, request)
        if decision.action not in ("route", "clarify"):
            raise NotRoutedError(decision)
        found = await self._indexes.look_up(decision, request, allowed=decision.destinations)
        if found is None:
            return []
        lookup, passages = found
        if lookup.error is not None and not passages:
            raise RouterError(f"{decision.decision_id}: index {lookup.index!r} gave nothing: {lookup.error}.")
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
