"""What a request asks for, in one form whatever the vendor's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_TYPES = {"object", "array", "string", "number", "integer", "boolean", "null"}
_LABELS = re.compile(r"\blabels?\b[^:\n]{0,80}:\s*\n?(.+?)(?:\n\s*\n|$)", re.IGNORECASE | re.DOTALL)
_PASSAGE = re.compile(r"^\[([^\[\]\n]{1,200})\]\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Asked:
    """A request. ``choice``: none, auto, required, or the name of a tool; ``called``: tools that were called since the
    last user message and did not fail; ``results``: what they said, failed or not; ``schema``: of the answer."""

    model: str
    stream: bool
    usage: bool
    messages: tuple[tuple[str, str], ...]
    tools: tuple[tuple[str, Json], ...]
    choice: str
    called: tuple[str, ...]
    results: tuple[str, ...]
    schema: Json | None
    thinks: bool

    @property
    def task(self) -> str:
        """What the user said last."""
        return next((text for role, text in reversed(self.messages) if role == "user" and text.strip()), "")

    @property
    def passages(self) -> tuple[str, ...]:
        """Ids of passages: those that stand alone on a line, in brackets."""
        return tuple(dict.fromkeys(one for _, text in self.messages for one in _PASSAGE.findall(text)))

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that the instructions list, behind a line that names them."""
        said = (_LABELS.search(text) for role, text in self.messages if role in ("system", "developer"))
        listed = next((found.group(1) for found in said if found), "")
        try:
            read = json.loads(listed)
        except ValueError:
            read = re.split(r"[,\n|]", listed)
        cleaned = (str(one).strip().strip(".\"'`-* ") for one in (read if isinstance(read, list) else []))
        return tuple(one for one in cleaned if one)

    @property
    def tokens(self) -> int:
        """A guess by length."""
        return 1 + sum(len(text) for _, text in self.messages) // 4


class NotARequestError(ValueError):
    """A body that no vendor would take."""


def read_openai(body: Mapping[str, Any]) -> Asked:
    """A request to ``/v1/chat/completions``.

    Raises:
        NotARequestError: it is none.
    """
    said = _said(body)
    since = _since_user(said)
    calls = [call for one in since for call in _list(one, "tool_calls")]
    told = {_id(one, "tool_call_id"): _text(one.get("content")) for one in since if one.get("role") == "tool"}
    tools = [_object(one, "function") for one in _list(body, "tools")]
    choice = body.get("tool_choice") or "auto"
    chosen = choice if isinstance(choice, str) else _object(_object(body, "tool_choice"), "function").get("name")
    messages = tuple((str(one.get("role")), _text(one.get("content"))) for one in said)
    return Asked(
        model=str(body.get("model", "")),
        stream=bool(body.get("stream")),
        usage=bool(_object(body, "stream_options").get("include_usage")),
        messages=messages,
        tools=tuple((str(one.get("name")), _object(one, "parameters")) for one in tools),
        choice=str(chosen),
        called=tuple(
            str(_object(call, "function").get("name")) for call in calls if not _failed(told.get(_id(call, "id")))
        ),
        results=tuple(told.values()),
        schema=_fuller(_openai_schema(body), messages),
        thinks=bool(body.get("reasoning_effort")),
    )


def read_anthropic(body: Mapping[str, Any]) -> Asked:
    """A request to ``/v1/messages``.

    Raises:
        NotARequestError: it is none.
    """
    said = _said(body)
    blocks = [block for one in _since_user(said) for block in _blocks(one.get("content"))]
    told = {_id(block, "tool_use_id"): _text(block.get("content")) for block in blocks if _tells(block)}
    choice = _object(body, "tool_choice") or {"type": "auto"}
    named = {"any": "required", "tool": str(choice.get("name"))}
    system = ("system", _text(body.get("system")))
    messages = (system, *((str(one.get("role")), _text(one.get("content"))) for one in said))
    shape = _object(body, "output_format") or _object(_object(body, "output_config"), "format")
    return Asked(
        model=str(body.get("model", "")),
        stream=bool(body.get("stream")),
        usage=True,
        messages=messages,
        tools=tuple((str(one.get("name")), _object(one, "input_schema")) for one in _list(body, "tools")),
        choice=named.get(str(choice.get("type")), str(choice.get("type"))),
        called=tuple(
            str(block.get("name"))
            for block in blocks
            if block.get("type") == "tool_use" and not _failed(told.get(_id(block, "id")))
        ),
        results=tuple(told.values()),
        schema=_fuller(_object(shape, "schema") or None, messages),
        thinks=_object(body, "thinking").get("type") in ("enabled", "adaptive"),
    )


def _said(body: Mapping[str, Any]) -> list[Json]:
    said = _list(body, "messages")
    if not said:
        raise NotARequestError("Expected JSON with messages.")
    for one in said:
        if not isinstance(one.get("role"), str) or not isinstance(one.get("content"), str | list | None):
            raise NotARequestError("Expected a role in each message, and a text or a list as its content.")
    return said


def _list(body: Mapping[str, Any], name: str) -> list[Json]:
    found = body.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise NotARequestError(f"Expected {name} to be a list of objects.")
    return found


def _object(body: Mapping[str, Any], name: str) -> Json:
    found = body.get(name)
    if found is not None and not isinstance(found, dict):
        raise NotARequestError(f"Expected {name} to be an object.")
    return found or {}


def _id(body: Mapping[str, Any], name: str) -> str:
    return str(body.get(name))


def _since_user(said: list[Json]) -> list[Json]:
    """Messages since the user last said something, which the result of a tool is not."""
    last = max((at for at, one in enumerate(said) if one.get("role") == "user" and not _is_result(one)), default=-1)
    return said[last + 1 :]


def _is_result(message: Json) -> bool:
    return any(_tells(block) for block in _blocks(message.get("content")))


def _tells(block: Json) -> bool:
    return block.get("type") == "tool_result"


def _failed(result: str | None) -> bool:
    """Whether the result of a tool is an error, by its only field."""
    try:
        return "error" in json.loads(result or "{}")
    except (ValueError, TypeError):
        return False


def _blocks(content: Any) -> list[Json]:
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def _text(content: Any) -> str:
    """The text of a content; that of tool results stands in ``results``."""
    if isinstance(content, str):
        return content
    return "\n".join(str(block["text"]) for block in _blocks(content) if "text" in block)


def _openai_schema(body: Mapping[str, Any]) -> Json | None:
    shape, other = _object(body, "response_format"), _object(body, "structured_outputs")
    held = body.get("guided_json") or other.get("json")
    choices = body.get("guided_choice") or other.get("choice")
    if isinstance(choices, list):
        return {"enum": choices}
    return _object(_object(shape, "json_schema"), "schema") or (held if isinstance(held, dict) else None)


def _fuller(held: Json | None, messages: tuple[tuple[str, str], ...]) -> Json | None:
    """The schema that an answer is held to, or one of the same fields in the instructions, which may say more."""
    told = _schema_in(messages)
    if held is None or told is None or set(told.get("properties", {})) != set(held.get("properties", {})):
        return held or told
    return told


def _schema_in(messages: tuple[tuple[str, str], ...]) -> Json | None:
    """A JSON Schema that stands in the instructions, in the order of the messages."""
    for _, text in messages:
        if "json" in text.casefold():
            found = next((one for one in _objects(text) if _is_schema(one)), None)
            if found is not None:
                return found
    return None


def _objects(text: str) -> Iterator[Json]:
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        try:
            found, end = decoder.raw_decode(text, at)
        except ValueError:
            end = at + 1
        else:
            yield found
        at = text.find("{", end)


def _is_schema(value: Json) -> bool:
    kind = value.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    return "$schema" in value or isinstance(value.get("enum"), list) or any(one in _TYPES for one in kinds if one)
