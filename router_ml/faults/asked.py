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


def read_openai(body: Mapping[str, Any]) -> Asked:
    """A request to ``/v1/chat/completions``."""
    said = [one for one in body.get("messages") or [] if isinstance(one, dict)]
    since = _since_user(said)
    calls = [call for one in since for call in one.get("tool_calls") or []]
    told = {one.get("tool_call_id"): _text(one.get("content")) for one in since if one.get("role") == "tool"}
    tools = [one.get("function") or {} for one in body.get("tools") or []]
    choice = body.get("tool_choice") or "auto"
    messages = tuple((str(one.get("role")), _text(one.get("content"))) for one in said)
    return Asked(
        model=str(body.get("model", "")),
        stream=bool(body.get("stream")),
        usage=bool((body.get("stream_options") or {}).get("include_usage")),
        messages=messages,
        tools=tuple((str(one.get("name")), one.get("parameters") or {}) for one in tools),
        choice=str(choice if isinstance(choice, str) else (choice.get("function") or {}).get("name")),
        called=tuple(
            str((call.get("function") or {}).get("name")) for call in calls if not _failed(told.get(call.get("id")))
        ),
        results=tuple(told.values()),
        schema=_fuller(_openai_schema(body), messages),
        thinks=bool(body.get("reasoning_effort")),
    )


def read_anthropic(body: Mapping[str, Any]) -> Asked:
    """A request to ``/v1/messages``."""
    said = [one for one in body.get("messages") or [] if isinstance(one, dict)]
    blocks = [block for one in _since_user(said) for block in _blocks(one.get("content"))]
    told = {block.get("tool_use_id"): _text(block.get("content")) for block in blocks if _tells(block)}
    choice = body.get("tool_choice") or {"type": "auto"}
    named = {"any": "required", "tool": str(choice.get("name"))}
    system = ("system", _text(body.get("system")))
    messages = (system, *((str(one.get("role")), _text(one.get("content"))) for one in said))
    shape = body.get("output_format") or (body.get("output_config") or {}).get("format") or {}
    return Asked(
        model=str(body.get("model", "")),
        stream=bool(body.get("stream")),
        usage=True,
        messages=messages,
        tools=tuple((str(one.get("name")), one.get("input_schema") or {}) for one in body.get("tools") or []),
        choice=named.get(str(choice.get("type")), str(choice.get("type"))),
        called=tuple(
            str(block.get("name"))
            for block in blocks
            if block.get("type") == "tool_use" and not _failed(told.get(block.get("id")))
        ),
        results=tuple(told.values()),
        schema=_fuller(shape.get("schema"), messages),
        thinks=(body.get("thinking") or {}).get("type") in ("enabled", "adaptive"),
    )


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
    shape = body.get("response_format") or {}
    held = body.get("guided_json") or (body.get("structured_outputs") or {}).get("json")
    choices = body.get("guided_choice") or (body.get("structured_outputs") or {}).get("choice")
    if isinstance(choices, list):
        return {"enum": choices}
    return (shape.get("json_schema") or {}).get("schema") or (held if isinstance(held, dict) else None)


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
