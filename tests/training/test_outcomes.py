"""The outcome pack: real outcomes, no text, split by group."""

from __future__ import annotations

import numpy as np
import pytest

from router_ml.storage.bundle import Bundle
from router_ml.storage.loading import shipped_bundle
from training.outcomes import DEFAULT, load_pack


def test_the_pack_holds_outcomes_and_no_text() -> None:
    """The prompts belong to others: numbers and digests ship, text does not."""
    from safetensors.numpy import load_file

    arrays = load_file(DEFAULT.with_suffix(".safetensors"))
    assert all(array.dtype.kind in "fiu" for array in arrays.values())
    assert arrays["prompt_sha256"].shape == (len(arrays["quality"]), 32)
    pack = load_pack()
    assert len(pack.lanes) == 4
    assert ((pack.quality >= 0) & (pack.quality <= 1)).all()
    assert (pack.cost_usd > 0).all()
    assert pack.quality[:, 0].mean() == pytest.approx(0.7896, abs=1e-3), "columns are where the card says"


def test_the_pack_belongs_to_the_shipped_encoder() -> None:
    """A changed encoder rebuilds the pack: their digests must match in what ships."""
    assert load_pack().encoder == Bundle.load(shipped_bundle()).encoder.sha256


@pytest.mark.parametrize("seed", range(3))
def test_splits_keep_groups_together(seed: int) -> None:
    """A near-duplicate on both sides of a split would make a held-out number a lie."""
    pack = load_pack()
    parts = pack.split(0.4, 0.3, seed=seed)
    assert sum(len(part.group) for part in parts) == len(pack.group)
    for i, one in enumerate(parts):
        for other in parts[i + 1 :]:
            assert not np.intersect1d(one.group, other.group).size
