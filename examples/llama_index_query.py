"""A query engine of LlamaIndex, routed thrice: ``python -m examples.llama_index_query``.

The selector takes the engine, the retriever looks up what the plan says, the LLM answers on the lane that was decided.
"""

from __future__ import annotations

from llama_index.core.query_engine import RetrieverQueryEngine, RouterQueryEngine
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.tools import QueryEngineTool, ToolMetadata

from examples.setting import loopback_executor
from router_ml.execution.retrieval.passages import Passage
from router_ml.integrations.llama_index import RouterLLM, RouterRetriever, RouterSelector

SHELVES = {
    "help_center": ("Help for customers: orders, returns, refunds", "Orders can be returned within 30 days."),
    "policies": ("Rules of the company: travel, expenses, holidays", "Trains are booked in second class."),
}


class Shelf:
    """The smallest index there is: one passage."""

    def __init__(self, name: str, text: str) -> None:
        self._passage = Passage(f"{name}-1", text, 1.0, f"{name}.md")

    def search(self, query: str, *, top_k: int) -> list[Passage]:
        """That passage."""
        return [self._passage][:top_k]


def main() -> None:
    """Ask."""
    with loopback_executor() as executor:
        llm = RouterLLM(executor)
        shelves = {name: Shelf(name, text) for name, (_, text) in SHELVES.items()}
        tools = [
            QueryEngineTool(
                query_engine=RetrieverQueryEngine.from_args(RouterRetriever(executor.router, shelves), llm=llm),
                metadata=ToolMetadata(name=name, description=description),
            )
            for name, (description, _) in SHELVES.items()
        ]
        engine = RouterQueryEngine(
            selector=RouterSelector(executor.router),
            query_engine_tools=tools,
            llm=llm,
            summarizer=get_response_synthesizer(llm=llm),
        )
        answer = engine.query("What do our travel rules say about trains?")
        print(answer.metadata["selector_result"].reason)
        print(answer, [node.node.node_id for node in answer.source_nodes])


if __name__ == "__main__":
    main()
