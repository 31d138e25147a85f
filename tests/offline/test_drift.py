"""Drift: nothing found where nothing has changed, what has changed is named, and what cannot be told is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from router_ml.contract import Execution, Hop
from router_ml.errors import InvalidRequestError, OfflineDataError
from router_ml.offline.drift import DriftReport, drift
from router_ml.offline.drifting.windows import PER_WINDOW, Thinning, parse_window, stacked
from router_ml.storage.database.records import LoggedData

START = np.datetime64("2026-05-01T00:00:00", "us")
HOUR = np.timedelta64(3_600_000_000, "us")
Make = Callable[..., LoggedData]


def made(n: int = 600, *, seed: int = 0, after: int = 0, **changes: object) -> LoggedData:
    """Decisions of two lanes, an hour apart, half of them rated; ``after``: hours after the start."""
    random = np.random.default_rng(seed)
    kind = random.integers(0, 4, n)
    action = random.integers(0, 2, n)
    embeddings = np.eye(8, dtype=np.float32)[kind] + 0.3 * random.standard_normal((n, 8)).astype(np.float32)
    expected = np.where(action == 0, 0.7, 0.9)
    rated = random.random(n) < 0.5
    values = {
        "lanes": ("fast", "good"),
        "encoder": "e",
        "decision_ids": np.char.add(f"d{after}-", np.arange(n).astype(str)),
        "created_at": START + (after + np.arange(n)) * HOUR,
        "traffic_class": np.full(n, "default"),
        "floor": np.full(n, 0.5),
        "intent": np.array(["qa", "coding", "writing", "chitchat"])[kind],
        "domain": np.full(n, "general"),
        "language": np.full(n, "en"),
        "org": np.full(n, ""),
        "action": action,
        "executed": action,
        "randomised": np.ones(n, bool),
        "propensities": np.full((n, 2), 0.5),
        "eligible": np.ones((n, 2), bool),
        "estimated_quality": np.tile([0.7, 0.9], (n, 1)),
        "estimated_cost_usd": np.full((n, 2), 0.001),
        "quality": np.where(rated, (random.random(n) < expected).astype(float), np.nan),
        "rated_probability": np.full(n, 0.5),
        "cost_usd": 0.001 * random.lognormal(0, 0.4, n),
        "latency_ms": 500 * random.lognormal(0, 0.4, n),
        "embeddings": embeddings,
        "features": random.standard_normal((n, 3)).astype(np.float32) + 50,
        "model": np.array(["openai/gpt-4.1", "own/llama"])[action],
        "lane_version": np.full(n, "1"),
        "prices": np.full(n, "p1"),
        "risk_tier": np.full(n, "low"),
        "abstained": random.random(n) < 0.1,
    }
    return LoggedData(**{**values, **changes})  # type: ignore[arg-type]


def names(report: DriftReport) -> set[str]:
    return {f"{check.name} {check.lane}".strip() for check in report.drifted}


@pytest.fixture(scope="module")
def reference() -> LoggedData:
    return made(600, seed=1)


def recent(**changes: object) -> LoggedData:
    return made(300, seed=2, after=600, **changes)


def test_where_nothing_has_changed_nothing_is_found(reference: LoggedData) -> None:
    report = drift(reference, recent())
    assert report.drifted == ()
    assert len(report.checks) == 8 + 8
    assert report.not_tested == {"served model": "no executions were given"}
    assert str(report).startswith("No drift")


@pytest.mark.slow
def test_reports_on_nothing_alarm_no_more_often_than_they_say() -> None:
    """Sixteen checks at 5% each would alarm in every second report."""
    alarms = sum(bool(drift(made(200, seed=i), made(100, seed=1000 + i), seed=i).drifted) for i in range(200))
    assert alarms <= 0.05 * 200 + 2 * (200 * 0.05 * 0.95) ** 0.5


def sessions(n: int, *, seed: int, after: int = 0) -> LoggedData:
    """Decisions of sessions of eight that ask the same and are rated alike."""
    random = np.random.default_rng(seed)
    made_alone = made(n, seed=seed, after=after)
    kind = random.integers(0, 4, n)[np.maximum.accumulate(np.where(random.random(n) < 1 / 8, np.arange(n), 0))]
    noise = 0.3 * random.standard_normal((n, 8)).astype(np.float32)
    labels = np.array(["qa", "coding", "writing", "chitchat"])[kind]
    return replace(made_alone, embeddings=np.eye(8, dtype=np.float32)[kind] + noise, intent=labels)


@pytest.mark.slow
def test_a_long_reference_of_sessions_alarms_no_more_often() -> None:
    """Thinned row by row, its blocks would span more sessions than the recent ones: every second report alarmed."""
    reports = [drift(sessions(3000, seed=i), sessions(200, seed=1000 + i), seed=i) for i in range(100)]
    assert sum(bool(report.drifted) for report in reports) <= 0.05 * 100 + 2 * (100 * 0.05 * 0.95) ** 0.5
    assert sum(bool(report.checks) for report in reports) >= 90


def test_a_window_that_is_too_large_keeps_what_followed_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router_ml.offline.drifting.windows.PER_WINDOW", 200)
    data, kept = made(1000), Thinning(run=30)
    for start in range(0, 1000, 70):
        kept.add(data.select(np.arange(start, min(start + 70, 1000))))
    rows = np.flatnonzero(np.isin(data.decision_ids, stacked(*kept.parts).decision_ids))
    assert rows.tolist() == [row for row in range(1000) if row // 30 % kept.step == 0]
    assert 100 <= len(rows) <= 200
    kept.thin(4 * kept.step)
    assert sum(map(len, kept.parts)) == sum(row // 30 % kept.step == 0 for row in range(1000))
    assert PER_WINDOW > 200


def test_what_could_not_alarm_was_not_tested() -> None:
    """One day against 28: some day is always the oddest in some check."""
    before, after = made(672, seed=7), made(72, seed=8, after=672)
    worse = replace(after, quality=after.quality * 0, cost_usd=after.cost_usd * 3, latency_ms=after.latency_ms * 3)
    report = drift(before, worse, together=(np.arange(672) // 24, np.zeros(72)))
    assert report.blocks == (28, 1)
    assert report.checks == ()
    assert "28 + 1 blocks" in report.not_tested["latency fast"]
    assert str(report).startswith("Nothing could be tested")
    assert "Nothing could be tested" in report.to_html()
    week = drift(before, worse, together=(np.arange(672) // 24, np.arange(72) // 12))
    assert {"latency fast", "cost good"} <= names(week)
    with pytest.raises(OfflineDataError, match="together"):
        drift(before, after, together=(np.arange(672), np.arange(71)))


def test_another_kind_of_request_is_found_by_what_it_is(reference: LoggedData) -> None:
    other = recent()
    moved = np.arange(300) % 3 == 0
    shifted = replace(
        other,
        embeddings=np.where(moved[:, None], np.eye(8, dtype=np.float32)[7], other.embeddings),
        intent=np.where(moved, "reasoning", other.intent),
    )
    report = drift(reference, shifted)
    assert {"embedding", "classifier", "intent"} <= names(report)
    found = {check.name: check for check in report.checks}
    assert "reasoning 0.0% -> 33.3%" in found["intent"].found
    assert 0.15 < found["embedding"].effect < 0.5
    assert found["classifier"].effect > 0.1
    assert "retrain" in found["embedding"].do


def test_a_lane_that_gets_worse_is_named_with_the_time_it_began(reference: LoggedData) -> None:
    calm = recent()
    bad = (calm.executed == 1) & (np.arange(300) >= 150)
    report = drift(reference, replace(calm, quality=np.where(bad & np.isfinite(calm.quality), 0.0, calm.quality)))
    assert names(report) == {"calibration good", "change point good"}
    point = next(check for check in report.drifted if check.name == "change point")
    assert point.since is not None
    assert abs(np.datetime64(point.since[:-1]) - calm.created_at[150]) < 40 * HOUR
    assert "lanes.good.version" in point.do


@pytest.mark.parametrize(("field", "check"), [("cost_usd", "cost fast"), ("latency_ms", "latency fast")])
def test_a_lane_that_costs_more_or_is_slower_is_named(reference: LoggedData, field: str, check: str) -> None:
    calm = recent()
    values = getattr(calm, field)
    report = drift(reference, replace(calm, **{field: np.where(calm.executed == 0, 1.5 * values, values)}))
    assert names(report) == {check}


def test_a_trifle_is_no_drift_however_sure() -> None:
    """With many rows everything differs significantly; an alarm has to be worth it."""
    before, after = made(6000, seed=3), made(6000, seed=4, after=6000)
    report = drift(before, replace(after, cost_usd=before.cost_usd * 1.015, latency_ms=before.latency_ms), level=0.5)
    assert not any(check.name == "cost" and check.drifted for check in report.checks)


def test_prices_and_models_that_answer_are_certain(reference: LoggedData) -> None:
    calm = recent(prices=np.where(np.arange(300) < 100, "p1", "p2"))

    def calls(data: LoggedData, model: str) -> list[Execution]:
        hop = Hop(lane="fast", provider="p", region="eu", boundary="vendor", served_model=model)
        failed = hop.model_copy(update={"served_model": "other", "error": "timeout"})
        return [Execution(decision_id=str(name), hops=(failed, hop)) for name in data.decision_ids[:50]]

    same = [*calls(reference, "gpt-4.1-2025-04-14"), *calls(calm, "gpt-4.1-2025-04-14")]
    assert names(drift(reference, calm, executions=same)) == {"prices"}
    newer = [*calls(reference, "gpt-4.1-2025-04-14"), *calls(calm, "gpt-4.1-2026-06-01")]
    report = drift(reference, calm, executions=newer)
    assert names(report) == {"prices", "served model fast"}
    assert all(check.p_value is None for check in report.drifted)
    assert "from 2026-05-30" in next(check.found for check in report.drifted if check.name == "prices")
    first = calls(calm, "gpt-4.1-2026-06-01")  # nothing to compare with but the configured name
    assert names(drift(reference, calm, executions=first)) == {"prices"}
    assert "served model fast" in names(drift(reference, calm, executions=calls(calm, "gpt-4o")))


def test_small_windows_say_what_they_cannot_tell(reference: LoggedData) -> None:
    report = drift(reference, made(25, seed=5, after=600))
    assert report.checks == ()
    assert "inputs" in report.not_tested
    assert "calibration fast" in report.not_tested
    assert "at least 20" in report.not_tested["calibration fast"]


def test_answers_that_one_lucky_draw_outweighs_say_nothing(reference: LoggedData) -> None:
    """25 answers, one of which stands for as many requests as all others together, are not 25 answers."""
    few = made(300, seed=6, after=600)
    rare = (few.executed == 0) & (np.cumsum(few.executed[::-1] == 0)[::-1] > 3)
    odd = replace(
        few,
        quality=np.where(few.executed == 0, 0.5, few.quality),
        rated_probability=np.where(rare, 1.0, 0.001),
    )
    assert "weigh as few as" in drift(reference, odd).not_tested["calibration fast"]


def test_what_is_not_kept_is_not_compared(reference: LoggedData) -> None:
    private = replace(recent(), embeddings=np.full((300, 8), np.nan, np.float32))
    report = drift(reference, private)
    assert {"embedding", "classifier"} <= set(report.not_tested)
    other = drift(reference, replace(recent(), encoder="another"))
    assert "embedding" in other.not_tested
    assert other.drifted == ()


def test_a_fallback_is_not_held_against_the_lane_that_was_planned(reference: LoggedData) -> None:
    """Its quality is that of another lane than the estimate."""
    calm = recent()
    fell = np.arange(300) % 2 == 0
    other = replace(
        calm, executed=np.where(fell, 1 - calm.action, calm.action), quality=np.where(fell, 0.0, calm.quality)
    )
    assert drift(reference, other).drifted == ()


def test_the_same_windows_give_the_same_report(reference: LoggedData) -> None:
    assert drift(reference, recent()) == drift(reference, recent())


def test_a_report_can_be_read_by_people_and_programs(reference: LoggedData) -> None:
    report = drift(reference, replace(recent(), prices=np.full(300, "<p2>")))
    page = report.to_html()
    assert "1 of 17 checks drifted" in page
    assert "<p2>" not in page
    assert report.to_dict()["drifted"] == ["prices"]
    frame = pytest.importorskip("pandas") and report.to_frame()
    assert frame["drifted"].sum() == 1


def test_windows_without_decisions_or_a_level_that_is_no_share_are_refused(reference: LoggedData) -> None:
    with pytest.raises(OfflineDataError, match="recent window holds 0"):
        drift(reference, reference.select(np.zeros(600, bool)))
    with pytest.raises(OfflineDataError, match="level"):
        drift(reference, recent(), level=5)


def test_parts_with_other_lanes_are_laid_side_by_side() -> None:
    before = made(5, seed=1)
    after = replace(before, lanes=("good", "new"), encoder="other")
    both = stacked(before, after)
    assert both.lanes == ("fast", "good", "new")
    assert (both.action[5:] == before.action + 1).all()
    assert np.isnan(both.estimated_quality[:5, 2]).all()
    assert np.isnan(both.embeddings[5:]).all()
    assert (both.embeddings[:5] == before.embeddings).all()
    unknown = replace(before, executed=np.full(5, -1))
    assert (stacked(unknown, after).executed[:5] == -1).all()


def test_windows_are_spans_or_two_days() -> None:
    end = datetime(2026, 6, 8, tzinfo=UTC)
    assert parse_window("12h", end=end).start == datetime(2026, 6, 7, 12, tzinfo=UTC)
    month = parse_window("2026-05-01..2026-06-01", end=end)
    assert (month.start, month.end) == (datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
    assert parse_window("2026-06-01..", end=end).end == end
    for wrong in ("7", "2026-05-01", "2026-06-01..2026-05-01", "yesterday..today", "0d"):
        with pytest.raises(InvalidRequestError, match="window"):
            parse_window(wrong, end=end)
