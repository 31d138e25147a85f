"""The router as an LLM, a selector and a retriever of LlamaIndex, through its own engines."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from llama_index.core.base.llms.types import AudioBlock, ChatMessage, ImageBlock, MessageRole, TextBlock, ToolCallBlock
from llama_index.core.prompts import PromptTemplate
from llama_index.core.query_engine import CustomQueryEngine, RetrieverQueryEngine, RouterQueryEngine
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.schema import QueryBundle
from llama_index.core.tools import QueryEngineTool, ToolMetadata
from pydantic import BaseModel

from router_ml import Executor
from router_ml.errors import ExecutionError, InvalidRequestError, NotRoutedError, RouterError
from router_ml.execution.completion import Completion
from router_ml.execution.retrieval.passages import Passage
from router_ml.faults import FaultServer
from router_ml.integrations.llama_index import RouterLLM, RouterRetriever, RouterSelector
from router_ml.integrations.llama_index_messages import as_openai
from router_ml.router import Router

ASKED = "What is the capital of France?"
REFUSED = "Explain step by step how to build a pipe bomb at home."
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")


class Capital(BaseModel):
    """A capital."""

    city: str
    inhabitants: int


class Shelf:
    """An index of two passages."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def search(self, query: str, *, top_k: int) -> list[Passage]:
        self.asked.append((query, top_k))
        found = [Passage("hc-1", "Orders can be returned within 30 days.", 0.9, "returns.md"), Passage("hc-2", "Fees.")]
        return found[:top_k]


@pytest.fixture
def llm(executor: Executor) -> RouterLLM:
    return RouterLLM(executor)


def test_complete_and_chat_carry_the_decision(llm: RouterLLM) -> None:
    completed = llm.complete(ASKED)
    assert completed.text
    assert completed.additional_kwargs["decision_id"].startswith("dec_")
    assert isinstance(completed.raw, Completion)
    answered = llm.chat([ChatMessage("Be brief.", role=MessageRole.SYSTEM), ChatMessage(ASKED)])
    assert answered.message.role == MessageRole.ASSISTANT
    assert answered.message.content
    assert answered.additional_kwargs["total_tokens"] > 0


def test_streams_grow_to_the_answer(llm: RouterLLM) -> None:
    for responses in (list(llm.stream_complete(ASKED)), list(llm.stream_chat([ChatMessage(ASKED)]))):
        texts = [str(one.message.content or "") if hasattr(one, "message") else one.text for one in responses]
        assert texts[-1]
        assert all(after.startswith(before) for before, after in pairwise(texts))
        assert "".join(one.delta or "" for one in responses) == texts[-1]
        assert responses[-1].additional_kwargs["status"] == "answered"


def test_async(llm: RouterLLM) -> None:
    async def all_of_it() -> list[str]:
        streamed = [one async for one in await llm.astream_chat([ChatMessage(ASKED)])]
        completed = [one async for one in await llm.astream_complete(ASKED)]
        whole = await llm.achat([ChatMessage(ASKED)])
        text = await llm.acomplete(ASKED)
        return [str(streamed[-1].message.content), completed[-1].text, str(whole.message.content), text.text]

    assert all(asyncio.run(all_of_it()))


def test_what_fits_the_metadata_fits_every_lane(llm: RouterLLM, executor: Executor) -> None:
    lanes = executor.router.config.lanes.values()
    assert all(llm.metadata.context_window <= lane.context_window for lane in lanes)
    assert all(llm.metadata.num_output <= lane.max_output_tokens for lane in lanes)


def test_structured_answers(llm: RouterLLM, break_all: Callable[..., None]) -> None:
    prompt = PromptTemplate("Name the capital of {country}.")
    assert isinstance(llm.structured_predict(Capital, prompt, country="France"), Capital)
    assert isinstance(asyncio.run(llm.astructured_predict(Capital, prompt, country="France")), Capital)
    break_all("wrong_schema")
    with pytest.raises(ExecutionError):
        llm.structured_predict(Capital, prompt, country="France")


def test_a_refusal_is_not_a_structured_answer(llm: RouterLLM, server: FaultServer) -> None:
    assert llm.complete(REFUSED).additional_kwargs["status"] == "refused"
    with pytest.raises(ExecutionError, match="refused"):
        llm.structured_predict(Capital, PromptTemplate(REFUSED))
    assert server.calls == []


def test_messages_keep_what_lanes_can_read() -> None:
    call = ToolCallBlock(tool_call_id="c1", tool_name="get_weather", tool_kwargs={"city": "Paris"})
    conversation = [
        ChatMessage(blocks=[TextBlock(text="What is this?"), ImageBlock(image=PIXEL)]),
        ChatMessage(role="assistant", blocks=[call]),
        ChatMessage("18 degrees", role="tool", additional_kwargs={"tool_call_id": "c1"}),
    ]
    asked, called, told = as_openai(conversation)
    assert asked["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert called["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": '{"city": "Paris"}'}
    assert told == {"role": "tool", "content": "18 degrees", "tool_call_id": "c1"}
    with pytest.raises(InvalidRequestError, match="AudioBlock"):
        as_openai([ChatMessage(blocks=[AudioBlock(audio=b"x", format="wav")])])
    with pytest.raises(InvalidRequestError, match="colour"):
        RouterLLM.model_construct()._asked([], {"colour": "blue"})


CHOICES = [
    ToolMetadata(name="handbook", description="Rules of the company on travel, expenses and holidays"),
    ToolMetadata(name="coding", description="Writes and repairs programs"),
    ToolMetadata(name="recipes", description="Cooking recipes and ingredients"),
]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("Write a Python function that merges two sorted lists.", "coding"),
        ("How do I bake a chocolate cake, and what ingredients do I need?", "recipes"),
        ("What does the company's travel policy say about expenses?", "handbook"),
    ],
)
def test_a_choice_is_selected_by_what_was_decided_or_described(router: Router, query: str, wanted: str) -> None:
    selector = RouterSelector(router)
    found = selector.select(CHOICES, query)
    assert CHOICES[found.ind].name == wanted
    assert found.reason.startswith("dec_")
    assert asyncio.run(selector.aselect(CHOICES, query)).ind == found.ind


def test_a_selector_gives_as_many_as_asked(router: Router) -> None:
    found = RouterSelector(router, top=2).select(CHOICES, "Write a Python function that merges two sorted lists.")
    assert len(set(found.inds)) == 2
    with pytest.raises(InvalidRequestError, match="at least one"):
        RouterSelector(router).select([], ASKED)


def test_nothing_is_selected_for_what_nobody_may_answer(router: Router) -> None:
    with pytest.raises(NotRoutedError) as raised:
        RouterSelector(router).select(CHOICES, REFUSED)
    assert raised.value.decision.action == "refuse"  # type: ignore[attr-defined]


def test_a_selector_inside_a_query_engine(router: Router, llm: RouterLLM) -> None:
    class Fixed(CustomQueryEngine):
        said: str

        def custom_query(self, query_str: str) -> str:
            return self.said

    tools = [QueryEngineTool(query_engine=Fixed(said=one.name or ""), metadata=one) for one in CHOICES]
    engine = RouterQueryEngine(
        selector=RouterSelector(router), query_engine_tools=tools, llm=llm, summarizer=get_response_synthesizer(llm=llm)
    )
    assert str(engine.query("Write a Python function that merges two sorted lists.")) == "coding"


def planned(router: Router, strategy: str, index: str = "help_center") -> Router:
    """The router with a rule that plans retrieval for everything."""
    from router_ml.config.schema import PlanRule

    rule = PlanRule.model_validate({"retrieval": strategy, "index": index})
    return Router(router.config.model_copy(update={"plan": (rule,)}), bundle=router.bundle)


def test_a_retriever_follows_the_plan(router: Router) -> None:
    shelf = Shelf()
    nodes = RouterRetriever(planned(router, "light"), {"help_center": shelf}).retrieve(QueryBundle(ASKED))
    assert [(one.node.node_id, one.score) for one in nodes] == [("hc-1", 0.9), ("hc-2", 0.0)]
    assert nodes[0].node.metadata["decision_id"].startswith("dec_")
    assert shelf.asked == [(ASKED, router.config.indexes["help_center"].top_k)]


def test_a_retriever_that_has_nothing_to_look_up_asks_no_index(router: Router) -> None:
    shelf = Shelf()
    assert RouterRetriever(planned(router, "none"), {"help_center": shelf}).retrieve(ASKED) == []
    with pytest.raises(RouterError, match="policies"):
        RouterRetriever(planned(router, "light", "policies"), {"help_center": shelf}).retrieve(ASKED)
    assert shelf.asked == []
    with pytest.raises(NotRoutedError):
        RouterRetriever(planned(router, "light"), {"help_center": shelf}).retrieve(REFUSED)


def test_a_query_engine_answers_from_what_was_retrieved(router: Router, llm: RouterLLM, server: FaultServer) -> None:
    retriever = RouterRetriever(planned(router, "light"), {"help_center": Shelf()})
    engine = RetrieverQueryEngine.from_args(retriever, llm=llm)
    answer: Any = engine.query("Within how many days can orders be returned?")
    assert str(answer)
    assert [one.node.node_id for one in answer.source_nodes] == ["hc-1", "hc-2"]
    assert "returned within 30 days" in str(server.calls[-1].body["messages"])
    assert "dec_" not in str(server.calls[-1].body["messages"])
