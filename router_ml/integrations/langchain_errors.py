"""Failures as LangChain's own exceptions as well, so that its retries, fallbacks and middleware know them."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelRefusalError,
    ModelTimeoutError,
    OutputParserException,
)
from pydantic import BaseModel, ValidationError

from router_ml.contract import FailureKind
from router_ml.errors import ExecutionError, InvalidRequestError, RouterError, StreamInterruptedError

_THEIRS: dict[FailureKind, type[Any]] = {
    "timeout": ModelTimeoutError,
    "deadline": ModelTimeoutError,
    "rate_limit": ModelRateLimitError,
    "authentication": ModelAuthenticationError,
    "connection": ModelConnectionError,
    "context_overflow": ContextOverflowError,
    "refusal": ModelRefusalError,
    "content_filter": ModelRefusalError,
    "withheld": ModelRefusalError,
    "not_allowed": ModelPermissionDeniedError,
    "server_error": ModelAPIError,
    "malformed": ModelAPIError,
    "empty": ModelAPIError,
    "unavailable": ModelAPIError,
}


class InvalidChatError(InvalidRequestError, ModelInvalidRequestError):  # type: ignore[misc]
    """An ``InvalidRequestError`` that LangChain knows."""


class InterruptedChatError(StreamInterruptedError, ModelAPIError):  # type: ignore[misc]
    """A ``StreamInterruptedError`` that LangChain knows."""


def _both(theirs: type[Any]) -> type[ExecutionError]:
    return type(f"Execution{theirs.__name__}", (ExecutionError, theirs), {"__doc__": f"Also a {theirs.__name__}."})


_BOTH = {theirs: _both(theirs) for theirs in {*_THEIRS.values(), ModelError}}


def as_langchain(error: RouterError) -> RouterError:
    """The same error, of a class that is LangChain's too where it has one for it."""
    if isinstance(error, InvalidRequestError):
        return InvalidChatError(str(error))
    if isinstance(error, StreamInterruptedError):
        return InterruptedChatError(error.completion, error.kind, partial=error.partial, resume=error.resume)
    if isinstance(error, ExecutionError):
        theirs = {str(kind): found for kind, found in _THEIRS.items()}.get(error.kind, ModelError)
        return _BOTH[theirs](error.completion, error.kind)
    return error


def structured(message: Any, model: type[BaseModel] | None) -> Any:
    """The parsed content of a message, as an instance of ``model`` where there is one.

    Raises:
        ModelRefusalError, OutputParserException: there is none.
    """
    status = message.response_metadata.get("status", "answered")
    if status in ("refused", "human_review"):
        raise ModelRefusalError(f"The router gave no answer ({status}): {message.text}", raw_message=message)
    if status != "answered" or message.tool_calls:
        why = "tool calls" if message.tool_calls else status
        raise OutputParserException(f"The router gave no answer of this shape, but {why}.", llm_output=message.text)
    try:
        value = json.loads(message.text)
        return value if model is None else model.model_validate(value)
    except (ValueError, ValidationError) as error:
        raise OutputParserException(f"The answer does not fit: {type(error).__name__}.", message.text) from error
