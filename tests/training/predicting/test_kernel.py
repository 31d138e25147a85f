"""Fitting all lanes at once: what is there is found, what is not is not invented, and no row teaches its own check."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts
from training.predicting.kernel import Fitted, Space, is_sparse, regress, survey

Floats = NDArray[np.float64]
LANES = 4


@pytest.fixture(scope="module")
def contexts() -> Contexts:
    rng = np.random.default_rng(3)
    embedding = rng.normal(size=(600, 8)).astype(np.float32)
    return Contexts(
        embedding=embedding / np.linalg.norm(embedding, axis=1, keepdims=True),
        surface=rng.random((600, 3)).astype(np.float32),
        intent=np.full((600, 2), 0.5, np.float32),
        domain=np.full((600, 2), 0.5, np.float32),
        tokens_in=np.full(600, 50),
    )


@pytest.fixture(scope="module")
def truth(contexts: Contexts) -> Floats:
    """Difficulty common to all lanes, a level of each lane, and one lane that is good at something of its own."""
    x = contexts.embedding.astype(np.float64)
    quality = 0.6 + 0.3 * x[:, :1] + np.linspace(-0.1, 0.1, LANES)
    quality[:, 0] += 0.2 * x[:, 1]
    return np.asarray(quality)


@pytest.fixture(scope="module")
def outcomes(truth: Floats) -> Floats:
    return truth + np.random.default_rng(4).normal(scale=0.2, size=truth.shape)


def one_lane_each(outcomes: Floats) -> Floats:
    drawn = np.random.default_rng(5).integers(0, LANES, len(outcomes))
    return np.where(np.eye(LANES, dtype=bool)[drawn], outcomes, np.nan)


def predict(space: Space, contexts: Contexts, found: Fitted) -> Floats:
    return np.asarray(space.similarity.near(contexts) @ found.weights + found.offset, np.float64)


def explained(truth: Floats, predicted: Floats) -> float:
    """Share of the variance over prompts and lanes that is predicted."""
    return float(1 - np.square(truth - predicted).mean() / truth.var())


def test_full_information_finds_the_truth_on_unseen_prompts(
    contexts: Contexts, truth: Floats, outcomes: Floats
) -> None:
    space = survey(contexts.take(slice(0, 400)))
    found = regress(space, outcomes[:400])
    assert explained(truth[400:], predict(space, contexts.take(slice(400, None)), found)) > 0.8


def test_one_outcome_per_prompt_beats_a_fit_per_lane(contexts: Contexts, truth: Floats, outcomes: Floats) -> None:
    """Strength is shared: what is common to the lanes is learned from all of them."""
    seen = one_lane_each(outcomes[:400])
    space, ahead = survey(contexts.take(slice(0, 400)), sparse=True), contexts.take(slice(400, None))
    together = predict(space, ahead, regress(space, seen))
    alone = np.empty_like(together)
    for lane in range(LANES):
        rows = np.flatnonzero(np.isfinite(seen[:, lane]))
        mine = survey(contexts.take(rows))
        alone[:, [lane]] = predict(mine, ahead, regress(mine, seen[rows, lane][:, None]))
    assert explained(truth[400:], together) > 0.5
    assert explained(truth[400:], together) > explained(truth[400:], alone)


def test_noise_is_not_learned(contexts: Contexts) -> None:
    """Without any structure, predictions stay close to the lanes' means."""
    noise = np.random.default_rng(6).normal(0.5, 0.3, (len(contexts), LANES))
    for target, sparse in ((noise, False), (one_lane_each(noise), True)):
        space = survey(contexts, sparse=sparse)
        assert predict(space, contexts, regress(space, target)).std() < 0.1


def test_held_out_predictions_do_not_know_their_own_row(contexts: Contexts, outcomes: Floats) -> None:
    """They start the bandit and price the residual: with their own row in them, both would be flattered."""
    for target, sparse in ((outcomes, False), (one_lane_each(outcomes), True)):
        space = survey(contexts, sparse=sparse)
        found, seen = regress(space, target), np.isfinite(target)
        inside = np.square(predict(space, contexts, found) - target)[seen].mean()
        outside = np.square(found.held_out - target)[seen].mean()
        assert outside > 0.2**2
        assert inside < outside
        changed = target.copy()
        changed[0, np.flatnonzero(seen[0])[0]] += 5
        again = regress(space, changed)
        assert np.abs(again.held_out[0] - found.held_out[0]).max() < 0.1


def test_leave_one_out_is_exactly_that(contexts: Contexts, outcomes: Floats) -> None:
    """The shortcut gives what refitting without the row gives, for a single strength."""
    space = survey(contexts.take(slice(0, 80)))
    whole = regress(space, outcomes[:80, :1])
    left = Space(space.similarity, space.features[1:], space.unfold)
    without = regress(left, outcomes[1:80, :1])
    assert predict(space, contexts.take(slice(0, 1)), without)[0, 0] == pytest.approx(whole.held_out[0, 0], abs=0.02)


def test_a_few_missing_outcomes_change_little(contexts: Contexts, outcomes: Floats) -> None:
    space, gaps = survey(contexts), outcomes.copy()
    gaps[:20, 2] = np.nan
    assert not is_sparse(gaps)
    assert np.isfinite(regress(space, gaps).held_out).all()
    near = predict(space, contexts, regress(space, gaps)) - predict(space, contexts, regress(space, outcomes))
    assert np.abs(near).max() < 0.1


def test_single_outcomes_beside_complete_prompts_teach_all_lanes(
    contexts: Contexts, truth: Floats, outcomes: Floats
) -> None:
    """Beside 100 complete prompts, 90 of which one lane is known say more than nothing, and no row teaches itself."""
    space, complete, seen = survey(contexts), outcomes.copy(), one_lane_each(outcomes)
    complete[100:] = np.nan
    both = complete.copy()
    both[100:190] = seen[100:190]
    assert not is_sparse(both)
    ahead = contexts.take(slice(300, None))
    alone, found = regress(space, complete, sparse=False), regress(space, both)
    assert found.used.sum() == 190
    assert explained(truth[300:], predict(space, ahead, found)) > explained(truth[300:], predict(space, ahead, alone))
    changed = both.copy()
    changed[150, np.flatnonzero(np.isfinite(both[150]))[0]] += 5
    again = regress(space, changed)
    assert np.abs(again.held_out[150] - found.held_out[150]).max() < 0.1
    assert np.abs(again.fitted[150] - found.fitted[150]).max() > 0.01


def test_a_lane_that_was_never_seen_gets_what_is_common(contexts: Contexts, outcomes: Floats) -> None:
    seen = one_lane_each(outcomes)
    seen[:, 3] = np.nan
    space = survey(contexts, sparse=True)
    found = predict(space, contexts, regress(space, seen))
    assert np.isfinite(found).all()
    assert np.corrcoef(found[:, 3], outcomes[:, :3].mean(axis=1))[0, 1] > 0.5


def test_an_outcome_of_little_weight_moves_little(contexts: Contexts, outcomes: Floats) -> None:
    seen, weight = one_lane_each(outcomes), np.ones_like(outcomes)
    space = survey(contexts, sparse=True)
    wrong = seen.copy()
    wrong[:60] += 3
    weight[:60] = 1e-6
    doubted, gone = regress(space, wrong, weight=weight), regress(space, np.where(weight < 1, np.nan, seen))
    np.testing.assert_allclose(predict(space, contexts, doubted), predict(space, contexts, gone), atol=0.02)


def test_the_same_seed_gives_the_same_bytes(contexts: Contexts, outcomes: Floats) -> None:
    for target in (outcomes, one_lane_each(outcomes)):
        one, other = (regress(survey(contexts, seed=1), target, seed=1) for _ in range(2))
        assert one.weights.tobytes() == other.weights.tobytes()


def test_leaving_a_request_out_is_exactly_that(contexts: Contexts, outcomes: Floats) -> None:
    """One request comes three times with other outcomes: the shortcut gives what refitting without all of them does."""
    rows = np.concatenate([[0, 0], np.arange(80)])
    space, target = survey(contexts.take(rows)), outcomes[rows, :1].copy()
    target[:3, 0] = [0.0, 1.0, 0.0]
    whole = regress(space, target)
    left = Space(space.similarity, space.features[3:], space.unfold)
    without = predict(space, contexts.take(slice(0, 1)), regress(left, target[3:]))[0, 0]
    np.testing.assert_allclose(whole.held_out[:3, 0], without, atol=0.02)
