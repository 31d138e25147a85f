"""A chat model of LangChain whose every call is routed.

    from router_ml.integrations.langchain import ChatRouter

    chat = ChatRouter(executor=executor)
    chat.invoke("...").response_metadata["decision_id"]

``bind_tools`` takes tools of the caller, whose calls come back as ``tool_calls``, and names of tools that
``router.yaml`` knows, which the decision plans and the executor calls. What is not an answer of a lane (a question
back, a refusal, a person who has to look) is a message too, as LangChain has it; ``response_metadata["status"]`` says
which, and ``with_structured_output`` raises.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import Any

from pydantic import BaseModel, Field

from router_ml.errors import MissingExtraError, RouterError
from router_ml.execution.completion import Completion
from router_ml.execution.executor import Executor
from router_ml.integrations.answering import details, finish_reason, noticed, served_model, tool_calls, usage
from router_ml.integrations.asking import Asked, ask
from router_ml.integrations.following import Piece, Said, afollow, follow
from router_ml.router import Router

try:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, convert_to_openai_messages
    from langchain_core.output_parsers.openai_tools import make_invalid_tool_call, parse_tool_call
    from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
    from langchain_core.runnables import Runnable, RunnableLambda, RunnableMap, RunnablePassthrough
    from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool

    from router_ml.integrations.langchain_errors import as_langchain, structured
except ImportError:
    raise MissingExtraError("langchain-core", "integrations") from None

__all__ = ["ChatRouter"]

_WISHES = ("temperature", "top_p", "max_tokens", "seed", "reasoning_effort", "parallel_tool_calls")
_WITHOUT_EFFECT = ("strict", "stream_usage", "ls_structured_output_format")


class ChatRouter(BaseChatModel):  # type: ignore[misc]
    """A chat model on an executor.

    ``executor``: by default one on the default router; ``model``: ``router``, or a lane or a model that narrows to it;
    ``request``: fields of ``RouteRequest`` for every call (``metadata``, ``traffic_class``, ``constraints``...), to
    which those of ``bind(request={...})`` are added. A cache of LangChain's is not asked unless ``cache`` says so: an
    answer out of it would have no decision.
    """

    executor: Executor = Field(default_factory=lambda: Executor(Router.load()), exclude=True, repr=False)
    model: str = "router"
    request: dict[str, Any] = Field(default_factory=dict)
    cache: Any = Field(default=False, exclude=True)

    @property
    def _llm_type(self) -> str:
        return "router_ml"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model, "request": self.request}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return {**super()._get_ls_params(stop=stop, **kwargs), "ls_provider": "router_ml"}

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | str],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Offer tools.

        Args:
            tools: what ``convert_to_openai_tool`` takes, or the name of a tool of ``router.yaml``.
            tool_choice: ``auto``, ``any``, ``none``, or the name of one.
        """
        offered = [
            {"type": "function", "function": {"name": tool}} if isinstance(tool, str) else tool for tool in tools
        ]
        formatted = [tool if _formed(tool) else convert_to_openai_tool(tool) for tool in offered]
        choice = {"tool_choice": tool_choice} if tool_choice is not None else {}
        return self.bind(tools=formatted, **choice, **kwargs)

    def with_structured_output(
        self, schema: dict[str, Any] | type, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[Any, Any]:
        """Answers as instances of a pydantic class, or as dictionaries that fit a schema.

        The schema becomes the output contract of the request, so an answer that breaks it is repaired or asked of
        another lane before anything is parsed; ``method`` and ``strict`` have no effect.

        Raises (when it runs):
            ModelRefusalError: the request or the answer was refused. OutputParserException: there is no answer of this
                shape; the message is in ``llm_output``.
        """
        if unknown := sorted(kwargs.keys() - {"method", "strict", "tools"}):
            raise ValueError(f"with_structured_output does not know {unknown}.")
        wanted = convert_to_json_schema(schema)
        name = str(wanted.get("title", "answer"))
        chat = self.bind(
            response_format={"type": "json_schema", "json_schema": {"name": name, "schema": wanted}},
            ls_structured_output_format={"kwargs": {"method": "json_schema"}, "schema": wanted},
            **({"tools": [convert_to_openai_tool(tool) for tool in kwargs["tools"]]} if kwargs.get("tools") else {}),
        )
        model = schema if isinstance(schema, type) and issubclass(schema, BaseModel) else None
        parse = RunnableLambda(lambda message: structured(message, model), name="structured")
        if not include_raw:
            return chat | parse
        parsed = RunnablePassthrough.assign(
            parsed=RunnableLambda(lambda found: found["raw"]) | parse, parsing_error=lambda _: None
        )
        nothing = RunnablePassthrough.assign(parsed=lambda _: None)
        return RunnableMap(raw=chat) | parsed.with_fallbacks([nothing], exception_key="parsing_error")

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        try:
            asked = self._asked(messages, stop, kwargs)
            return _result(self.executor.complete(asked.request, client=asked.client))
        except RouterError as error:
            raise as_langchain(error) from error

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        try:
            asked = self._asked(messages, stop, kwargs)
            return _result(await self.executor.acomplete(asked.request, client=asked.client))
        except RouterError as error:
            raise as_langchain(error) from error

    def _stream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        try:
            with closing(follow(self.executor, self._asked(messages, stop, kwargs))) as pieces:
                for piece in pieces:
                    chunk = _chunk(piece)
                    if run_manager is not None:
                        run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
        except RouterError as error:
            raise as_langchain(error) from error

    async def _astream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        try:
            async with aclosing(afollow(self.executor, self._asked(messages, stop, kwargs))) as pieces:
                async for piece in pieces:
                    chunk = _chunk(piece)
                    if run_manager is not None:
                        await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
        except RouterError as error:
            raise as_langchain(error) from error

    def _asked(self, messages: list[BaseMessage], stop: list[str] | None, given: Mapping[str, Any]) -> Asked:
        known = (*_WISHES, *_WITHOUT_EFFECT, "tools", "tool_choice", "response_format", "request", "model")
        if unknown := sorted(given.keys() - set(known)):
            raise TypeError(f"ChatRouter does not know the arguments {unknown}. Known: {', '.join(known)}.")
        wished = {name: given.get(name) for name in _WISHES}
        return ask(
            self.executor.router.config,
            convert_to_openai_messages(messages),
            model=given.get("model") or self.model,
            tools=given.get("tools") or (),
            tool_choice=given.get("tool_choice"),
            response_format=given.get("response_format"),
            decoding={**wished, "stop": tuple(stop or ())},
            router={**self.request, **(given.get("request") or {})},
        )


def _formed(tool: Any) -> bool:
    """Whether a tool has the OpenAI shape already, perhaps without a description or parameters."""
    return isinstance(tool, Mapping) and isinstance(tool.get("function"), Mapping)


def _metadata(completion: Completion) -> dict[str, Any]:
    named = {"model_name": served_model(completion), "model_provider": "router_ml"}
    return {**details(completion), **named, "finish_reason": finish_reason(completion)}


def _usage(completion: Completion) -> Any:
    used = usage(completion)
    return {
        "input_tokens": used["prompt_tokens"],
        "output_tokens": used["completion_tokens"],
        "total_tokens": used["total_tokens"],
        "input_token_details": {"cache_read": sum(hop.cached_tokens for hop in completion.execution.hops)},
    }


def _refusal(completion: Completion) -> dict[str, Any]:
    return {"refusal": completion.text} if finish_reason(completion) == "content_filter" else {}


def _result(completion: Completion) -> ChatResult:
    made, broken = [], []
    for call in tool_calls(completion):
        try:
            made.append(parse_tool_call(call, return_id=True))
        except ValueError as error:  # an OutputParserException: the arguments are not JSON
            broken.append(make_invalid_tool_call(call, type(error).__name__))
    message = AIMessage(
        content=noticed(completion),
        additional_kwargs=_refusal(completion),
        tool_calls=made,
        invalid_tool_calls=broken,
        response_metadata=_metadata(completion),
        usage_metadata=_usage(completion),
    )
    return ChatResult(generations=[ChatGeneration(message=message)])


def _chunk(piece: Piece) -> ChatGenerationChunk:
    if isinstance(piece, Said):
        return ChatGenerationChunk(message=AIMessageChunk(content=piece.text))
    calls = [
        {"index": at, "id": one.id, "name": one.name, "args": one.arguments, "type": "tool_call_chunk"}
        for at, one in enumerate(piece.tool_requests)
    ]
    message = AIMessageChunk(
        content="",
        additional_kwargs=_refusal(piece),
        tool_call_chunks=calls,
        response_metadata=_metadata(piece),
        usage_metadata=_usage(piece),
        chunk_position="last",
    )
    return ChatGenerationChunk(message=message)
