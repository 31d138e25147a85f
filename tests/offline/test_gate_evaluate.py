"""From two bundles and a log to a verdict: only decisions that may judge do, and the page says all of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router_ml import Outcome, Router, RouteRequest
from router_ml.config.schema import Release
from router_ml.contract import Constraints
from router_ml.offline.gate import Verdict, evaluate, judge
from router_ml.offline.gating.report import page, write_report
from router_ml.offline.gating.trial import Trial
from router_ml.offline.gating.words import differences, headline, left_out
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog

START = datetime(2026, 3, 1, tzinfo=UTC)
ROWS = 60
LANES = ("private", "balanced", "fast", "premium")
LENIENT = Release(min_effective=2, margin=0.5)


@pytest.fixture(scope="module")
def log(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventLog]:
    """One decision an hour, each rated."""
    rng = np.random.default_rng(0)
    with EventLog(tmp_path_factory.mktemp("gate") / "log.sqlite") as events:
        router = Router(bundle.config, bundle=bundle, log=events)
        constraints = Constraints(allow_lanes=LANES)
        for hour in range(ROWS):
            text = f"Which of {hour} and {hour + 7} is prime?"
            request = RouteRequest(text=text, traffic_class="pilot", constraints=constraints)
            decision = router.predict_route(request, seed=hour, now=START + timedelta(hours=hour))
            quality, cost = float(rng.random() < 0.8), float(1e-3 * rng.uniform(1, 2))
            at = START + timedelta(hours=hour, minutes=5)
            events.log_outcome(Outcome(decision_id=decision.decision_id, quality=quality, cost_usd=cost, at=at))
        yield events


def _trained(bundle: Bundle, **training: Any) -> Bundle:
    return replace(bundle, manifest=replace(bundle.manifest, training={**bundle.manifest.training, **training}))


def _classes(bundle: Bundle) -> dict[str, Any]:
    return dict(bundle.config.traffic_classes)


def _judged(challenger: Bundle, champion: Bundle | None, log: EventLog, **more: Any) -> Verdict:
    return evaluate(challenger, champion, log, release=LENIENT, latency_ratio=1.0, **more)


def test_a_bundle_against_itself_is_held_for_it_is_no_cheaper(bundle: Bundle, log: EventLog) -> None:
    found = _judged(bundle, bundle, log)
    assert found.comparison is not None
    assert found.comparison.rows == ROWS
    assert found.comparison.dr.value == pytest.approx(0, abs=1e-6)
    assert found.check("guardrails").passed
    assert not found.check("cost").passed
    assert found.verdict == "hold"
    assert found.challenger == found.champion == bundle.manifest.id


def test_what_was_learned_from_does_not_judge(bundle: Bundle, log: EventLog) -> None:
    until = (START + timedelta(hours=20)).isoformat()
    found = _judged(_trained(bundle, outcomes_from_log=20, until=until), bundle, log)
    assert found.comparison is not None
    assert found.comparison.rows == ROWS - 20
    assert found.comparison.left_out["learned from"] == 20


def test_a_challenger_that_does_not_say_how_far_it_read_is_judged_by_what_came_after_it(
    bundle: Bundle, log: EventLog
) -> None:
    found = _judged(_trained(bundle, outcomes_from_log=20), bundle, log)
    assert found.verdict == "hold"
    assert found.check("data").passed is False


def test_a_challenger_whom_a_log_taught_without_ratings_has_seen_it_too(bundle: Bundle, log: EventLog) -> None:
    """Private rows teach as evidence: they are no ratings that it counts, and still it has read them."""
    found = _judged(_trained(bundle, outcomes_from_log=0, log_sha256="0" * 64), bundle, log)
    assert found.check("data").passed is False


def test_what_was_learned_from_is_not_even_read(bundle: Bundle, log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    read = log.logged
    monkeypatch.setattr(log, "logged", lambda since, *rest, **more: asked.append(since) or read(since, *rest, **more))
    until = START + timedelta(hours=20)
    challenger = _trained(bundle, until=until.isoformat())
    assert _judged(challenger, bundle, log, since=START).comparison is not None
    late = _judged(challenger, bundle, log, since=START + timedelta(hours=30)).comparison
    assert late is not None
    assert (late.rows, late.left_out) == (ROWS - 30, {})
    assert [at.replace(tzinfo=UTC) for at in asked] == [until, START + timedelta(hours=30)]


def test_ratings_that_nobody_drew_by_lot_can_be_modelled(bundle: Bundle, log: EventLog) -> None:
    found = _judged(bundle, bundle, log, ratings="modelled")
    assert found.comparison is not None
    assert any("P(rated) is modelled" in note for note in found.notes)


def test_a_champion_that_was_paced_is_named(bundle: Bundle, log: EventLog) -> None:
    assert not _judged(bundle, bundle, log).notes
    rate = {name: each.model_copy(update={"quality_per_usd": 3.21}) for name, each in _classes(bundle).items()}
    other = replace(bundle, config=bundle.config.model_copy(update={"traffic_classes": rate}))
    assert any(
        "60 of the first 60 decisions were made at another lambda" in note for note in _judged(bundle, other, log).notes
    )


def test_decisions_of_other_bundles_do_not_judge(bundle: Bundle, log: EventLog) -> None:
    other = replace(bundle, manifest=replace(bundle.manifest, name="another"))
    found = _judged(bundle, other, log)
    assert found.verdict == "hold"
    assert found.comparison is None
    assert "No decision of the champion was logged" in found.check("data").why


def test_the_last_days_can_be_left_out(bundle: Bundle, log: EventLog) -> None:
    found = _judged(bundle, bundle, log, until=START + timedelta(hours=50))
    assert found.comparison is not None
    assert (found.comparison.rows, found.comparison.left_out) == (50, {"too recent": 10})


def test_without_the_champion_it_is_at_most_held(bundle: Bundle, log: EventLog) -> None:
    found = evaluate(bundle, None, log, release=LENIENT)
    assert found.verdict == "hold"
    assert [check.name for check in found.checks if check.passed is None][-2:] == ["guardrails", "latency"]


def test_the_champion_sets_the_margin(bundle: Bundle, log: EventLog) -> None:
    """Or a challenger could bring its own, wide one."""
    wide = bundle.config.model_copy(update={"release": Release(margin=1.0)})
    found = evaluate(replace(bundle, config=wide), bundle, log, latency_ratio=1.0)
    assert found.release == bundle.config.release


def test_a_verdict_can_be_kept(bundle: Bundle, log: EventLog, tmp_path: Path) -> None:
    """As JSON, and as a page that asks nothing of the network and shows every check."""
    found = _judged(bundle, bundle, log)
    record = json.loads(json.dumps(found.to_dict()))
    assert {check["name"] for check in record["checks"]} == {check.name for check in found.checks}
    html = write_report(found, tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    assert "http" not in html
    assert "<script" not in html
    assert all(check.name.replace("_", " ") in html for check in found.checks)
    numbers = re.findall(r'<td class="n">([^<]*)</td>', html)  # what is never wrapped: no sentence that begins with one
    assert [float(part) for cell in numbers for part in cell.split(" to ")]


def test_words_of_a_verdict(make_trial: Callable[..., Trial]) -> None:
    good = judge(make_trial(6000, cheap=0.8, dear=0.75), Release())
    assert headline(good).startswith("Promote")
    assert len(list(differences(good))) == 5
    few = judge(replace(make_trial(400), left_out={"not randomised": 400, "learned from": 9}), Release())
    assert "effective_sample_size failed" in headline(few)
    assert "does not speak of 50.0% of the traffic" in left_out(few)
    assert "<b>" not in page(replace(few, notes=("<b>",)))
