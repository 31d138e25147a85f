"""Texts are encoded by the encoder of a run, whatever other threads encode with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from training.evals.bench import Bench
from training.evals.grounding import encoding


def test_an_encoder_is_not_lost_to_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that clears what is remembered at the worst moment takes no vectors from a check that has begun."""

    class Cleared(dict[int, Any]):
        def __setitem__(self, key: int, value: object) -> None:
            """Cleared at once."""

    monkeypatch.setattr(encoding, "_remembered", Cleared())
    router = SimpleNamespace(bundle=SimpleNamespace(encoder=object()))
    bench = SimpleNamespace(router=router, embed=lambda texts: np.ones((len(texts), 1)))
    assert encoding.of_bench(cast("Bench", bench))(["a", "b"]).shape == (2, 1)
