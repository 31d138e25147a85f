"""A streamed answer, gathered until it is whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.normal import from_openai
from router_ml.execution.lanes.normal_text import Visible, unopened
from router_ml.execution.lanes.reply import Reply


class Gathered:
    """Chunks in the shape that LiteLLM gives them. ``shown``: the text that was given out so far.

    Args:
        tagged: as for ``from_openai``. unopened: as for ``Visible``.
    """

    def __init__(self, *, tagged: bool = False, unopened: bool = False) -> None:
        self.shown = ""
        self._tagged, self._visible = tagged, Visible(unopened=unopened)
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._tools: list[dict[str, Any]] = []
        self._extra: dict[str, Any] = {}
        self._blocks: list[dict[str, Any]] = []
        self._refusal: list[str] = []
        self._annotations: list[Any] = []
        self._finish: str | None = None
        self._model: str | None = None
        self._served: str | None = None
        self._fingerprint: str | None = None
        self._usage: dict[str, Any] = {}

    def add(self, chunk: Any) -> str:
        """Take a chunk in; what of the text can be shown now."""
        self._model = getattr(chunk, "model", None) or self._model
        self._fingerprint = getattr(chunk, "system_fingerprint", None) or self._fingerprint
        usage = getattr(chunk, "usage", None)
        if usage is not None:
            self._usage = usage.model_dump()
        choices = getattr(chunk, "choices", None)
        if not choices:
            return ""
        self._finish = choices[0].finish_reason or self._finish
        delta = choices[0].delta
        return self._delta(delta) if delta is not None else ""

    def overhear(self, chunk: Any) -> None:
        """Take in of a chunk as the lane sent it what LiteLLM drops: the words of a refusal, and which model it says it
        is, in whose place LiteLLM puts the one that was asked for."""
        served = getattr(chunk, "model", None)
        self._served = served if isinstance(served, str) and served else self._served
        for choice in (getattr(chunk, "choices", None) or ())[:1]:
            refusal = getattr(getattr(choice, "delta", None), "refusal", None)
            if isinstance(refusal, str):
                self._refusal.append(refusal)

    def end(self) -> str:
        """What can be shown now that nothing more comes."""
        return self._show(self._visible.end())

    def reply(self, *, received: str | None) -> Reply:
        """The whole answer.

        Args:
            received: the reason with which the lane itself ended the stream, None where it gave none.

        Raises:
            LaneFailure: it did not end as an answer does.
        """
        if received is None:
            came = self._text or self._thinking or self._tools
            raise LaneFailure("connection" if came else "malformed", "StreamCutError", partial=self.shown)
        message = {
            "content": "".join(self._text),
            "reasoning_content": "".join(self._thinking),
            "tool_calls": [{"id": one["id"], "function": one} for one in self._tools],
            "annotations": self._annotations,
            "refusal": "".join(self._refusal),
            "thinking_blocks": self._blocks,
            "provider_specific_fields": self._extra,
        }
        choice = {"message": message, "finish_reason": self._finish or received}
        told = {"model": self._served or self._model, "system_fingerprint": self._fingerprint, "usage": self._usage}
        return from_openai({**told, "choices": [choice]}, tagged=self._tagged)

    @property
    def unopened(self) -> bool:
        """Whether it began with thinking that no tag opened."""
        return not self._tagged and not self._thinking and unopened("".join(self._text)) is not None

    def _delta(self, delta: Any) -> str:
        self._aside(delta)
        for one in getattr(delta, "tool_calls", None) or ():
            self._tool(one)
        thought = getattr(delta, "reasoning_content", None)
        if thought:
            self._thinking.append(thought)
            self._visible.thought = True
        text = getattr(delta, "content", None)
        if not text:
            return ""
        self._text.append(text)
        return self._show(self._visible.feed(text))

    def _show(self, text: str) -> str:
        self.shown += text
        return text

    def _tool(self, part: Any) -> None:
        """The name comes with the first part of a call, its arguments in pieces. Some servers give all calls the same
        index: another id begins another call."""
        at = part.index or 0
        known = next((one for one in reversed(self._tools) if one["index"] == at), None)
        if known is None or (part.id and known["id"] and part.id != known["id"]):
            known = {"index": at, "id": "", "name": "", "arguments": ""}
            self._tools.append(known)
        known["id"] = known["id"] or part.id or ""
        known["name"] = known["name"] or part.function.name or ""
        known["arguments"] += part.function.arguments or ""

    def _aside(self, delta: Any) -> None:
        """What vendors send beside the text."""
        self._annotations.extend(_plain(one) for one in getattr(delta, "annotations", None) or ())
        for block in getattr(delta, "thinking_blocks", None) or ():
            self._block(_plain(block))
        extra = getattr(delta, "provider_specific_fields", None) or {}
        if extra.get("citation"):
            self._extra.setdefault("citations", []).append(extra["citation"])
        if extra.get("stop_reason"):
            self._extra["stop_reason"] = extra["stop_reason"]

    def _block(self, part: dict[str, Any]) -> None:
        """Thinking comes in pieces, its signature with the last one."""
        last = self._blocks[-1] if self._blocks else None
        if last is None or last.get("signature") or last.get("type") != "thinking":
            self._blocks.append({name: value for name, value in part.items() if name != "index"})
            return
        last["thinking"] = (last.get("thinking") or "") + (part.get("thinking") or "")
        if part.get("signature"):
            last["signature"] = part["signature"]


class _Overheard:
    """What another iterates over, heard first."""

    def __init__(self, items: Any, hear: Callable[[Any], None]) -> None:
        self._items, self._hear = items, hear

    def __getattr__(self, name: str) -> Any:
        return getattr(self._items, name)

    def __aiter__(self) -> _Overheard:
        self._from = aiter(self._items)
        return self

    async def __anext__(self) -> Any:
        item = await anext(self._from)
        self._hear(item)
        return item


def overheard(chunks: Any, gathered: Gathered) -> Any:
    """Chunks as a lane sends them, on their way to LiteLLM, which drops words of refusals and what is no JSON."""
    lines = getattr(chunks, "streaming_response", None)
    if lines is not None:
        chunks.streaming_response = _Overheard(lines, _whole)
    return _Overheard(chunks, gathered.overhear)


def _whole(line: object) -> None:
    """A line of server-sent events holds whole JSON, else an error is raised."""
    said = line.decode(errors="replace") if isinstance(line, bytes) else line
    if isinstance(said, str) and said.startswith("data:") and said[5:].strip() not in ("", "[DONE]"):
        json.loads(said[5:])


def _plain(value: Any) -> dict[str, Any]:
    return value.model_dump() if isinstance(value, BaseModel) else dict(value)
