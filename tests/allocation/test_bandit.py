"""The online learner: learns what was planted, resumes exactly, and refuses what would poison it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from router_ml.allocation.bandit import Bandit
from router_ml.allocation.context import Contexts, Projection
from router_ml.errors import BundleFormatError, InvalidRequestError

Make = Callable[..., Contexts]
LANES = ("lane:1", "lane:2", "a|b c")
N = 300


def prior(n: int) -> NDArray[np.float32]:
    return np.full((n, 3), 0.5, np.float32)


def cost(n: int) -> NDArray[np.float64]:
    return np.full((n, 3), 1e-3)


def outcomes(n: int, seed: int = 0, good: int = 1) -> dict[str, NDArray[Any]]:
    """Lane ``good`` succeeds in 90%, the others in 30%; lanes drawn evenly."""
    rng = np.random.default_rng(seed)
    action = rng.integers(0, 3, n)
    quality = (rng.random(n) < np.where(action == good, 0.9, 0.3)).astype(float)
    return {"action": action, "quality": quality, "probability": np.full(n, 1 / 3)}


@pytest.fixture
def contexts(make_contexts: Make) -> Contexts:
    return make_contexts(N)


def predict(bandit: Bandit, contexts: Contexts) -> NDArray[np.float32]:
    return bandit.predict(contexts, prior(len(contexts)), cost(len(contexts)))


def learn(bandit: Bandit, contexts: Contexts, **changes: NDArray[Any]) -> None:
    bandit.learn(contexts, prior(N), cost(N), **{**outcomes(N), **changes})


def trained(projection: Projection, contexts: Contexts, **changes: NDArray[Any]) -> Bandit:
    bandit = Bandit(projection, LANES)
    learn(bandit, contexts, **changes)
    return bandit


@pytest.mark.parametrize("good", [0, 1, 2])
def test_a_planted_difference_is_learned(projection: Projection, make_contexts: Make, good: int) -> None:
    """Lane names that VW would split or hash alike stay apart: each of them can be the best one."""
    contexts, bandit = make_contexts(3000), Bandit(projection, LANES)
    bandit.learn(contexts, prior(3000), cost(3000), **outcomes(3000, good=good))
    seen = predict(bandit, make_contexts(200, 7)).mean(axis=0)
    assert seen.argmax() == good
    assert seen[good] == pytest.approx(0.9, abs=0.12)
    assert np.delete(seen, good) == pytest.approx([0.3, 0.3], abs=0.12)


def test_what_a_request_is_about_matters(projection: Projection, make_contexts: Make) -> None:
    """Lane 0 is good for the first intent only, lane 1 for the rest; no lane is better on average."""
    contexts, bandit = make_contexts(4000), Bandit(projection, LANES)
    first = contexts.intent.argmax(axis=1) == 0
    rng = np.random.default_rng(4)
    action = rng.integers(0, 2, 4000)
    quality = (rng.random(4000) < np.where((action == 0) == first, 0.9, 0.2)).astype(float)
    bandit.learn(contexts, prior(4000), cost(4000), action=action, quality=quality, probability=np.full(4000, 0.5))
    new = make_contexts(500, 8)
    chosen = predict(bandit, new)[:, :2].argmax(axis=1)
    assert ((chosen == 0) == (new.intent.argmax(axis=1) == 0)).mean() > 0.8


def test_predictions_are_qualities_and_do_not_depend_on_the_batch(projection: Projection, contexts: Contexts) -> None:
    bandit = trained(projection, contexts)
    seen = predict(bandit, contexts)
    assert seen.shape == (N, 3)
    assert seen.dtype == np.float32
    assert ((seen >= 0) & (seen <= 1)).all()
    assert np.array_equal(predict(bandit, contexts), seen)  # predicting does not learn
    assert np.array_equal(predict(bandit, contexts.take(slice(7, 9))), seen[7:9])
    assert predict(bandit, contexts.take(slice(0, 0))).shape == (0, 3)


def test_retraining_is_byte_identical(projection: Projection, contexts: Contexts, tmp_path: Path) -> None:
    """Two people who train on the same log must get the same sha256."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        trained(projection, contexts).save(tmp_path / name)
    for file in ("bandit.vw", "bandit.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("name", ["plain", "with spaces in it"])
def test_a_saved_bandit_goes_on_exactly_where_it_stopped(
    projection: Projection, contexts: Contexts, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    bandit = trained(projection, contexts)
    bandit.save(folder)
    again = Bandit.load(folder, projection)
    assert (again.lanes, again.steps) == (LANES, N)
    assert np.array_equal(predict(again, contexts), predict(bandit, contexts))
    for one in (bandit, again):
        learn(one, contexts, **outcomes(N, seed=5, good=0))
    assert again.steps == 2 * N
    assert np.array_equal(predict(again, contexts), predict(bandit, contexts))


def with_value(array: NDArray[Any], value: float) -> NDArray[Any]:
    changed = array.copy()
    changed[-1] = value
    return changed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("probability", 0.0),
        ("probability", 1.5),
        ("probability", float("nan")),
        ("quality", float("nan")),
        ("quality", -0.1),
        ("quality", 1.1),
        ("action", 3),
        ("action", -1),
    ],
)
def test_a_bad_outcome_is_refused_and_nothing_has_been_learned(
    projection: Projection, contexts: Contexts, name: str, value: float
) -> None:
    """VW takes p = 0 and NaN without a word, and the model is lost. Half a batch learned would be learned twice."""
    bandit = trained(projection, contexts)
    before = predict(bandit, contexts)
    bad = {name: with_value(outcomes(N)[name], value)}
    with pytest.raises(InvalidRequestError, match=name):
        learn(bandit, contexts, **bad)
    assert bandit.steps == N
    assert np.array_equal(predict(bandit, contexts), before)


@pytest.mark.parametrize("name", ["action", "quality", "probability"])
def test_outcomes_that_do_not_match_the_requests_are_refused_too(
    projection: Projection, contexts: Contexts, name: str
) -> None:
    bandit = Bandit(projection, LANES)
    before = predict(bandit, contexts)
    with pytest.raises(InvalidRequestError, match="Nothing was learned"):
        learn(bandit, contexts, **{name: outcomes(N)[name][:-5]})
    assert bandit.steps == 0
    assert np.array_equal(predict(bandit, contexts), before)


@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_one_estimate_per_lane_is_needed(projection: Projection, contexts: Contexts, lanes: int) -> None:
    """One column for three lanes would be spread over all of them in silence."""
    with pytest.raises(ValueError):
        Bandit(projection, LANES).predict(contexts, np.full((N, lanes), 0.5, np.float32), np.full((N, lanes), 1e-3))


def test_a_small_probability_is_learned_as_it_is(projection: Projection, contexts: Contexts) -> None:
    """Rounded to zero it would be the p = 0 that the checks are there to keep out."""
    rare = trained(projection, contexts, probability=np.full(N, 4e-7))
    less_rare = trained(projection, contexts, probability=np.full(N, 6e-7))
    assert not np.array_equal(predict(rare, contexts), predict(less_rare, contexts))
    assert np.ptp(predict(rare, contexts)) > 0


def test_another_release_is_refused(projection: Projection, contexts: Contexts, tmp_path: Path) -> None:
    trained(projection, contexts).save(tmp_path)
    (tmp_path / "bandit.json").write_text('{"format": 2, "lanes": [], "steps": 0}', encoding="utf-8")
    with pytest.raises(BundleFormatError, match="format 2, this release reads format 1"):
        Bandit.load(tmp_path, projection)


def test_an_outcome_can_count_for_less_or_for_more(projection: Projection, contexts: Contexts) -> None:
    """What an old version of a lane did is worth a fifth: the model ends up between all of it and none of it."""
    start = predict(Bandit(projection, LANES), contexts)
    ones = {"action": np.zeros(N, np.intp), "quality": np.full(N, 0.3), "probability": np.ones(N)}
    moved = []
    for weight in (0.2, 1.0, 3.0):
        bandit = Bandit(projection, LANES)
        learn(bandit, contexts, **ones, weight=np.full(N, weight))
        moved.append(float((start - predict(bandit, contexts))[:, 0].mean()))
    assert 0 < moved[0] < moved[1] < moved[2]
    plain = Bandit(projection, LANES)
    learn(plain, contexts, **ones)
    assert float((start - predict(plain, contexts))[:, 0].mean()) == moved[1], "by default an outcome counts for one"


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(projection: Projection, contexts: Contexts, value: float) -> None:
    with pytest.raises(InvalidRequestError, match="weight"):
        learn(Bandit(projection, LANES), contexts, weight=np.full(N, value))


def test_a_bundle_says_which_version_of_each_lane_it_learned(
    projection: Projection, contexts: Contexts, tmp_path: Path
) -> None:
    """A lane whose version has changed since is probed; bundles from before versions learned version 1."""
    Bandit(projection, LANES, versions={"lane:2": "7"}).save(tmp_path)
    assert Bandit.load(tmp_path, projection).versions == {"lane:1": "1", "lane:2": "7", "a|b c": "1"}
    record = json.loads((tmp_path / "bandit.json").read_text())
    del record["versions"]
    (tmp_path / "bandit.json").write_text(json.dumps(record))
    assert Bandit.load(tmp_path, projection).versions == dict.fromkeys(LANES, "1")


def test_learning_goes_on_from_its_bytes(projection: Projection, contexts: Contexts) -> None:
    bandit, other = trained(projection, contexts), Bandit(projection, LANES)
    other.resume(bandit.model, steps=bandit.steps)
    assert other.steps == N
    for one in (bandit, other):
        learn(one, contexts, **outcomes(N, seed=5, good=0))
    assert np.array_equal(predict(other, contexts), predict(bandit, contexts))
