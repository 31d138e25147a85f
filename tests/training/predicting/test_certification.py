"""Retraining certifies what it ships, on predictions that had not seen the prompts."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="retraining needs the 'offline' extra")

from router_ml.config import RouterConfig
from router_ml.storage.bundle import Bundle
from training.allocation import Outcomes
from training.outcomes import Pack, load_pack
from training.predicting.certification import certify_all, cross_fit, folds_of, rows_by_class
from training.predicting.fitting import learn
from training.predicting.pack_outcomes import from_pack


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack().take(np.arange(450))


@pytest.fixture(scope="module")
def outcomes(pack: Pack, bundle: Bundle) -> Outcomes:
    return from_pack(pack, bundle.config)[0]


def test_near_duplicates_share_a_fold() -> None:
    group = np.random.default_rng(0).integers(0, 40, 300)
    fold = folds_of(group, folds=3, seed=0)
    assert all(len(np.unique(fold[group == each])) == 1 for each in np.unique(group))
    assert set(fold.tolist()) == {0, 1, 2}


def test_no_prompt_is_decided_by_a_model_that_saw_it(pack: Pack, outcomes: Outcomes, bundle: Bundle) -> None:
    """Its own outcomes and those of its near-duplicates change nothing in what is believed of it."""
    fold = folds_of(pack.group, folds=3, seed=0)
    changed = outcomes.quality.copy()
    changed[fold == 1] = 1 - changed[fold == 1]
    other = Outcomes(outcomes.contexts, changed, outcomes.cost_usd, outcomes.probability)
    one, two = (
        cross_fit(each, group=pack.group, config=bundle.config, learn=learn, seed=0).belief.quality
        for each in (outcomes, other)
    )
    assert np.array_equal(one[fold == 1], two[fold == 1])
    assert not np.array_equal(one[fold == 0], two[fold == 0])


def test_every_class_gets_a_certificate_for_its_own_promise(pack: Pack, outcomes: Outcomes, bundle: Bundle) -> None:
    believed = cross_fit(outcomes, group=pack.group, config=bundle.config, learn=learn, seed=0)
    promises = certify_all(believed, outcomes, pack.group, bundle.config, bundle.classifier.spec)
    assert set(promises.certificates) == set(bundle.config.traffic_classes)
    for name, each in promises.certificates.items():
        assert each.covers(bundle.config.traffic_classes[name])
        assert each.lambda_max is not None
        assert each.quality >= each.floor
        assert each.uncovered > 0, "lanes without outcomes are explored, and that share is told"


def _config(base: RouterConfig, **whens: dict[str, object]) -> RouterConfig:
    record = base.model_dump(mode="json", by_alias=True)
    record["traffic_classes"] = {
        name: {"when": when, "floor": 0.5, "quality_per_usd": 1} for name, when in whens.items()
    }
    return RouterConfig.model_validate(record)


def test_a_class_is_judged_on_its_own_prompts_where_there_are_enough(
    pack: Pack, outcomes: Outcomes, bundle: Bundle
) -> None:
    config = _config(bundle.config, team={"org": ["a"]}, rare={"domain": ["hr"]}, rest={})
    spec = bundle.classifier.spec
    found = {name: (rows, basis) for name, rows, basis in rows_by_class(config, outcomes, pack.group, spec)}
    assert len(found["team"][0]) == len(found["rare"][0]) == 450
    assert "which org they would be is not known" in found["team"][1]
    assert "fewer than 200" in found["rare"][1]
    labels = np.array(spec.domain.labels)[outcomes.contexts.domain.argmax(axis=1)]
    assert len(found["rest"][0]) == (labels != "hr").sum(), "what an earlier class takes is not judged here"
