"""An LLM, a selector and a retriever of LlamaIndex whose every call is decided by the router.

from router_ml.integrations.llama_index import RouterLLM, RouterRetriever, RouterSelector

llm = RouterLLM(executor)                                  # which lane answers
selector = RouterSelector(executor.router)                 # which of several engines or tools
retriever = RouterRetriever(executor.router, {"help_center": index})   # whether and where to look things up
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import Any

from pydantic import BaseModel, Field, PrivateAttr

from router_ml.errors import ExecutionError, InvalidRequestError, MissingExtraError
from router_ml.execution.completion import Completion
from router_ml.execution.executor import Executor
from router_ml.integrations.answering import details, noticed, usage
from router_ml.integrations.asking import Asked, ask
from router_ml.integrations.following import Said, afollow, follow
from router_ml.router import Router

try:
    from llama_index.core.base.llms.types import (
        ChatMessage,
        ChatResponse,
        ChatResponseAsyncGen,
        ChatResponseGen,
        CompletionResponse,
        CompletionResponseAsyncGen,
        CompletionResponseGen,
        LLMMetadata,
        MessageRole,
    )
    from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
    from llama_index.core.llms.custom import CustomLLM

    from router_ml.integrations.llama_index_choices import RouterSelector
    from router_ml.integrations.llama_index_lookups import RouterRetriever
    from router_ml.integrations.llama_index_messages import as_openai
except ImportError:
    raise MissingExtraError("llama-index-core", "integrations") from None

__all__ = ["RouterLLM", "RouterRetriever", "RouterSelector"]

_WISHES = ("temperature", "top_p", "max_tokens", "seed", "reasoning_effort")
_KNOWN = (*_WISHES, "stop", "tools", "tool_choice", "response_format", "request", "formatted")


class RouterLLM(CustomLLM):  # type: ignore[misc]
    """An LLM on an executor.

    ``raw`` of a response is the ``Completion``; ``additional_kwargs`` has the decision, the lane, cost and the rest.
    ``request``: fields of ``RouteRequest`` for every call, to which those of a call's ``request={...}`` are added.

    Args:
        executor: by default one on the default router.
    """

    model: str = "router"
    request: dict[str, Any] = Field(default_factory=dict)
    _executor: Executor = PrivateAttr()

    def __init__(self, executor: Executor | None = None, **given: Any) -> None:
        super().__init__(**given)
        self._executor = executor or Executor(Router.load())

    @classmethod
    def class_name(cls) -> str:
        """For LlamaIndex."""
        return "RouterLLM"

    @property
    def metadata(self) -> LLMMetadata:
        """What every lane that is enabled can take, so that a prompt that fits goes to any of them."""
        lanes = [lane for lane in self._executor.router.config.lanes.values() if lane.enabled]
        return LLMMetadata(
            context_window=min(lane.context_window for lane in lanes),
            num_output=min(lane.max_output_tokens for lane in lanes),
            is_chat_model=True,
            is_function_calling_model=False,
            model_name=self.model,
        )

    @llm_chat_callback()  # type: ignore[untyped-decorator]
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """See ``LLM.chat``."""
        return _chat(self._complete(messages, kwargs))

    @llm_chat_callback()  # type: ignore[untyped-decorator]
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """See ``LLM.achat``."""
        return _chat(await self._acomplete(messages, kwargs))

    @llm_completion_callback()  # type: ignore[untyped-decorator]
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """See ``LLM.complete``."""
        return _completed(self._complete(_user(prompt), kwargs))

    @llm_completion_callback()  # type: ignore[untyped-decorator]
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """See ``LLM.acomplete``."""
        return _completed(await self._acomplete(_user(prompt), kwargs))

    @llm_chat_callback()  # type: ignore[untyped-decorator]
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """See ``LLM.stream_chat``."""
        return (_chat(end, text, delta) for text, delta, end in self._follow(messages, kwargs))

    @llm_chat_callback()  # type: ignore[untyped-decorator]
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """See ``LLM.astream_chat``."""
        return (_chat(end, text, delta) async for text, delta, end in self._afollow(messages, kwargs))

    @llm_completion_callback()  # type: ignore[untyped-decorator]
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """See ``LLM.stream_complete``."""
        return (_completed(end, text, delta) for text, delta, end in self._follow(_user(prompt), kwargs))

    @llm_completion_callback()  # type: ignore[untyped-decorator]
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        """See ``LLM.astream_complete``."""
        return (_completed(end, text, delta) async for text, delta, end in self._afollow(_user(prompt), kwargs))

    def structured_predict(
        self, output_cls: type[BaseModel], prompt: Any, llm_kwargs: dict[str, Any] | None = None, **prompt_args: Any
    ) -> Any:
        """An answer as an instance of a pydantic class, whose schema becomes the output contract of the request.

        Raises:
            ExecutionError: there is no answer of this shape; ``completion`` says what there is.
        """
        messages = prompt.format_messages(llm=self, **prompt_args)
        return _instance(output_cls, self._complete(messages, {**(llm_kwargs or {}), **_format(output_cls)}))

    async def astructured_predict(
        self, output_cls: type[BaseModel], prompt: Any, llm_kwargs: dict[str, Any] | None = None, **prompt_args: Any
    ) -> Any:
        """See ``structured_predict``."""
        messages = prompt.format_messages(llm=self, **prompt_args)
        return _instance(output_cls, await self._acomplete(messages, {**(llm_kwargs or {}), **_format(output_cls)}))

    def _complete(self, messages: Sequence[ChatMessage], given: Mapping[str, Any]) -> Completion:
        asked = self._asked(messages, given)
        return self._executor.complete(asked.request, client=asked.client)

    async def _acomplete(self, messages: Sequence[ChatMessage], given: Mapping[str, Any]) -> Completion:
        asked = self._asked(messages, given)
        return await self._executor.acomplete(asked.request, client=asked.client)

    def _follow(
        self, messages: Sequence[ChatMessage], given: Mapping[str, Any]
    ) -> Iterator[tuple[str, str, Completion | None]]:
        """The text so far, what has just come, and at the end the completion."""
        text = ""
        with closing(follow(self._executor, self._asked(messages, given))) as pieces:
            for piece in pieces:
                delta = piece.text if isinstance(piece, Said) else ""
                text += delta
                yield text, delta, None if isinstance(piece, Said) else piece

    async def _afollow(
        self, messages: Sequence[ChatMessage], given: Mapping[str, Any]
    ) -> AsyncIterator[tuple[str, str, Completion | None]]:
        text = ""
        async with aclosing(afollow(self._executor, self._asked(messages, given))) as pieces:
            async for piece in pieces:
                delta = piece.text if isinstance(piece, Said) else ""
                text += delta
                yield text, delta, None if isinstance(piece, Said) else piece

    def _asked(self, messages: Sequence[ChatMessage], given: Mapping[str, Any]) -> Asked:
        if unknown := sorted(given.keys() - set(_KNOWN)):
            raise InvalidRequestError(f"RouterLLM does not know the arguments {unknown}. Known: {', '.join(_KNOWN)}.")
        wished = {name: given.get(name) for name in _WISHES}
        return ask(
            self._executor.router.config,
            as_openai(messages),
            model=self.model,
            tools=given.get("tools") or (),
            tool_choice=given.get("tool_choice"),
            response_format=given.get("response_format"),
            decoding={**wished, "stop": given.get("stop")},
            router={**self.request, **(given.get("request") or {})},
        )


def _user(prompt: str) -> list[ChatMessage]:
    return [ChatMessage(prompt, role=MessageRole.USER)]


def _more(completion: Completion | None) -> dict[str, Any]:
    return {**details(completion), **usage(completion)} if completion is not None else {}


def _chat(completion: Completion | None, text: str | None = None, delta: str | None = None) -> ChatResponse:
    said = noticed(completion) if text is None and completion is not None else text
    calls = completion.tool_requests if completion is not None else ()
    blocks = [
        {"block_type": "tool_call", "tool_call_id": one.id, "tool_name": one.name, "tool_kwargs": one.arguments}
        for one in calls
    ]
    message = ChatMessage(
        role=MessageRole.ASSISTANT, blocks=[*([{"block_type": "text", "text": said}] if said else []), *blocks]
    )
    return ChatResponse(message=message, raw=completion, delta=delta, additional_kwargs=_more(completion))


def _completed(completion: Completion | None, text: str | None = None, delta: str | None = None) -> CompletionResponse:
    said = noticed(completion) if text is None and completion is not None else text
    return CompletionResponse(text=said or "", raw=completion, delta=delta, additional_kwargs=_more(completion))


def _format(output_cls: type[BaseModel]) -> dict[str, Any]:
    schema = {"name": output_cls.__name__, "schema": output_cls.model_json_schema()}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _instance(output_cls: type[BaseModel], completion: Completion) -> BaseModel:
    if not completion.answered or completion.tool_requests:
        raise ExecutionError(completion, completion.status)
    return output_cls.model_validate(completion.value)
