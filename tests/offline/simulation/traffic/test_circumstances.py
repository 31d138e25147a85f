"""Shares of circumstances are met whatever there is room for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.config import parse_config
from router_ml.offline.simulation.traffic.circumstances import company, placed

SHARES = st.dictionaries(st.sampled_from("abcd"), st.floats(0.01, 9), min_size=1, max_size=4)


@given(
    requests=st.integers(1, 40),
    channel=SHARES,
    region=SHARES,
    size=st.integers(1, 400),
    seed=st.integers(0, 9),
)
def test_shares_are_met_as_nearly_as_the_number_of_kinds_allows(
    requests: int, channel: dict[str, float], region: dict[str, float], size: int, seed: int
) -> None:
    found = placed(requests, {"channel": channel, "region": region}, size=size, seed=seed)
    count = len(found.request)
    assert count <= size
    assert len(found.places) == len(found.weight) == count
    assert found.weight.sum() == pytest.approx(1)
    assert set(found.request.tolist()) <= set(range(requests))
    assert len(set(found.request.tolist())) == min(requests, size)
    pairs = [(row, *places.values()) for row, places in zip(found.request.tolist(), found.places, strict=True)]
    assert len(set(pairs)) == count
    each = np.bincount(found.request, found.weight)
    assert each[each > 0] == pytest.approx(1 / min(requests, size))
    drawn = min(requests, size) * max(size // min(requests, size), 1)
    whole = sum(channel.values())
    for value, part in channel.items():
        mine = sum(w for w, places in zip(found.weight, found.places, strict=True) if places["channel"] == value)
        assert abs(mine - part / whole) <= len(region) / drawn + 1e-9


def test_a_company_knows_the_regions_and_organisations_of_its_configuration() -> None:
    text = """
    version: 1
    regions: [uk, ca]
    lanes:
      only:
        {model: a/b, provider: here, failure_domain: here, region: uk, boundary: private, context_window: 8000,
         max_output_tokens: 1000, price: {input_per_mtok: 1, output_per_mtok: 2}, prior: {quality: 0.8},
         latency: {base_ms: 100, ms_per_output_token: 5}}
    traffic_classes:
      vip: {when: {org: [gold, silver]}, floor: 0.5, quality_per_usd: 10}
      rest: {floor: 0.5, quality_per_usd: 10}
    """
    found = company(parse_config(text))
    assert found["region"] == pytest.approx({"none": 0.4, "uk": 0.3, "ca": 0.3})
    assert found["org"] == pytest.approx({"none": 0.95, "gold": 0.025, "silver": 0.025})
    bare = company(
        parse_config(
            text.replace("regions: [uk, ca]", "").replace("when: {org: [gold, silver]}, ", "when: {domain: [hr]}, ")
        )
    )
    assert (bare["region"], bare["org"]) == ({"none": 1.0}, {"none": 1.0})
