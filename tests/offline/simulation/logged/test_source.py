"""A log as the source of a simulation: every decision again as it was, the rest said, and lanes by their own calls."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from router_ml import Outcome, Router, RouteRequest
from router_ml.contract import Constraints, Execution, Hop, RouteDecision
from router_ml.errors import InvalidRequestError, OfflineDataError
from router_ml.offline.feedback import Feedback
from router_ml.offline.ope import dr
from router_ml.offline.simulate import Source, simulate
from router_ml.offline.simulation.counting.tally import Tally
from router_ml.offline.simulation.logged.kinds import playable, unplayed
from router_ml.offline.simulation.logged.reading import read_log
from router_ml.offline.simulation.logged.source import AsLogged, LogSource, kinds_from_log, resampled, source, totals_of
from router_ml.offline.simulation.logged.stream import as_it_came, shape
from router_ml.offline.simulation.logged.watching import Watched
from router_ml.offline.simulation.playing.carried import FATES, Carried
from router_ml.offline.simulation.playing.play import play
from router_ml.offline.simulation.policies.policy import Moment
from router_ml.offline.simulation.policies.routed import Routed
from router_ml.offline.simulation.scenarios.scenario import Behaviour, Burst, Scenario, Wave
from router_ml.offline.simulation.world.building import build_world
from router_ml.storage.bundle import Bundle
from router_ml.storage.database.entries import of_execution
from router_ml.storage.eventlog import EventLog

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
ROWS = 160
LANES = ("private", "balanced", "fast", "premium")


def _hops(decision: RouteDecision, row: int) -> tuple[Hop, ...]:
    """Every 20th first call fails and goes to another lane."""
    lane = str(decision.lane)
    place = {"provider": "p", "region": "eu", "boundary": "vendor"}
    done = Hop(lane=lane, latency_ms=400.0 + row, tokens_in=20, tokens_out=50, cost_usd=1e-4 * (1 + row % 7), **place)
    if row % 20:
        return (done,)
    other = next(each for each in decision.eligible if each != lane)
    failed = Hop(lane=lane, kind="server_error", error="503", latency_ms=30.0, **place)
    return (failed, done.model_copy(update={"lane": other, "attempt": 2}))


def _write(bundle: Bundle, path: Path) -> None:
    """Requests of two days: most drawn at random, some with what rules keep, some that nobody may answer."""
    with EventLog(path) as log:
        router = Router(bundle.config, bundle=bundle, log=log)
        rng = np.random.default_rng(0)
        for row in range(ROWS):
            secret = row % 16 == 5
            text = f"Which of {row} and {row + 7} is prime?" + (" My card is 4111 1111 1111 1111." if secret else "")
            lanes = () if row % 40 == 3 else LANES
            request = RouteRequest(
                text=text,
                traffic_class="pilot",
                metadata={"user": f"u{row % 30}", "region": "eu"},
                constraints=Constraints(allow_lanes=lanes),
            )
            at = START + timedelta(minutes=15 * row)
            decision = router.predict_route(request, seed=row, now=at)
            if decision.lane is None:
                continue
            hops = _hops(decision, row)
            execution = Execution(
                execution_id=f"e{row}",
                decision_id=decision.decision_id,
                at=at + timedelta(seconds=1),
                status="answered",
                hops=hops,
                final_lane=hops[-1].lane,
            )
            log.write([of_execution(execution, at)])
            rated = rng.random() < 0.6
            log.log_outcome(
                Outcome(
                    decision_id=decision.decision_id,
                    quality=float(rng.random() < 0.8) if rated else None,
                    rated_probability=0.6,
                    at=at + timedelta(hours=1),
                )
            )


@pytest.fixture(scope="module")
def path(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("logged") / "log.sqlite"
    _write(bundle, path)
    return path


@pytest.fixture(scope="module")
def found(bundle: Bundle, path: Path) -> LogSource:
    with EventLog(path) as log:
        return source(log, bundle)


def test_a_replay_gives_the_totals_of_the_log_exactly(bundle: Bundle, path: Path, found: LogSource) -> None:
    """Requests, how they ended, who answered, spend, ratings and time: to the last bit, from the log's own records."""
    with EventLog(path) as log:
        decisions = list(log.decisions())
        executions = {each.decision_id: each for each in log.executions()}
        outcomes = {each.decision_id: each for each in log.outcomes()}
    totals = totals_of(found.as_logged.carry(found.whole), found.as_logged.lanes)
    assert totals == found.as_logged.totals()
    assert totals.requests == len(decisions) == ROWS
    answered = [each.final_lane for each in executions.values()]
    assert totals.lanes == {lane: answered.count(lane) for lane in bundle.config.lanes if lane in answered}
    paid = [sum(hop.cost_usd for hop in each.hops if hop.cost_usd is not None) for each in executions.values()]
    assert totals.spend_usd == math.fsum(paid)
    times = [sum(hop.latency_ms for hop in each.hops) for each in executions.values()]
    assert (totals.timed, totals.latency_ms) == (len(times), math.fsum(times))
    rated = [each.quality for each in outcomes.values() if each.quality is not None]
    assert (totals.rated, totals.quality) == (len(rated), math.fsum(rated))
    assert totals.fates["served"] == len(executions)
    assert totals.requests == sum(totals.fates.values())


def test_the_order_of_a_replay_does_not_matter(found: LogSource) -> None:
    pieces = list(found.as_logged.carry(found.whole))
    assert len(pieces) == 1
    halves = []
    for part in (slice(80, None), slice(0, 80)):
        values = {item.name: getattr(pieces[0], item.name) for item in fields(pieces[0])}
        cut = {name: value[part] if isinstance(value, np.ndarray) else value for name, value in values.items()}
        halves.append(replace(pieces[0], **{**cut, "rows": pieces[0].rows.take(part)}))
    assert totals_of(halves, found.as_logged.lanes) == found.as_logged.totals()


def test_calls_are_counted_and_none_was_forbidden(found: LogSource) -> None:
    carried = next(found.as_logged.carry(found.whole))
    served = carried.fate == FATES.index("served")
    fallen = served & (carried.first != carried.final)
    assert carried.failed_calls.sum() == fallen.sum() > 0
    assert carried.calls.sum() == served.sum() + fallen.sum()
    assert carried.violations.sum() == 0
    assert np.isnan(carried.quality[served]).any()


def test_every_decision_with_an_embedding_can_be_played(bundle: Bundle, found: LogSource) -> None:
    kept = len(found.kinds)
    assert kept + found.left_out.get("embedding not kept, or of another encoder", 0) == ROWS
    assert found.left_out
    assert found.kinds.truth == "logged"
    assert not found.kinds.in_sample
    assert found.kinds.quality.shape == found.truth.possible.shape == (kept, len(bundle.config.lanes))
    assert (found.kinds.quality >= 0).all()
    assert (found.kinds.quality <= 1).all()
    assert found.kinds.weight.sum() == pytest.approx(1)
    assert {facts.region for facts in found.kinds.facts} == {"eu"}
    assert set(found.kinds.traffic_class) == {"pilot"}


def test_tiers_and_classes_that_cannot_be_played_are_named(found: LogSource) -> None:
    """Policy keeps no embedding of card numbers: then their whole tier is missing, which is said loudly."""
    data = found.as_logged.whole
    gone = ~playable(data)
    assert set(data.risk_tier[gone]) == {"high"}
    loud = f"NOT PLAYED AT ALL: tier high ({gone.sum()})."
    assert any(note.startswith(loud) for note in found.notes)
    assert any(note.endswith(f"{gone.sum()} of {ROWS} of class pilot.") for note in found.notes)
    assert unplayed(data.select(playable(data))) == ()


def test_the_champion_gives_every_logged_decision_its_own_propensities(bundle: Bundle, found: LogSource) -> None:
    """Facts, constraints, classes and features of the record are all that the router saw."""
    world = build_world(found.fitted(Scenario(name="any")), found.kinds, bundle.config, main={})
    rows = next(iter(found.stream.batches()))
    none = np.zeros(len(rows), dtype=np.int64)
    moment = Moment(START, 0.0, np.zeros(len(world.lanes), dtype=bool), {}, none - 1, none)
    weighed = Routed("champion", bundle, found.kinds, world).weigh(rows, moment)
    whole = found.as_logged.whole
    kept = whole.select(np.isfinite(whole.embeddings).all(axis=1)).propensities[rows.kind]
    assert weighed.propensities[:, [world.lanes.index(lane) for lane in whole.lanes]] == pytest.approx(kept, abs=1e-6)
    assert (kept.max(axis=1) < 1).sum() > 100


def test_a_played_calm_run_is_the_doubly_robust_estimate(bundle: Bundle, found: LogSource) -> None:
    """The loop itself, with a router that explores half as much: its corrected result is ``ope.dr`` of its
    propensities on the log, though it drew lanes."""
    pilot = bundle.config.traffic_classes["pilot"]
    less = pilot.model_copy(update={"explore_share": pilot.explore_share / 2})
    config = bundle.config.model_copy(update={"traffic_classes": {**bundle.config.traffic_classes, "pilot": less}})
    sound = {lane: Behaviour(error_rate=0.0) for lane in config.lanes}
    scenario = found.fitted(Scenario(name="any", lanes=sound))
    world = build_world(scenario, found.kinds, config, main={})
    policy = Routed("challenger", bundle, found.kinds, world, config=config)
    watched, tally = Watched(policy, found.truth), Tally(policy, found.stream, world, scenario)

    def count(carried: Carried) -> None:
        tally.add(carried)
        watched.add(carried)

    play(watched, found.stream, world, scenario, count=count)  # type: ignore[arg-type]
    result = watched.finding().corrected(tally.result())
    routed = found.truth.action >= 0
    assert result.served == routed.sum() == result.due - 4  # four that nobody may answer
    rows = next(iter(found.stream.batches()))
    none = np.zeros(len(rows), dtype=np.int64)
    moment = Moment(START, 0.0, np.zeros(len(world.lanes), dtype=bool), {}, none - 1, none)
    target = np.zeros(found.truth.quality.shape)
    target[rows.kind] = policy.weigh(rows, moment).propensities
    whole = found.as_logged.whole
    part = whole.select(np.isfinite(whole.embeddings).all(axis=1))
    feedback = Feedback(
        action=found.truth.action[routed],
        propensity=found.truth.propensity[routed],
        reward=part.quality[routed],
        rated_probability=part.rated_probability[routed],
        cluster=found.truth.cluster[routed],
    )
    wanted = dr(target[routed], feedback, found.truth.quality[routed])
    assert result.quality.value == pytest.approx(wanted.value, abs=1e-9)
    assert (result.quality.low, result.quality.high) == pytest.approx((wanted.low, wanted.high), abs=1e-9)
    assert result.spend_usd == pytest.approx((target * found.truth.pseudo_outcomes(cost=True)).sum(), rel=1e-9)
    assert result.classes[0].quality.value == pytest.approx(wanted.value, abs=1e-9)


def test_people_are_clusters(found: LogSource) -> None:
    assert len(np.unique(found.truth.cluster)) <= 30


def test_rows_come_at_their_own_times(found: LogSource) -> None:
    rows = next(iter(found.stream.batches()))
    assert found.stream.start == datetime(2026, 3, 2, tzinfo=UTC)
    assert rows.hour[0] == pytest.approx(8.0)
    assert (np.diff(rows.hour) >= 0).all()
    assert found.stream.hours == 48.0
    again = next(iter(found.stream.batches()))
    assert np.array_equal(rows.luck, again.luck)


def test_a_known_lane_that_is_not_configured_any_more_stays_in_the_replay(bundle: Bundle, path: Path) -> None:
    raw = bundle.config.model_dump(mode="json", by_alias=True, exclude_none=True)
    for name in [*raw["lanes"]]:
        if name == "premium":
            del raw["lanes"][name]
    smaller = type(bundle.config).model_validate(raw)
    with EventLog(path) as log:
        read = read_log(log, smaller, encoder=bundle.encoder.sha256)
    again = AsLogged(read.data, read.beside, smaller)
    assert again.lanes[-1] == "premium" or "premium" not in read.data.lanes
    kinds, stream = kinds_from_log(read.data, replace(bundle, config=smaller), beside=read.beside)
    assert "premium" not in kinds.lanes
    whole = as_it_came(kinds, read.data.created_at)
    assert totals_of(again.carry(whole), again.lanes) == again.totals()
    assert stream.requests == len(kinds)


def test_without_records_the_lanes_of_then_are_the_bound(bundle: Bundle, path: Path) -> None:
    with EventLog(path) as log:
        data = log.logged()
    kinds, _ = kinds_from_log(data, bundle)
    kept = data.select(np.isfinite(data.embeddings).all(axis=1))
    for row, asked in enumerate(kinds.constraints):
        then = {lane for at, lane in enumerate(kept.lanes) if kept.eligible[row, at]}
        assert asked.allow_lanes is not None
        assert set(asked.allow_lanes) == then


def test_a_scenario_is_fitted_to_the_log(found: LogSource) -> None:
    fitted = found.fitted(Scenario(name="any"))
    assert fitted.traffic.days == 2.0
    assert fitted.traffic.requests == found.stream.requests
    assert set(fitted.lanes) <= {*found.measured, "default"}
    assert all(each.error_rate == 0 for each in fitted.lanes.values())
    assert sum(fitted.traffic.daily) == pytest.approx(24)  # type: ignore[arg-type]


def test_an_empty_window_is_refused(bundle: Bundle, path: Path) -> None:
    with EventLog(path) as log, pytest.raises(OfflineDataError, match="no decision in this window"):
        source(log, bundle, until=datetime(2026, 1, 1, tzinfo=UTC))


def test_more_and_longer_traffic_keeps_its_shape(found: LogSource) -> None:
    """Twice as much is each request twice; a week has the weekdays that the log has; nothing is made up."""
    twice = resampled(found.stream, requests=2 * found.stream.requests)
    assert np.array_equal(np.bincount(twice.kind), np.full(len(found.kinds), 2))
    assert np.isin(found.stream.hour, twice.hour).all()
    half = resampled(found.stream, requests=found.stream.requests // 2, seed=1)
    assert half.requests == found.stream.requests // 2
    assert np.isin(half.hour, found.stream.hour).all()
    week = resampled(found.stream, days=9)
    assert week.hours == 216
    assert week.hour.max() > 200
    assert set(np.round(week.hour % 24, 6)) <= set(np.round(found.stream.hour % 24, 6))
    monday = week.kind[(week.hour >= 168) & (week.hour < 192)]
    assert np.array_equal(monday, found.stream.kind[found.stream.hour < 24])
    assert (np.diff(week.hour) >= 0).all()


def test_a_shorter_run_is_drawn_from_the_whole_log(found: LogSource) -> None:
    """Three weeks in one: every request may come, on its weekday and at its time, as much traffic as in a week."""
    long = resampled(found.stream, days=21)
    week = resampled(long, days=7, seed=3)
    assert week.requests == pytest.approx(long.requests / 3, rel=0.15)
    assert (np.diff(week.hour) >= 0).all()
    many = resampled(long, days=7, requests=20 * long.requests, seed=3)
    assert set(many.kind) == set(long.kind)
    assert set(np.round(long.hour % 24, 6)) <= set(np.round(many.hour % 24, 6))


def test_copies_do_not_come_at_the_same_instant(found: LogSource) -> None:
    """Between the arrivals of the log: as many in each quarter of an hour, none at once, and none out of their time."""
    stream = found.stream
    many = resampled(stream, requests=100 * stream.requests)
    assert len(np.unique(many.hour)) == many.requests == 100 * stream.requests
    assert (np.diff(many.hour) > 0).all()
    mine = [many.kind == kind for kind in range(len(stream.kinds))]
    ends = np.append(stream.hour[1:], stream.hours)
    for kind, start, end in zip(stream.kind, stream.hour, np.minimum(ends, stream.hour + 1), strict=True):
        hours = many.hour[mine[kind]]
        assert start == hours[0] < hours[-1] < end
    burst = resampled(stream, bursts=(Burst(at_hour=9, hours=2, times=50),))
    assert len(np.unique(burst.hour)) == burst.requests
    inside = (stream.hour >= 9) & (stream.hour < 11)
    assert ((burst.hour >= 9) & (burst.hour < 11)).sum() == 50 * inside.sum()


@pytest.mark.parametrize("requests", [1, 7, 159, 161, 1000])
def test_as_many_requests_come_as_were_asked_for(found: LogSource, requests: int) -> None:
    assert all(resampled(found.stream, requests=requests, seed=seed).requests == requests for seed in range(20))


def test_rounding_is_fair_to_every_request(found: LogSource) -> None:
    """Half of a log is no rhythm of it: each request comes in about half of the runs."""
    half = found.stream.requests // 2
    runs = np.array(
        [np.isin(found.stream.kind, resampled(found.stream, requests=half, seed=s).kind) for s in range(80)]
    )
    assert 0.2 < runs.mean(axis=0).min() < runs.mean(axis=0).max() < 0.8
    assert runs[:, ::2].sum(axis=1).std() > 1


def test_no_requests_or_no_time_are_refused(found: LogSource) -> None:
    with pytest.raises(InvalidRequestError, match="at least one"):
        resampled(found.stream, requests=0)
    with pytest.raises(InvalidRequestError, match="some time"):
        resampled(found.stream, days=0)
    with pytest.raises(OfflineDataError, match="no request in the first 2"):
        resampled(found.stream, days=0.1)


def test_bursts_and_waves_of_a_scenario_are_laid_over_it(found: LogSource) -> None:
    burst = resampled(found.stream, bursts=(Burst(at_hour=9, hours=2, times=3),))
    inside = (found.stream.hour >= 9) & (found.stream.hour < 11)
    assert burst.requests == found.stream.requests + 2 * inside.sum()
    wave = resampled(found.stream, waves=(Wave(kind="wave", at_hour=0, hours=24, of={"region": "eu"}, times=2),))
    assert wave.requests == found.stream.requests + (found.stream.hour < 24).sum()
    none = resampled(found.stream, waves=(Wave(kind="wave", at_hour=0, hours=24, of={"region": "us"}, times=2),))
    assert none.requests == found.stream.requests


def test_a_wave_of_what_the_log_does_not_hold_is_said_not_to_come(bundle: Bundle, path: Path) -> None:
    wave = Wave(kind="wave", at_hour=0, hours=24, of={"region": "us"}, times=2)
    with EventLog(path) as log:
        found = source(log, bundle, scenario=Scenario(name="any", events=(wave,)), requests=100)
    assert any("No request of the log has region us" in note for note in found.notes)
    assert any("decisions come up in this run" in note for note in found.notes)


def test_the_shape_of_traffic_is_read_from_it(found: LogSource) -> None:
    daily, weekly = shape(found.stream)
    assert len(daily) == 24
    assert len(weekly) == 7
    assert weekly[3:] == (1.0,) * 4  # the log has no such days
    assert weekly[0] != weekly[1]


def test_a_study_of_a_log_says_what_it_stands_on(bundle: Bundle, path: Path) -> None:
    """From one call: the log's own totals, corrected results, and the share that is extrapolated."""
    study = simulate(bundle, "vendor_outage_48h", source=Source(log=str(path)), policies=("oracle",))
    assert study.truth == "logged"
    assert set(study.extrapolated) == {"champion", "oracle"}
    assert any("The log itself, replayed: 160 requests" in note for note in study.notes)
    assert all(result.violations == 0 for result in study.results)
    champion = study.results[0]
    assert any("ratings of the log" in note for note in champion.notes)
    assert champion.classes[0].spend_usd == pytest.approx(champion.spend_usd)
    assert study.differences[0].usd_per_1000.low <= study.differences[0].usd_per_1000.value
