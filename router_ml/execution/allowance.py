"""What one call may use: tokens, money and time that the limits of the decision leave. Pure.

Tokens of the request were counted by the router; what has come in since is counted at three bytes each, which is more
than vendors count in most languages. Money that a failed call may have cost is assumed to be gone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

from router_ml.config import Lane
from router_ml.contract import Decoding, FailureKind, RouteDecision
from router_ml.contract.base import JsonObject

_BYTES_PER_TOKEN = 3
_MTOK = 1e6
_SENT = frozenset(("timeout", "connection", "malformed", "empty", "deadline", "cancelled", "unbilled"))
"""Ends of calls that may have cost money which nobody told us of."""


@dataclass(frozen=True)
class Allowance:
    """How a call is made: with how many tokens at most (in ``decoding``), and how long it may take."""

    decoding: Decoding
    timeout_s: float


def tokens_in(decision: RouteDecision, sent: Sequence[JsonObject], tools: Sequence[JsonObject], asked: int) -> int:
    """Tokens of a call.

    Args:
        sent: messages of the call. asked: bytes of those of the request, which the decision has counted.
    """
    added = max(size(sent) - asked, 0) + (size(tools) if tools else 0)
    return decision.circumstances.tokens_in + -(-added // _BYTES_PER_TOKEN)


def size(messages: Sequence[JsonObject]) -> int:
    """Bytes of messages as they are sent."""
    return len(json.dumps(messages, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def expected_usd(decision: RouteDecision, lane: str, place: Lane, *, tokens: int) -> float:
    """USD that a call is expected to cost: the estimate of the decision, and what has been added since."""
    price, known = place.price, decision.estimates.get(lane)
    if known is None:
        return tokens * price.input_per_mtok / _MTOK
    added = max(tokens - decision.circumstances.tokens_in, 0)
    return known.cost_usd + added * price.input_per_mtok / _MTOK


def assumed_usd(kind: str, expected: float) -> float:
    """USD that a call may have cost which ended in a failure, or without a bill."""
    return expected if kind in _SENT else 0.0


def allow(
    decision: RouteDecision,
    lane: str,
    place: Lane,
    decoding: Decoding,
    *,
    tokens: int,
    spent_usd: float,
    left_ms: float,
) -> Allowance | FailureKind:
    """How a call may be made, or why it may not.

    Its output is cut to what windows and money leave, so that not even the longest answer passes a limit.

    Args:
        tokens: of the call. spent_usd: so far. left_ms: until the deadline.
    """
    limits = decision.limits
    if left_ms <= 0:
        return "deadline"
    if limits.max_input_tokens is not None and tokens > limits.max_input_tokens:
        return "context_overflow"
    room = [place.max_output_tokens, place.context_window - tokens]
    if decoding.max_tokens is not None:
        room.append(decoding.max_tokens)
    if limits.max_context_tokens is not None:
        room.append(limits.max_context_tokens - tokens)
    if min(room) < 1:
        return "context_overflow"
    if limits.max_cost_usd is not None:
        left = limits.max_cost_usd - spent_usd
        affordable = _affordable(place, left - tokens * place.price.input_per_mtok / _MTOK)
        if expected_usd(decision, lane, place, tokens=tokens) > left or affordable < 1:
            return "over_budget"
        room.append(affordable)
    timeout_ms = min(place.endpoint.timeout_ms, left_ms)
    return Allowance(decoding.model_copy(update={"max_tokens": min(room)}), timeout_ms / 1000)


def _affordable(place: Lane, usd: float) -> int:
    """Tokens out that some money pays for."""
    if usd < 0:
        return 0
    if place.price.output_per_mtok == 0:
        return place.max_output_tokens
    return min(floor(usd * _MTOK / place.price.output_per_mtok * (1 - 1e-9)), place.max_output_tokens)
