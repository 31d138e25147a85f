"""The loop in time is exact: whatever is done in bulk comes to what one request at a time comes to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.offline.simulation.one_by_one import OneByOne
from tests.offline.simulation.small_worlds import Setting, Toy, carried, setting

COLUMNS = ("fate", "first", "final", "exploit", "calls", "failed_calls")
NUMBERS = ("propensity", "cost_usd", "latency_ms", "quality")


def same(found: dict[str, NDArray[Any]], expected: dict[str, NDArray[Any]], *, exact: bool = True) -> None:
    for name in expected:
        if exact or name in COLUMNS:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
        else:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-6, err_msg=name)


def reference(policy: Toy, world: Setting) -> dict[str, NDArray[Any]]:
    found = OneByOne(policy, world).run()
    return {name: np.array([one[name] for one in found]) for name in (*COLUMNS, *NUMBERS)}


WORLDS = {
    "calm": {"trouble": 0.0, "sessions": False},
    "troubled": {"trouble": 0.6, "sessions": False},
    "sessions": {"trouble": 0.6},
    "money": {"budget": 0.25, "trouble": 0.4},
    "limits": {"limits": True, "trouble": 0.3},
    "attempts": {"attempts": 2, "trouble": 0.6},
    "everything": {"budget": 0.3, "limits": True, "attempts": 2, "trouble": 0.6},
}


@pytest.mark.parametrize("kind", WORLDS)
@settings(max_examples=6)
@given(seed=st.integers(0, 10_000), learns=st.booleans(), probes=st.booleans(), batch=st.integers(1, 500))
def test_it_comes_to_what_one_request_at_a_time_comes_to(
    kind: str, seed: int, learns: bool, probes: bool, batch: int
) -> None:
    world = setting(seed, **WORLDS[kind])
    expected = reference(Toy(world, seed, learns=learns, probes=probes), world)
    found = carried(Toy(world, seed, learns=learns, probes=probes), replace(world, batch=batch))
    same({name: found[name] for name in expected}, expected, exact=False)
    assert not found["violations"].any()
