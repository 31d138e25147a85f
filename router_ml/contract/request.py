"""What comes in."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping

from pydantic import Field, JsonValue, ValidationError, field_validator, model_validator

from router_ml.contract.base import (
    UNACTED_SUFFIXES,
    Channel,
    Identifier,
    JsonObject,
    Milliseconds,
    Model,
    OutputType,
    Usd,
    describe,
    is_unacted,
    walk_strings,
)
from router_ml.errors import InvalidRequestError

_LONG_METADATA = 60  # characters; shorter values are names and ids
_LONG_ARGUMENT, _A_SENTENCE = 20, 4  # characters, words
_NAMES = frozenset(
    "type id url name role format mime_type media_type detail tool_use_id call_id index filename".split()
)


def _said(part: JsonValue) -> Iterator[str]:
    """The text of one part of a content."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict) and isinstance(part.get("text"), str):
        yield str(part["text"])
    else:
        yield from _strings(part)


def _strings(value: JsonValue) -> Iterator[str]:
    """Every string inside a value, but what only names or places something."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in _NAMES:
                yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


class Message(Model):
    """One chat message in the OpenAI shape; content is text, a list of parts, or absent beside tool calls."""

    role: str = Field(pattern=r"^(system|developer|user|assistant|tool|function)$")
    content: str | list[JsonValue] | None = None
    name: str | None = None
    tool_calls: list[JsonValue] = Field(default_factory=list)
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The text of the content: itself, or the text of its parts, one per line; of a part without ``text`` every
        string in it."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(text for part in self.content or [] for text in _said(part))

    @property
    def arguments(self) -> tuple[str, ...]:
        """What tool calls are given: every string of their arguments."""
        return tuple(text for text in _strings(self.tool_calls) if len(text) >= _LONG_ARGUMENT)


class Constraints(Model):
    """What the caller allows for this one request; it only narrows. ``boundary`` is the widest boundary allowed."""

    max_cost_usd: Usd | None = None
    max_latency_ms: Milliseconds | None = None
    regions: tuple[str, ...] | None = None
    boundary: str | None = None
    allow_lanes: tuple[str, ...] | None = None
    deny_lanes: tuple[str, ...] = ()
    explore: bool = True


with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # "schema" is the contract's word; BaseModel.schema is deprecated

    class OutputContract(Model):
        """The shape an answer must have.

        ``schema``: a JSON Schema, when ``type`` is json. ``labels``: when ``type`` is label, one of which is the
        answer. ``forbidden``: names of fields that must not be in it, wherever they stand. ``grounded``: a sentence
        that cites a passage which does not say so is a failure, not only a warning.
        """

        name: str = "inline"
        type: OutputType = "text"
        schema: JsonObject | None = None  # type: ignore[assignment]
        citations_required: bool = False
        labels: tuple[str, ...] = ()
        forbidden: tuple[str, ...] = ()
        grounded: bool = False


class Previous(Model):
    """The earlier decision of this session. An unknown or unsigned ``pin`` counts as pinned."""

    decision_id: Identifier
    lane: str | None = None
    cached_tokens: int = Field(default=0, ge=0)
    turn: int = Field(default=0, ge=0)
    pin: str | None = None

    @field_validator("decision_id")
    @classmethod
    def _was_acted_on(cls, value: str) -> str:
        if is_unacted(value):
            ends = " or ".join(UNACTED_SUFFIXES)
            raise ValueError(f"ends in {ends}, which only shadows have, or evaluations, and nobody acted on one")
        return value


class RouteRequest(Model):
    """One request: ``text`` or ``messages``, never both, and what the caller knows about it."""

    text: str | None = None
    messages: tuple[Message, ...] = ()
    metadata: JsonObject = Field(default_factory=dict)
    channel: Channel = "api"
    allowed_tools: tuple[str, ...] = ()
    request_id: Identifier | None = None
    traffic_class: str | None = None
    constraints: Constraints = Constraints()
    output_contract: str | OutputContract | None = None
    previous: Previous | None = None

    @model_validator(mode="after")
    def _has_something_to_route(self) -> RouteRequest:
        if (self.text is None) == (not self.messages):
            raise ValueError("Give either text or messages, not both and not neither.")
        if not any(text.strip() for text in self._texts()):
            raise ValueError("There is no text in it. Give a text, or at least one message with text.")
        return self

    def _texts(self) -> Iterator[str]:
        if self.text is not None:
            yield self.text
        for message in self.messages:
            yield message.text
            yield from (text for _, text in walk_strings(message.tool_calls))

    @property
    def task(self) -> str:
        """What is asked now: the text, or the last user message that has text, else the last text there is."""
        said = [m.text for m in self.messages if m.role == "user" and m.text.strip()]
        return said[-1] if said else next(text for text in reversed(list(self._texts())) if text.strip())

    @property
    def context(self) -> tuple[str, ...]:
        """Texts beside the task that may carry a risk: earlier user messages, tool results, arguments, metadata.

        What the operator wrote (system) and what a model answered is left out. Short strings of the metadata are read
        as one text, if they are more than names and ids.
        """
        said = [m.text for m in self.messages if m.role in ("user", "tool", "function")]
        said += [text for m in self.messages for text in m.arguments]
        values = [text for path, text in walk_strings(self.metadata) if not path.endswith(".key")]
        more = [text for text in values if len(text) >= _LONG_METADATA]
        short = ". ".join(text for text in values if " " in text.strip() and len(text) < _LONG_METADATA)
        more += [short] if len(short.split()) >= _A_SENTENCE else []
        task = self.task
        return tuple(text for text in dict.fromkeys((*said, *more)) if text.strip() and text != task)

    @property
    def conversation(self) -> str:
        """All texts in order, one per line: what a lane would be sent, for counting tokens."""
        return "\n".join(self._texts())

    def strings(self) -> Iterator[tuple[str, str]]:
        """Every string a caller can put into the request, dictionary keys included, as ``(part, string)``."""
        if self.text is not None:
            yield "text", self.text
        for index, message in enumerate(self.messages):
            yield from walk_strings(message.model_dump(exclude={"role"}), f"messages[{index}]")
        yield from walk_strings(self.metadata, "metadata")
        if self.request_id is not None:
            yield "request_id", self.request_id
        if isinstance(self.output_contract, OutputContract):
            yield from walk_strings(self.output_contract.model_dump(), "output_contract")

    @classmethod
    def parse(cls, value: object) -> RouteRequest:
        """A request from a RouteRequest, a mapping of its fields, or a text.

        Raises:
            InvalidRequestError: names the fields that are wrong, without repeating what was in them.
        """
        if isinstance(value, RouteRequest):
            return value
        try:
            if isinstance(value, str):
                return cls(text=value)
            if isinstance(value, Mapping):
                return cls.model_validate(dict(value))
        except ValidationError as error:
            raise InvalidRequestError(describe(error, "request")) from None
        except RecursionError:
            raise InvalidRequestError("The request is nested too deeply to be read. Flatten it.") from None
        raise InvalidRequestError(f"Expected a RouteRequest, a mapping or a text, found {type(value).__name__}.")

    @classmethod
    def from_json(cls, text: str | bytes) -> RouteRequest:
        """A request from its JSON form.

        Raises:
            InvalidRequestError: not JSON, or not a request.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise InvalidRequestError(describe(error, "request")) from None
