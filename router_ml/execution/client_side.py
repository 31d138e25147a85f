"""What a caller brings along beside the request: tools that it calls itself, and wishes for decoding.

A lane may ask for such a tool; the request ends there, the calls go back to the caller (``Completion.tool_requests``),
and its results come with the next request. What a wish may do is narrow: a shorter answer, and whatever the plan left
open.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from router_ml.config import RouterConfig
from router_ml.contract import Decoding, RouteDecision
from router_ml.contract.base import JsonObject, walk_strings
from router_ml.execution.lanes.reply import Reply, ToolRequest


@dataclass(frozen=True)
class ClientSide:
    """``tools`` in the OpenAI shape; ``must_call``: the lane has to ask for one of them, or for one of ours;
    ``decoding``: what the caller asks for; ``parallel``: whether several of its tools may be asked for at once;
    ``traceparent``, ``tracestate``: the W3C trace context that it sent; ``decide_ms``: after which whoever decides for
    many (``Executor.decide_by``) is to decide by the rules alone."""

    tools: tuple[JsonObject, ...] = ()
    must_call: bool = False
    decoding: Decoding = field(default_factory=Decoding)
    parallel: bool = True
    traceparent: str | None = None
    tracestate: str | None = None
    decide_ms: float | None = None

    def wanted(self, reply: Reply) -> tuple[ToolRequest, ...]:
        """The calls in a reply that are the caller's to make.

        Ours beside them are left out, and what is not to come at once: the lane asks again once it has the results of
        these.
        """
        names = {name_of(tool) for tool in self.tools}
        found = tuple(one for one in reply.tool_requests if one.name in names)
        return found if self.parallel else found[:1]

    def cut(self, reply: Reply) -> bool:
        """Whether a reply ends at the ``max_tokens`` of the caller, and no other limit was lower."""
        most, wished = reply.max_tokens, self.decoding.max_tokens
        return reply.stop == "length" and wished is not None and most is not None and most >= wished

    def strings(self) -> tuple[str, ...]:
        """What lanes are sent of it beside the request, which rules have to look at first: one text for each tool, and
        the words that end an answer."""
        return (*("\n".join(text for _, text in walk_strings(tool)) for tool in self.tools), *self.decoding.stop)


def name_of(tool: JsonObject) -> str:
    """The name of a tool in the OpenAI shape."""
    function = tool.get("function")
    return str(function.get("name")) if isinstance(function, dict) else ""


def kept(client: ClientSide, config: RouterConfig, decision: RouteDecision) -> ClientSide:
    """Without the caller's tools where a rule that fired restricts tools: nobody has said that they only read.

    A rule that is no longer configured counts as one that does.
    """
    rules = {policy.id: policy for policy in config.policies}
    fired = [rules.get(one.id) for one in decision.policies]
    if client.tools and any(rule is None or rule.then.tools is not None for rule in fired):
        return replace(client, tools=(), must_call=False)
    return client


def decoding_with(client: ClientSide, decoding: Decoding) -> Decoding:
    """The planned decoding with the caller's wishes: a lower ``max_tokens`` and all the plan does not say.

    >>> asked = ClientSide(decoding=Decoding(max_tokens=50, temperature=1.0))
    >>> decoding_with(asked, Decoding(max_tokens=800, temperature=0.0)).model_dump(exclude_defaults=True)
    {'temperature': 0.0, 'max_tokens': 50}
    """
    wished = client.decoding
    caps = [cap for cap in (wished.max_tokens, decoding.max_tokens) if cap is not None]
    free = {
        name: getattr(wished, name)
        for name in ("temperature", "top_p", "seed", "reasoning_effort")
        if getattr(decoding, name) is None
    }
    stops = tuple(dict.fromkeys((*decoding.stop, *wished.stop)))
    return decoding.model_copy(update={**free, "max_tokens": min(caps, default=None), "stop": stops})
