"""Prices and latencies are those of this request on this lane; nothing is ever free by accident."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.allocation.context import Contexts
from router_ml.allocation.cost import TYPICAL_TOKENS_OUT, CostModel, expected_tokens_out, latency, price
from router_ml.allocation.similarity import Similarity
from router_ml.config import Lane

Make = Callable[..., Contexts]


def lane(**overrides: Any) -> Lane:
    fields: dict[str, Any] = {
        "model": "openai/gpt-4.1",
        "provider": "openai",
        "failure_domain": "openai",
        "region": "us",
        "boundary": "vendor",
        "price": {"input_per_mtok": 3.0, "output_per_mtok": 15.0, "cached_input_per_mtok": 0.3, "batch_discount": 0.5},
        "latency": {"base_ms": 400, "ms_per_output_token": 10},
        "prior": {"quality": 0.8},
        "context_window": 1000,
        "max_output_tokens": 1000,
    }
    return Lane.model_validate({**fields, **overrides})


DEAR = lane()
CHEAP = lane(price={"input_per_mtok": 0.1, "output_per_mtok": 0.2}, latency={"base_ms": 100, "ms_per_output_token": 2})
IN, OUT = np.array([1000]), np.array([[500.0, 500.0]])


def test_a_price_is_tokens_times_the_price_list() -> None:
    """1,000 in at $3 and 500 out at $15 per million are 0.3 + 0.75 cents."""
    assert price([DEAR, CHEAP], IN, OUT).tolist()[0] == pytest.approx([0.0105, 0.0002])


def test_cached_tokens_cost_the_cached_price_and_at_most_the_whole_prompt() -> None:
    cached = np.array([[800.0, 800.0]])
    assert price([DEAR, CHEAP], IN, OUT, cached_in=cached)[0, 0] == pytest.approx((200 * 3 + 800 * 0.3 + 7500) / 1e6)
    assert price([DEAR, CHEAP], IN, OUT, cached_in=cached)[0, 1] == pytest.approx(0.0002)  # it has no cached price
    np.testing.assert_array_equal(
        price([DEAR, CHEAP], IN, OUT, cached_in=cached * 1000), price([DEAR, CHEAP], IN, OUT, cached_in=cached * 1.25)
    )


def test_the_batch_discount_is_that_of_each_lane() -> None:
    full, half = price([DEAR, CHEAP], IN, OUT)[0], price([DEAR, CHEAP], IN, OUT, batch=True)[0]
    assert half.tolist() == pytest.approx([full[0] / 2, full[1]])


@given(st.integers(0, 10**6), st.floats(0, 1e5), st.floats(0, 1e6), st.booleans())
def test_a_price_is_never_negative_and_rises_with_tokens(asked: int, out: float, held: float, batch: bool) -> None:
    """A negative price would win every trade-off."""
    tokens_in, tokens_out, cached = np.array([asked, asked + 1]), np.full((2, 1), out), np.full((2, 1), held)
    less, more = price([DEAR], tokens_in, tokens_out, cached_in=cached, batch=batch)[:, 0]
    assert 0 <= less < more
    assert price([DEAR], tokens_in[:1], tokens_out[:1] + 1, batch=batch)[0, 0] > less


def test_latency_is_the_time_to_the_last_token() -> None:
    assert latency([DEAR, CHEAP], np.array([[50.0, 20.0]])).tolist() == [[900.0, 140.0]]


def test_a_lane_that_was_slow_is_expected_to_be_slow() -> None:
    """A ceiling on latency would otherwise be kept on paper alone."""
    slow = latency([DEAR, CHEAP], np.array([[50.0, 20.0]]), np.array([1.5, 1.0]))
    assert slow.tolist() == [[1350.0, 140.0]]


def limited(**most: int) -> dict[str, Lane]:
    """Lanes that write at most so many tokens."""
    return {name: DEAR.model_copy(update={"max_output_tokens": tokens}) for name, tokens in most.items()}


def model(similarity: Similarity, lanes: tuple[str, ...], log_tokens: list[float]) -> CostModel:
    size = len(lanes)
    weights = np.zeros((len(similarity.landmarks), size), np.float32)
    return CostModel(
        lanes,
        similarity,
        np.array(log_tokens, np.float32),
        weights,
        np.full(size, 1.5, np.float32),
        np.tile(np.array(log_tokens, np.float32), (3, 2, 1)),
        np.ones(size, np.float32),
    )


def test_predicted_tokens_are_unlogged_with_the_smearing_estimate(similarity: Similarity, make_contexts: Make) -> None:
    """exp(mean of logs) alone would underprice every lane."""
    tokens = model(similarity, ("a", "b"), [4.0, 6.0]).tokens_out(make_contexts(3))
    np.testing.assert_allclose(tokens, np.tile([1.5 * np.exp(4), 1.5 * np.exp(6)], (3, 1)), rtol=1e-5)


def test_a_wild_extrapolation_is_clipped(similarity: Similarity, make_contexts: Make) -> None:
    tokens = model(similarity, ("a", "b"), [500.0, -500.0]).tokens_out(make_contexts(1))
    assert np.isfinite(tokens).all()
    assert tokens[0, 1] == pytest.approx(1.5)


def test_a_lane_without_observations_writes_as_much_as_the_others(similarity: Similarity, make_contexts: Make) -> None:
    """Zero tokens would make a new lane look free and send it all the traffic."""
    cost = model(similarity, ("a", "b"), [4.0, 6.0])
    asked, known = make_contexts(2), cost.tokens_out(make_contexts(2))
    tokens = expected_tokens_out(known, asked, limited(b=10_000, new=10_000, a=10_000), ["a", "b"])
    np.testing.assert_allclose(tokens[0], 1.5 * np.exp([6, 5, 4]), rtol=1e-5)
    capped = expected_tokens_out(known, asked, limited(b=10, new=10_000, a=50), ["a", "b"])
    assert capped[0, 0] == 10
    assert capped[0, 2] == 50


def test_without_a_model_a_typical_answer_is_assumed(make_contexts: Make) -> None:
    tokens = expected_tokens_out(None, make_contexts(2), limited(a=10_000, b=100), [])
    assert tokens.tolist() == [[TYPICAL_TOKENS_OUT, 100.0]] * 2
