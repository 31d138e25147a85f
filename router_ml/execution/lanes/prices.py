"""What a call costs: exactly, from the price of its lane, and the same prices told to LiteLLM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router_ml.config import Lane
from router_ml.config.schema import Price
from router_ml.execution.lanes.reply import Usage


def cost_usd(price: Price, usage: Usage, *, batch: bool = False) -> float:
    """USD of one call. Cached input has its own price where the lane has one; ``batch``: with the batch discount.

    >>> price = Price(input_per_mtok=2.0, output_per_mtok=8.0, cached_input_per_mtok=0.5, batch_discount=0.5)
    >>> cost_usd(price, Usage(tokens_in=1_000_000, tokens_out=100_000, cached_tokens=400_000))
    2.2
    >>> cost_usd(price, Usage(tokens_in=1_000_000, tokens_out=100_000, cached_tokens=400_000), batch=True)
    1.1
    """
    cached = min(usage.cached_tokens, usage.tokens_in)
    fresh = usage.tokens_in - cached
    full = (fresh * price.input_per_mtok + cached * _cached(price) + usage.tokens_out * price.output_per_mtok) / 1e6
    return full * (1 - price.batch_discount) if batch else full


def _cached(price: Price) -> float:
    return price.input_per_mtok if price.cached_input_per_mtok is None else price.cached_input_per_mtok


def entries(lanes: Mapping[str, Lane], known: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Prices by model as ``litellm.register_model`` takes them.

    A model that LiteLLM knows may have prices by length, tier or kind of token there; those of the lane hold for all of
    them, since that is what was agreed. Of lanes with one model LiteLLM keeps the last price; ``cost_usd`` is exact for
    each.
    """
    return {lane.model: _entry(lane, known) for lane in lanes.values()}


def _entry(lane: Lane, known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    provider, _, bare = lane.model.partition("/")
    price, off = lane.price, 1 - lane.price.batch_discount
    found = {**known.get(bare, {}), **known.get(lane.model, {})}
    flat = {
        "input_cost_per_token": price.input_per_mtok / 1e6,
        "output_cost_per_token": price.output_per_mtok / 1e6,
        "cache_read_input_token_cost": _cached(price) / 1e6,
        "cache_creation_input_token_cost": price.input_per_mtok / 1e6,
        "input_cost_per_token_batches": price.input_per_mtok * off / 1e6,
        "output_cost_per_token_batches": price.output_per_mtok * off / 1e6,
    }
    others = {name: _like(name, flat) for name in found if "cost_per_token" in name or "token_cost" in name}
    return {
        **others,
        "output_cost_per_reasoning_token": flat["output_cost_per_token"],
        **flat,
        "litellm_provider": found.get("litellm_provider", provider),
        "mode": "chat",
        "max_input_tokens": lane.context_window,
        "max_output_tokens": lane.max_output_tokens,
    }


def _like(name: str, flat: Mapping[str, float]) -> float:
    """The flat price that a finer one stands for."""
    batch = "_batches" if name.endswith("_batches") else ""
    if name.startswith("cache_read"):
        return flat["cache_read_input_token_cost"]
    return flat[("output_cost_per_token" if name.startswith("output") else "input_cost_per_token") + batch]
