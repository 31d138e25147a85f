"""Held-out savings: no prompt is routed by what was learned from it or its near-duplicates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="fitting needs the 'offline' extra")

from router_ml.storage.bundle import Bundle
from training.benchmark import savings
from training.benchmark.savings import cross_fitted
from training.outcomes import load_pack


def test_a_groups_outcomes_do_not_route_it(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its outcomes turned round, its own propensities stay, and those of others do not all."""
    monkeypatch.setattr(savings, "FOLDS", 2)
    pack = load_pack().split(0.12, seed=1)[0]
    pack = replace(pack, group=pack.group % 40)
    turned = replace(pack, quality=np.where((pack.group == pack.group[0])[:, None], 1 - pack.quality, pack.quality))
    before = cross_fitted(pack, bundle.config, traffic_class="default")
    after = cross_fitted(turned, bundle.config, traffic_class="default")
    own = pack.group == pack.group[0]
    assert (before[own] == after[own]).all()
    assert (before[~own] != after[~own]).any()
    assert before.sum(axis=1) == pytest.approx(np.ones(len(own)))
