"""Priors travel with a bundle, sealed; what is no such file is refused in words."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from router_ml import Router
from router_ml.allocation.priors import CellPriors
from router_ml.errors import BundleFormatError, BundleIntegrityError
from router_ml.storage.bundle import Bundle, load_allocation, save_allocation, seal, verify
from router_ml.storage.priors import FILE, as_json, check_labels, digest, load_priors, read_priors, save_priors


def of_bundle(bundle: Bundle) -> CellPriors:
    """Random priors of two lanes over the bundle's cells."""
    rng = np.random.default_rng(3)
    intents, domains = bundle.taxonomy["intents"], bundle.taxonomy["domains"]
    shape = len(intents), len(domains), 2
    arms = {name: (bundle.config.lanes[name].model, bundle.config.lanes[name].version) for name in ("private", "code")}
    quality = rng.random(shape)
    tables = {"quality": quality, "low": quality / 2, "high": (1 + quality) / 2}
    strength, counted = rng.uniform(1, 50, shape), rng.uniform(0, 30, shape)
    return CellPriors(
        tuple(arms),
        intents,
        domains,
        strength=strength,
        counted=counted,
        level=0.95,
        arms=arms,
        made={"a": 1},
        **tables,
    )


def test_priors_survive_the_way_to_disk(bundle: Bundle, tmp_path: Path) -> None:
    """To six digits, and the same file again from there."""
    priors = of_bundle(bundle)
    save_priors(priors, tmp_path)
    found = load_priors(tmp_path)
    assert found is not None
    assert np.allclose(found.quality, priors.quality, atol=1e-6)
    assert np.allclose(found.strength, priors.strength, atol=1e-6)
    assert (found.lanes, found.arms, found.made) == (priors.lanes, priors.arms, priors.made)
    assert as_json(found) == as_json(priors)
    assert digest(found) == digest(priors)
    save_priors(None, tmp_path)
    assert load_priors(tmp_path) is None


def test_they_are_saved_with_what_was_learned(bundle: Bundle, tmp_path: Path) -> None:
    """A retrained bundle carries them; one without has no such file."""
    save_allocation(tmp_path, replace(bundle.allocation, priors=of_bundle(bundle)))
    assert load_allocation(tmp_path).priors is not None
    save_allocation(tmp_path, bundle.allocation)
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda record: [], "all of it"),
        (lambda record: {**record, "format": 2}, "format"),
        (lambda record: {**record, "more": 1}, "more"),
        (lambda record: {**record, "intents": record["intents"][1:]}, "does not have the shape"),
        (
            lambda record: {**record, "lanes": {"code": {**record["lanes"]["code"], "strength": [[math.inf]]}}},
            "strength",
        ),
        (lambda record: {**record, "lanes": {"code": {**record["lanes"]["code"], "quality": [[math.nan]]}}}, "quality"),
        (lambda record: {**record, "lanes": {"code": {**record["lanes"]["code"], "quality": [[2.0]]}}}, "quality"),
    ],
    ids=["no object", "format", "unknown key", "shape", "infinite", "not a number", "no share"],
)
def test_what_is_no_file_of_priors_is_refused(bundle: Bundle, tmp_path: Path, change, said: str) -> None:  # type: ignore[no-untyped-def]
    """With what was found and what to do."""
    record = json.loads(as_json(of_bundle(bundle)))
    path = tmp_path / FILE
    path.write_text(json.dumps(change(record)))
    with pytest.raises(BundleFormatError, match=said):
        read_priors(path)
    with pytest.raises(BundleFormatError, match="cannot be read"):
        read_priors(tmp_path / "nothing.json")


def test_priors_of_other_labels_are_refused(bundle: Bundle) -> None:
    """A table by intent and domain says nothing under other names."""
    labels = bundle.taxonomy
    with pytest.raises(BundleFormatError, match="other labels"):
        check_labels(of_bundle(bundle), intents=labels["intents"][::-1], domains=labels["domains"], where="here")
    check_labels(None, intents=(), domains=(), where="here")


def test_a_bundle_with_priors_is_sealed_and_decides_by_them(bundle: Bundle, models: Path, tmp_path: Path) -> None:
    """code has no outcomes: with priors its evidence is what was evaluated; a changed file is refused."""
    folder = Path(shutil.copytree(models, tmp_path / "bundle"))
    manifest, priors = verify(folder), of_bundle(bundle)
    save_priors(replace(priors, counted=np.full(priors.counted.shape, 7.0)), folder)
    with pytest.raises(BundleIntegrityError, match=FILE):
        verify(folder)
    made = {"name": manifest.name, "encoder_sha256": manifest.encoder_sha256, "training": manifest.training}
    seal(folder, created_at=datetime.fromisoformat(manifest.created_at), **made)  # type: ignore[arg-type]
    loaded = Bundle.load(folder)
    decision = Router(loaded.config, bundle=loaded).predict_route("def f(x): return x + 1  # what does it do?", seed=1)
    without = Router(bundle.config, bundle=bundle).predict_route("def f(x): return x + 1  # what does it do?", seed=1)
    assert decision.estimates["code"].evidence == pytest.approx(7, rel=1e-4)
    assert without.estimates["code"].evidence == 0
