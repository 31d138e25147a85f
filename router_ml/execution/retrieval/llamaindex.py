"""A LlamaIndex retriever as one of ours."""

from __future__ import annotations

from typing import Any

from router_ml.execution.retrieval.passages import Passage


class LlamaIndexRetriever:
    """Searches through any LlamaIndex ``BaseRetriever``; nothing of LlamaIndex is imported here.

    Args:
        retriever: as ``VectorStoreIndex(...).as_retriever(similarity_top_k=20)``; how many it finds is set there, the
            best ``top_k`` of them are taken.
    """

    def __init__(self, retriever: Any) -> None:
        self._retriever = retriever

    def search(self, query: str, *, top_k: int) -> list[Passage]:
        """The passages nearest to a query, by the ids of their nodes."""
        found = self._retriever.retrieve(query)
        made = [_passage(one) for one in found]
        return sorted((one for one in made if one.text.strip()), key=lambda one: -one.score)[:top_k]


def _passage(found: Any) -> Passage:
    node = found.node
    told = node.metadata or {}
    source = str(told.get("file_path") or told.get("file_name") or told.get("source") or "")
    return Passage(str(node.node_id), str(node.get_content()), float(found.score or 0.0), source)
