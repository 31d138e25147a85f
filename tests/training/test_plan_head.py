"""Heads learn from labels where there are enough, from the set and from a log alike, and promise what they say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from router_ml import Router, RouteRequest
from router_ml.contract import Outcome
from router_ml.contract.outcome import OutcomeLabels
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog
from training.logged.batches import Window
from training.plan_head import FEWEST, PlanRow, plan_from_log, rows_of_log, train
from training.plan_set import LEARNED_FROM, PARTS, PlanLabels, load_part, right, scores

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def rows(count: int, *, noise: float = 0.0, seed: int = 0) -> list[PlanRow]:
    """Rows whose first feature says the strategy."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        deep = random.random() < 0.5
        features = random.normal(size=8).astype(np.float32)
        features[0] = (3 if deep else -3) * (-1 if random.random() < noise else 1)
        labels = OutcomeLabels(retrieval="deep" if deep else "light", tools=("a",) if deep else ())
        made.append(PlanRow(features[:6], features[6:], ("a",), labels))
    return made


def test_what_can_be_told_is_learned() -> None:
    head = train(rows(200))
    assert head is not None
    assert set(head.heads) == {"retrieval", "tool.a"}
    found = [head.guess(row.embedding, row.surface) for row in rows(100, seed=1)]
    truth = [row.labels for row in rows(100, seed=1)]
    assert all(guess.retrieval in (None, label.retrieval) for guess, label in zip(found, truth, strict=True))
    assert sum(guess.retrieval is not None for guess in found) > 80


def test_too_few_labels_teach_nothing() -> None:
    assert train(rows(FEWEST - 1)) is None
    assert train([]) is None


def test_what_cannot_be_told_gets_no_head() -> None:
    """No threshold keeps the promise, so the rules stay alone."""
    assert train(rows(200, noise=0.5)) is None


def test_the_same_rows_give_the_same_head() -> None:
    first, second = train(rows(120)), train(rows(120))
    assert first is not None
    assert second is not None
    for name, head in first.heads.items():
        np.testing.assert_array_equal(head.weights, second.heads[name].weights)
        assert head.threshold == second.heads[name].threshold


@pytest.fixture(scope="module")
def log(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """One labelled decision, one labelled for its intent alone, one without a label."""
    log = EventLog(tmp_path_factory.mktemp("plan") / "log.db")
    router = Router(bundle.config, bundle=bundle, log=log)
    for name, labels in (
        ("a", OutcomeLabels(retrieval="deep", tools=(), output_contract="cited")),
        ("b", OutcomeLabels(intent="qa")),
        ("c", None),
    ):
        router.predict_route(RouteRequest(text="What is our policy on trains?"), decision_id=name, now=NOW)
        log.log_outcome(Outcome(decision_id=name, labels=labels, at=NOW))
    return log


def test_labels_of_a_log_become_rows_with_what_was_kept(log: EventLog, bundle: Bundle) -> None:
    size = len(bundle.classifier.spec.intent.labels) + len(bundle.classifier.spec.domain.labels) + 16
    found = rows_of_log(Window().labelled(log, None), log, encoder=bundle.encoder.sha256, size=size)
    assert [row.labels.retrieval for row in found] == ["deep"]
    assert rows_of_log(Window().labelled(log, None), log, encoder="another", size=size) == []


def test_without_a_label_of_a_plan_nothing_changes(bundle: Bundle, tmp_path: Path) -> None:
    log = EventLog(tmp_path / "log.db")
    assert plan_from_log(Window().labelled(log, None), log, bundle.folder, seed=0) is None


def test_the_parts_of_the_set_do_not_share_requests() -> None:
    """A request in two parts would be tuned on and tested on."""
    seen = {part: {row.request.conversation.casefold() for row in load_part(part)} for part in PARTS}
    assert len(load_part("test")) == 300
    assert not any(seen["test"] & seen[part] for part in LEARNED_FROM)


def test_every_label_is_one_that_the_configuration_knows(bundle: Bundle) -> None:
    config = bundle.config
    for part in PARTS:
        for row in load_part(part):
            assert row.labels.retrieval in ("none", "light", "deep", "clarify"), row.id
            assert row.labels.tools <= set(row.request.allowed_tools) <= set(config.tools), row.id
            assert row.labels.output_contract in config.output_contracts, row.id
            assert row.labels.missing <= set(config.slots), row.id
            assert (row.labels.retrieval == "clarify") == bool(row.labels.missing), row.id


def test_a_score_counts_each_field_and_all_together() -> None:
    wanted = [PlanLabels("none", frozenset(["sql"])), PlanLabels("clarify", missing=frozenset(["order_id"]))]
    found = [PlanLabels("none"), PlanLabels("clarify", output_contract="none", missing=frozenset(["order_id"]))]
    assert dict(right(found[0], wanted[0])) == {
        "retrieval": True,
        "tools": False,
        "output_contract": True,
        "missing": True,
    }
    assert scores(found, wanted)["joint"] == [False, True]
    assert len(scores(found, wanted)["output_contract"]) == 1


@pytest.mark.slow
def test_a_retraining_learns_from_the_labels_of_a_log(log: EventLog, bundle: Bundle) -> None:
    """One label more than the set has, so the heads are others than those that ship."""
    head = plan_from_log(Window().labelled(log, None), log, bundle.folder, seed=0)
    assert head is not None
    assert bundle.plan is not None
    assert head.heads.keys() >= {"retrieval"}
    assert not np.array_equal(head.mean, bundle.plan.mean)
