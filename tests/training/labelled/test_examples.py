"""Targets: what is known is a target, what is unknown is not, and noise has no right label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training import corpus
from training.labelled.examples import DEFAULT, UNKNOWN, Example, Targets, authored, noise

SHARED = Path(__file__).parents[3] / "shared" / "data"


def test_everything_is_known_of_authored_rows() -> None:
    row = corpus.Row("Refund me", "action", "support", "chat", ("state_change",), "en", "x")
    targets = Targets.of(authored([row]))
    assert np.isfinite(targets.values).all()
    assert DEFAULT.intent[targets.truth("intent")[0]] == "action"
    assert DEFAULT.domain[targets.truth("domain")[0]] == "support"
    assert [risk for risk, there in zip(DEFAULT.risks, targets.risks[0], strict=True) if there] == ["state_change"]


def test_the_unknown_is_no_target() -> None:
    targets = Targets.of([Example("x", "set", {"domain": "legal"}, {"pii": False})])
    assert targets.truth("intent")[0] == UNKNOWN
    assert np.isnan(targets.head("mode")).all()
    assert np.isfinite(targets.risks[0]).sum() == 1


def test_noise_is_spread_over_all_labels_and_without_risk() -> None:
    targets = Targets.of(noise(5, DEFAULT.risks, seed=1))
    assert (targets.truth("intent") == UNKNOWN).all()
    np.testing.assert_allclose(targets.head("intent"), 0.1)
    assert (targets.risks == 0).all()
    assert [e.text for e in noise(3, (), seed=2)] == [e.text for e in noise(3, (), seed=2)]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the public sets are not on this machine; they do not ship")
def test_public_sets_are_held_out_by_class_and_never_in_part() -> None:
    """A class on both sides would make the held-out score a memory test."""
    pytest.importorskip("pyarrow", reason="reads Parquet; install router-ml[train]")
    from training.labelled.public import load_public

    items = load_public(SHARED)
    sides: dict[tuple[str, str], set[bool]] = {}
    for item in items:
        sides.setdefault((item.example.source, item.unit), set()).add(item.for_training)
    assert all(len(side) == 1 for side in sides.values())
    assert sum(item.for_training for item in items) > 3000
    assert sum(not item.for_training for item in items) > 1500
    Targets.of([item.example for item in items])
