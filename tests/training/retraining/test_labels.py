"""Labels correct what the classifier says only where they surely do, and never a risk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("scipy", reason="retraining needs the 'offline' extra")

from router_ml import Outcome, Router, RouteRequest
from router_ml.contract import OutcomeLabels
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog
from training.logged.batches import Window
from training.retraining.labels import FEWEST, Correction, Labelled, correct, corrected, read_labels, softmax

Floats = NDArray[np.float64]


def labelled(rows: int, *, prior: Floats, seed: int = 0, heat: float = 1.0) -> Labelled:
    """A classifier that knows even classes, on traffic with another ``prior``; ``heat`` below 1: it is too sure."""
    random, classes = np.random.default_rng(seed), len(prior)
    truth = random.choice(classes, rows, p=prior)
    scores = random.normal(size=(rows, classes)) + 1.5 * np.eye(classes)[truth]
    return Labelled(softmax(1.5 * scores / heat), truth, np.ones(rows))


EVEN = np.full(5, 0.2)
SKEWED = np.array([0.6, 0.3, 0.05, 0.03, 0.02])


def test_other_traffic_is_learned_from_its_labels() -> None:
    found = correct(labelled(400, prior=SKEWED))
    assert found.taken
    ahead = labelled(2000, prior=SKEWED, seed=1)
    rows = np.arange(2000)

    def loss(chance: NDArray[np.floating]) -> float:
        return float(-np.log(chance[rows, ahead.truth]).mean())

    assert loss(found(ahead.probabilities.astype(np.float32))) < loss(ahead.probabilities) - 0.1


def test_a_classifier_that_is_right_is_left_alone() -> None:
    """Of ten calibrated ones hardly any is changed."""
    taken = [correct(labelled(300, prior=EVEN, seed=seed)).taken for seed in range(10)]
    assert sum(taken) <= 1


def test_a_classifier_that_is_too_sure_is_cooled() -> None:
    found = correct(labelled(500, prior=EVEN, heat=0.3))
    assert found.taken
    assert 0.15 < found.sharpness < 0.6


def test_a_few_labels_change_nothing() -> None:
    found = correct(labelled(FEWEST - 1, prior=SKEWED))
    assert not found.taken
    assert str(FEWEST) in found.reason


def test_labels_count_by_how_likely_they_were_asked_for() -> None:
    """Of traffic that is half class 0, mostly others were labelled: unweighted, class 0 would seem rare."""
    prior = np.array([0.5, 0.125, 0.125, 0.125, 0.125])
    whole = labelled(3000, prior=prior)
    chance = np.where(whole.truth == 0, 0.05, 0.5)
    asked = np.random.default_rng(3).random(3000) < chance
    some = Labelled(whole.probabilities[asked], whole.truth[asked], 1 / chance[asked])
    blind = Labelled(some.probabilities, some.truth, np.ones(len(some.truth)))
    assert correct(some).bias[0] > 0.3
    assert correct(blind).bias[0] < 0


def test_labels_are_of_what_this_classifier_has_read(bundle: Bundle) -> None:
    """What another one said tells nothing of this one; no label and an unknown one are none."""
    with EventLog("sqlite://") as log:
        router = Router(bundle.config, bundle=bundle, log=log)
        for text, intent in (("hello there", "chitchat"), ("sort a list in C", "nonsense"), ("what is an ETF?", None)):
            decision = router.predict_route(text)
            labels = None if intent is None else OutcomeLabels(intent=intent, domain="general")
            log.log_outcome(
                Outcome(decision_id=decision.decision_id, labels=labels, rated_probability=0.5, at=decision.created_at)
            )
        sha256, classifier = bundle.manifest.classifier_sha256, bundle.classifier
        found = read_labels(Window().labelled(log, None), classifier, sha256)
        assert read_labels(Window().labelled(log, None), classifier, "another") == {}
    spec = classifier.spec
    assert [spec.intent.labels[at] for at in found["intent"].truth] == ["chitchat"]
    assert [spec.domain.labels[at] for at in found["domain"].truth] == ["general", "general"]
    assert found["intent"].weight.tolist() == [2.0]
    np.testing.assert_allclose(found["domain"].probabilities.sum(axis=1), 1, atol=1e-3)


def test_labels_are_of_the_decisions_that_are_learned_from(bundle: Bundle, tmp_path: Path) -> None:
    """Not of another organisation or another time, whenever the label came; and a compaction loses none."""
    pytest.importorskip("pyarrow", reason="an archive needs the 'train' extra")
    from router_ml.storage.archives.archive import compact

    archive, start = str(tmp_path / "archive"), datetime(2026, 1, 1, tzinfo=UTC)
    with EventLog(tmp_path / "log.sqlite") as log:
        router, ids = Router(bundle.config, bundle=bundle, log=log), []
        for day in range(6):
            request = RouteRequest(text="hello there", metadata={"org": "acme" if day % 2 else "globex"})
            decision = router.predict_route(request, now=start + timedelta(days=day))
            ids.append(decision.decision_id)
            for intent in ("code", "chitchat"):
                at = start + timedelta(days=20 + (intent == "chitchat"))
                log.log_outcome(Outcome(decision_id=ids[-1], labels=OutcomeLabels(intent=intent), at=at))

        def labelled(window: Window) -> set[str]:
            found = list(window.labelled(log, archive))
            assert {told.labels.intent for _, told in found if told.labels} <= {"chitchat"}, "the latest counts"
            return {decision.decision_id for decision, _ in found}

        cases = {
            Window(): ids,
            Window(org="acme"): ids[1::2],
            Window(org="nobody"): [],
            Window(since=start + timedelta(days=3)): ids[3:],
            Window(until=start + timedelta(days=2)): ids[:2],
        }
        assert [labelled(window) == set(wanted) for window, wanted in cases.items()] == [True] * len(cases)
        before = [decision.decision_id for decision, _ in Window().labelled(log, None)]
        days = {"before": start + timedelta(days=4), "now": start + timedelta(days=400)}
        assert compact(log, **days, to=archive, who="ops", why="old").decisions == 4
        assert [labelled(window) == set(wanted) for window, wanted in cases.items()] == [True] * len(cases)
        assert [decision.decision_id for decision, _ in Window().labelled(log, archive)] == before
        assert {decision.decision_id for decision, _ in Window().labelled(log, None)} == set(ids[4:])


def test_the_served_classifier_says_what_the_correction_says(bundle: Bundle) -> None:
    """Temperature and bias in the bundle are the correction of the probabilities, for any scores."""
    classifier, spec = bundle.classifier, bundle.classifier.spec
    random = np.random.default_rng(0)
    intents = len(spec.intent.labels)
    bias = tuple(random.normal(size=intents))
    found = Correction(500, 0.7, bias, 1.0, 0.5, True, "")
    new = corrected(classifier, {"intent": found})
    scores = random.normal(scale=3, size=(20, intents))
    now = softmax((scores + (new.weights.bias - classifier.weights.bias)[:intents]) / new.spec.intent.temperature)
    then = softmax(scores / spec.intent.temperature).astype(np.float32)
    np.testing.assert_allclose(now, found(then), atol=1e-5)


def test_a_risk_is_as_likely_as_before(bundle: Bundle) -> None:
    """Recall of risks is a promise of the guardrails; labels from a log must not cost any."""
    classifier, spec = bundle.classifier, bundle.classifier.spec
    corrections = {
        name: Correction(500, 0.5, tuple(np.ones(len(getattr(spec, name).labels))), 1.0, 0.5, True, "")
        for name in ("intent", "domain")
    }
    new, first = corrected(classifier, corrections), spec.cuts[-1]
    assert new.spec.risks == spec.risks
    assert new.spec.mode == spec.mode
    np.testing.assert_array_equal(new.weights.bias[first:], classifier.weights.bias[first:])
    np.testing.assert_array_equal(new.weights.value, classifier.weights.value)
    assert new.spec.intent.promise is None, "the promise was about other probabilities"
    assert corrected(classifier, {}) is classifier
