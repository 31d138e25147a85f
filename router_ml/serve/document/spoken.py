"""What the endpoints of the OpenAI API answer and take, as the OpenAPI document describes it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Open(BaseModel):
    """Of another API, which has more fields than are named here."""

    model_config = ConfigDict(extra="allow")


class ChatGiven(Open):
    """The body of OpenAI's chat completions. ``model``: ``auto``, a traffic class, a lane or a lane's model.
    ``router``: fields of a ``RouteRequest``."""

    messages: list[dict[str, Any]] = Field(min_length=1)
    model: str = "auto"
    stream: bool | None = False
    router: dict[str, Any] | None = None


class ChatAnswer(Open):
    """A ``chat.completion``: its id is that of the decision, and ``router`` holds what was decided and done. With
    ``stream`` it comes as server-sent events."""

    id: str
    object: str
    created: int
    model: str
    choices: list[dict[str, Any]]
    usage: dict[str, Any] | None = None
    router: dict[str, Any] | None = None


class ResponseGiven(Open):
    """The body of OpenAI's Responses API; nothing is stored."""

    input: str | list[dict[str, Any]]
    model: str = "auto"
    stream: bool | None = False


class ResponseAnswer(Open):
    """A ``response``."""

    id: str
    object: str
    status: str | None = None
    output: list[dict[str, Any]]


class ModelNamed(Open):
    """What may stand as ``model``."""

    id: str
    object: Literal["model"]


class ModelsNamed(Open):
    """All of them."""

    object: Literal["list"]
    data: list[ModelNamed]
