"""A few cases of ``make fuzz``, so that it keeps running; the rest of its time is its own."""

from __future__ import annotations

import pytest
import yaml

from benchmarks import fuzz
from router_ml.config import RouterConfig

SOURCE = fuzz.CONFIG.read_text(encoding="utf-8")
CONFIG = RouterConfig.model_validate(yaml.safe_load(SOURCE))


@pytest.mark.parametrize("first", range(0, 120, 20))
def test_the_first_cases_hold(first: int) -> None:
    for case in range(first, first + 20):
        fuzz.run(case, 1, CONFIG, SOURCE)


def test_a_broken_promise_is_told_without_the_input() -> None:
    with pytest.raises(fuzz.BrokenPromiseError, match=r"^a value stands in a record$"):
        fuzz.promise("a value stands in a record", False)
