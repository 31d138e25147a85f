"""Batch traffic costs what it was weighed at, from the estimate to the record."""

from __future__ import annotations

import pytest

from benchmarks.execution.setting import Ledger, executor_on
from router_ml.config import RouterConfig


def test_the_record_has_batch_prices_too(lanes_config: RouterConfig, ledger: Ledger) -> None:
    lanes = {
        name: lane.model_copy(update={"price": lane.price.model_copy(update={"batch_discount": 0.5})})
        for name, lane in lanes_config.lanes.items()
    }
    with executor_on(lanes_config.model_copy(update={"lanes": lanes}), ledger=ledger, log=None, lanes=None) as running:
        for channel, share in (("api", 1.0), ("batch", 0.5)):
            hop = running.complete("What is two and two?", channel=channel).execution.hops[-1]
            price = lanes[hop.lane].price
            full = (hop.tokens_in * price.input_per_mtok + hop.tokens_out * price.output_per_mtok) / 1e6
            assert hop.cost_usd == pytest.approx(full * share)
            assert full > 0
