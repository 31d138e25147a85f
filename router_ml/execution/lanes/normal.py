"""Answers of vendors, each in its own shape, as one ``Reply``: the same content gives an equal reply.

``from_openai`` reads what OpenAI, Mistral, vLLM and other compatible servers send, and what LiteLLM makes of all
others; ``from_anthropic`` reads Anthropic's messages as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.normal_text import cited_ids, split_thinking
from router_ml.execution.lanes.reply import Reply, Stop, ToolRequest, Usage

_STOPS: dict[str, Stop] = {
    "stop": "end",
    "end_turn": "end",
    "stop_sequence": "end",
    "eos": "end",
    "length": "length",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_calls": "tools",
    "function_call": "tools",
    "tool_use": "tools",
    "content_filter": "filter",
    "refusal": "refusal",
}


def from_openai(answer: object, *, tagged: bool = False) -> Reply:
    """The first choice of a chat completion; its cost is left open.

    Args:
        tagged: the server does not swallow the tag that opens thinking.

    Raises:
        LaneFailure: ``empty`` without a choice, ``malformed`` where it is no chat completion.
    """
    whole = _mapping(answer)
    choices = whole.get("choices")
    if choices is None or not isinstance(choices, Sequence):
        raise LaneFailure("malformed", "MalformedReply no choices")
    if not choices:
        raise LaneFailure("empty", "EmptyReply no choices")
    choice = _mapping(choices[0])
    message = _mapping(choice.get("message"))
    extra = _optional(message.get("provider_specific_fields"))
    content, parted = _content(message.get("content"))
    blocks = _blocks(message.get("thinking_blocks") or extra.get("thinking_blocks"))
    apart = _said(message.get("reasoning_content") or message.get("reasoning")) or parted
    cited = [*_annotated(message.get("annotations")), *_annotated(_flat(extra.get("citations")))]
    refused = _said(message.get("refusal")) or None  # some servers send "" with every answer
    if extra.get("stop_reason") == "refusal":
        refused = content if refused is None else refused
        content = ""
    return _normal(
        Reply(
            text=content,
            thinking=apart,
            tool_requests=tuple(_openai_tools(message)),
            citations=tuple(cited),
            stop=_stop(choice.get("finish_reason")),
            refusal=refused,
            served_model=_said(whole.get("model")) or None,
            usage=_openai_usage(_optional(whole.get("usage"))),
            thinking_blocks=blocks,
            fingerprint=_said(whole.get("system_fingerprint")) or None,
        ),
        tagged=tagged,
    )


def from_anthropic(answer: object) -> Reply:
    """A message of Anthropic's own interface; its cost is left open.

    Raises:
        LaneFailure: ``malformed`` where it is no message.
    """
    whole = _mapping(answer)
    content = whole.get("content")
    if not isinstance(content, Sequence) or isinstance(content, str):
        raise LaneFailure("malformed", "MalformedReply no content")
    blocks = [_mapping(one) for one in content]
    text = "".join(_said(one.get("text")) for one in blocks if one.get("type") == "text")
    thought = [_said(one.get("thinking")).strip() for one in blocks if one.get("type") == "thinking"]
    tools = tuple(
        ToolRequest(_said(one.get("id")) or f"call_{at}", _said(one.get("name")), _arguments(one.get("input")))
        for at, one in enumerate(one for one in blocks if one.get("type") == "tool_use")
    )
    refused = whole.get("stop_reason") == "refusal"
    return _normal(
        Reply(
            text="" if refused else text,
            thinking="\n".join(one for one in thought if one),
            tool_requests=tools,
            citations=tuple(found for one in blocks for found in _annotated(one.get("citations"))),
            stop=_stop(whole.get("stop_reason")),
            refusal=text if refused else None,
            served_model=_said(whole.get("model")) or None,
            usage=_anthropic_usage(_optional(whole.get("usage"))),
            thinking_blocks=tuple(dict(one) for one in blocks if one.get("type") in ("thinking", "redacted_thinking")),
        ),
        tagged=True,
    )


def _normal(raw: Reply, *, tagged: bool) -> Reply:
    """The same with thinking and citations taken from the text, and the stop reason that goes with the rest."""
    inside, text = split_thinking(raw.text, thought=bool(raw.thinking.strip()), tagged=tagged)
    stop = raw.stop
    if raw.refusal is not None:
        stop = "refusal"
    elif raw.tool_requests and stop == "end":
        stop = "tools"  # vLLM says "stop" where it was made to call a tool
    return replace(
        raw,
        text=text,
        thinking="\n".join(part for part in (raw.thinking.strip(), inside) if part),
        citations=tuple(dict.fromkeys((*cited_ids(text), *raw.citations))),
        stop=stop,
    )


def _stop(reason: object) -> Stop:
    return _STOPS.get(reason, "unknown") if isinstance(reason, str) else "unknown"


def _content(content: object) -> tuple[str, str]:
    """Text and thinking of a message's content, which may be a list of parts."""
    if content is None or isinstance(content, str):
        return content or "", ""
    if not isinstance(content, Sequence):
        raise LaneFailure("malformed", "MalformedReply content")
    parts = [_mapping(one) for one in content]
    text = "".join(_said(one.get("text")) for one in parts if one.get("type") in ("text", "output_text"))
    thought = [one.get("thinking") for one in parts if one.get("type") == "thinking"]
    return text, "\n".join(one if isinstance(one, str) else _content(one)[0] for one in thought)


def _openai_tools(message: Mapping[str, Any]) -> Iterator[ToolRequest]:
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise LaneFailure("malformed", "MalformedReply tool_calls")
    if not calls and message.get("function_call"):
        calls = [{"function": message["function_call"]}]
    for at, one in enumerate(calls):
        asked = _mapping(_mapping(one).get("function"))
        yield ToolRequest(
            _said(one.get("id")) or f"call_{at}", _said(asked.get("name")), _arguments(asked.get("arguments"))
        )


def _arguments(given: object) -> str:
    """Arguments as JSON in one spelling where they are JSON that all readers take alike, else as they were written;
    none at all are none."""
    if given is None or given == "":
        return "{}"
    try:
        value = json.loads(given, object_pairs_hook=_without_repeats) if isinstance(given, str) else given
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        return str(given)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is given twice, and readers differ in which they take")
    return found


_NAMED_BY = ("document_title", "source", "url", "file_id", "title")


def _annotated(citations: object) -> Iterator[str]:
    """Ids of citations that come apart from the text: the title or source that a document was sent with."""
    for one in citations if isinstance(citations, Sequence) and not isinstance(citations, str) else ():
        fields = _optional(one)
        inner = _optional(fields.get("url_citation") or fields.get("file_citation")) or fields
        named = next((inner[name] for name in _NAMED_BY if isinstance(inner.get(name), str) and inner[name]), None)
        if named is not None:
            yield named


def _flat(citations: object) -> list[Any]:
    """Citations by block, as LiteLLM gives them, in one list."""
    rows = citations if isinstance(citations, Sequence) and not isinstance(citations, str) else ()
    return [one for row in rows for one in (row if isinstance(row, list) else [row])]


def _openai_usage(usage: Mapping[str, Any]) -> Usage:
    cached = _optional(usage.get("prompt_tokens_details")).get("cached_tokens")
    return Usage(
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        _count(usage.get("cache_read_input_tokens") if cached is None else cached),
    )


def _anthropic_usage(usage: Mapping[str, Any]) -> Usage:
    """Anthropic counts what was read from its cache, and written to it, beside the input."""
    cached = _count(usage.get("cache_read_input_tokens"))
    written = _count(usage.get("cache_creation_input_tokens"))
    return Usage(_count(usage.get("input_tokens")) + cached + written, _count(usage.get("output_tokens")), cached)


def _blocks(blocks: object) -> tuple[dict[str, Any], ...]:
    rows = blocks if isinstance(blocks, Sequence) and not isinstance(blocks, str) else ()
    return tuple(dict(_mapping(one)) for one in rows)


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise LaneFailure("malformed", "MalformedReply shape")
    return value


def _optional(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _said(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int:
    return max(value, 0) if isinstance(value, int) else 0
