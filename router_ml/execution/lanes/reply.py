"""What a lane answered, in one normal form whatever the vendor's shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from router_ml.contract.base import JsonObject

Stop = Literal["end", "length", "tools", "filter", "refusal", "unknown"]
"""Why a lane stopped: it was done, its output was cut, it wants tools, a filter cut in, it refused, it did not say."""


_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))


def blank(text: str) -> bool:
    """Whether a reader would see nothing of a text."""
    return not text.translate(_INVISIBLE).strip()


@dataclass(frozen=True)
class ToolRequest:
    """A call of a tool that a lane asks for; ``arguments`` as it wrote them, JSON or not."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Usage:
    """Tokens and money of one call. ``cost_usd`` None: not known."""

    tokens_in: int = 0
    tokens_out: int = 0
    cached_tokens: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True)
class Reply:
    """One answer of one lane.

    ``text``: what a reader sees, without thinking; ``refusal``: what it said instead of answering, if it says so apart;
    ``citations``: ids of passages that it names; ``thinking_blocks``: thinking as its vendor signed it, which it wants
    back after the results of tools; ``max_tokens``: the most that it was allowed, where that is known;
    ``fingerprint``: of what served it, as OpenAI and servers like it say it; others say nothing.
    """

    text: str = ""
    thinking: str = ""
    tool_requests: tuple[ToolRequest, ...] = ()
    citations: tuple[str, ...] = ()
    stop: Stop = "end"
    refusal: str | None = None
    served_model: str | None = None
    usage: Usage = field(default_factory=Usage)
    thinking_blocks: tuple[JsonObject, ...] = field(default=(), compare=False, repr=False)
    max_tokens: int | None = field(default=None, compare=False, repr=False)
    fingerprint: str | None = field(default=None, compare=False)

    @property
    def empty(self) -> bool:
        """Whether there is neither a text nor a call of a tool, nor a reason why: it refused, was cut off, filtered."""
        told = self.refusal is not None or self.stop in ("length", "filter", "refusal")
        return not told and not self.tool_requests and blank(self.text)

    def as_message(self) -> JsonObject:
        """The reply as a message of the conversation, in the OpenAI shape."""
        message: JsonObject = {"role": "assistant", "content": self.text}
        if self.tool_requests:
            message["tool_calls"] = [
                {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": one.arguments}}
                for one in self.tool_requests
            ]
        if self.tool_requests and self.thinking_blocks:
            message["thinking_blocks"] = list(self.thinking_blocks)
        return message


@dataclass(frozen=True)
class Piece:
    """A part of a streamed answer: some more text, or, at the end, the whole ``reply``."""

    text: str = ""
    reply: Reply | None = None
