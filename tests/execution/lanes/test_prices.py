"""Money is counted exactly, and LiteLLM counts the same."""

from __future__ import annotations

from typing import Any

import pytest

from router_ml.execution.lanes.calls import LiteLLMLanes
from router_ml.execution.lanes.prices import cost_usd
from router_ml.execution.lanes.reply import Reply, Usage
from tests.execution.lane_bench import (
    MODELS,
    PRICE,
    against,
    all_lanes,
    answer_of,
    call_of,
)


@pytest.fixture(scope="module")
def lanes() -> LiteLLMLanes:
    return all_lanes()


@pytest.mark.parametrize("tokens", [(1000, 100, 400), (300_000, 5000, 0), (7, 3, 7)])
@pytest.mark.parametrize("lane", ["openai", "vllm", "anthropic", "mistral", "gemini", "compatible"])
def test_litellm_counts_the_same_money(lanes: LiteLLMLanes, lane: str, tokens: tuple[int, int, int]) -> None:
    """Also where it knows other prices of the model, as for long prompts."""
    import litellm
    from litellm.types.utils import ModelResponse
    from litellm.types.utils import Usage as TheirUsage

    fresh, out, cached = tokens
    usage = TheirUsage(
        prompt_tokens=fresh,
        completion_tokens=out,
        total_tokens=fresh + out,
        prompt_tokens_details={"cached_tokens": cached},
    )
    answer = ModelResponse(model=MODELS[lane].partition("/")[2], usage=usage)
    theirs = litellm.completion_cost(answer, model=MODELS[lane])
    assert theirs == pytest.approx(cost_usd(PRICE, Usage(fresh, out, cached)), abs=1e-9)


def test_a_batch_costs_what_the_discount_leaves(lanes: LiteLLMLanes, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(_: Any) -> tuple[Reply, Reply]:
        return await lanes.call(call_of("openai")), await lanes.call(call_of("openai", batch=True))

    now, batch = against(answer_of("openai"), work, monkeypatch)
    assert batch.usage.cost_usd == pytest.approx(now.usage.cost_usd / 2, abs=1e-12)
