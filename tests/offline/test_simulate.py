"""One call opens, plays and compares; the same seed gives the same study."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from router_ml import RouteRequest
from router_ml.allocation.context import Contexts
from router_ml.contract import Constraints
from router_ml.deciding.reading import read
from router_ml.errors import ConfigError, InvalidRequestError, OfflineDataError
from router_ml.offline.judging.packs import Pack, read_pack
from router_ml.offline.simulate import Source, class_frame, frame, open_source, series_frame, simulate, sized
from router_ml.offline.simulation.counting.results import Study
from router_ml.offline.simulation.counting.tables import to_record
from router_ml.offline.simulation.scenarios.loading import load_scenario
from router_ml.offline.simulation.scenarios.scenario import Budget, NewLane, PriceChange, Retire, Scenario, Traffic
from router_ml.offline.simulation.traffic.reading import example_requests
from router_ml.ruling.case import contexts
from router_ml.storage.bundle import Bundle

FEW = Source(requests=example_requests()[::15])
ONE_PLACE = {"channel": {"web": 1.0}, "org": {"none": 1.0}, "region": {"none": 1.0}}
"""So that each request is read and ruled once."""


def traffic(count: int, days: float = 1.0) -> Traffic:
    return Traffic(requests=count, days=days, daily="flat", weekly=(1.0,) * 7, mix=ONE_PLACE)


OUTAGE = load_scenario("vendor_outage_48h").model_copy(update={"traffic": traffic(4000, 5)})
SMALL = Scenario(name="small", traffic=traffic(500))


@pytest.fixture(scope="module")
def outage(bundle: Bundle, models: Path) -> Study:
    """The champion, itself as a challenger, and a fixed policy, while its main vendor is dark."""
    return simulate(
        bundle, OUTAGE, challengers={"the same": models}, policies=["challengers", "premium"], source=FEW, seed=3
    )


def test_the_vendor_that_is_used_most_goes_dark_and_most_requests_are_answered(outage: Study, bundle: Bundle) -> None:
    champion = outage.results[0]
    (trouble,) = outage.troubles
    assert (trouble.start, trouble.end) == (33, 81)
    series = champion.series
    before, inside = series.edges[:-1] < 33, (series.edges[:-1] >= 34) & (series.edges[1:] <= 81)
    dark = [champion.lanes.index(lane) for lane in trouble.lanes]
    providers = {bundle.config.lanes[lane].provider for lane in trouble.lanes}
    assert len(providers) == 1
    by_provider = {
        lane.provider: sum(
            int(series.by_lane[before, champion.lanes.index(name)].sum())
            for name, other in bundle.config.lanes.items()
            if other.provider == lane.provider
        )
        for lane in bundle.config.lanes.values()
    }
    assert {max(by_provider, key=by_provider.__getitem__)} == providers
    assert series.by_lane[inside][:, dark].sum() == 0
    assert champion.success >= 0.995
    assert all(result.violations == 0 for result in outage.results)


def test_a_policy_less_itself_is_nothing_since_requests_and_luck_are_the_same(outage: Study) -> None:
    assert [result.policy for result in outage.results] == ["champion", "the same", "always the best"]
    same, best = outage.differences
    for found in (same.quality, same.usd_per_1000, same.success):
        assert (found.value, found.low, found.high) == (0, 0, 0)
    assert dataclasses.replace(outage.results[1], policy="champion").spend_usd == outage.results[0].spend_usd
    assert best.usd_per_1000.low > 0


def test_what_the_numbers_are_not_is_said(outage: Study, bundle: Bundle) -> None:
    assert (outage.truth, outage.in_sample, outage.seed) == ("believed", False, 3)
    assert outage.versions["bundle"] == outage.versions["challenger the same"] == bundle.manifest.id
    assert any("Believed" in line for line in to_record(outage)["caveats"])


def test_versions_tell_requests_apart(bundle: Bundle) -> None:
    one, again, other = (
        simulate(bundle, SMALL, policies=[], source=Source(requests=example_requests()[part])).versions
        for part in (slice(0, 3), slice(0, 3), slice(0, 4))
    )
    assert one == again
    assert {name for name in one if one[name] != other[name]} == {"requests_sha256"}


def test_the_same_seed_gives_the_same_study_and_another_another(bundle: Bundle) -> None:
    one, again, other = (simulate(bundle, SMALL, policies=[], source=FEW, seed=seed) for seed in (1, 1, 2))
    assert to_record(one) == to_record(again)
    assert one.results[0].spend_usd != other.results[0].spend_usd


def test_progress_goes_from_nothing_to_all(bundle: Bundle) -> None:
    told: list[tuple[str, int, int]] = []
    simulate(bundle, SMALL, policies=["premium"], source=FEW, progress=lambda *what: told.append(what))
    assert told[0] == ("champion", 0, 1000)
    assert told[-1] == ("always the best", 1000, 1000)
    assert [played for _, played, _ in told] == sorted(played for _, played, _ in told)


def test_a_budget_by_share_is_of_what_the_champion_spends_in_calm(bundle: Bundle) -> None:
    calm = Scenario(name="calm", traffic=traffic(2000, 2))
    tight = calm.model_copy(update={"budgets": {"default": Budget(share=0.5, at_cap="refuse")}})
    free, bound = (simulate(bundle, one, policies=[], source=FEW).results[0] for one in (calm, tight))
    spent = {one.name: one.spend_usd for one in free.classes}
    (budget,) = [one for one in bound.classes if one.name == "default"]
    assert budget.budget_usd == pytest.approx(0.5 * spent["default"] / 2)
    assert budget.over_budget_days == 0
    assert budget.spend_usd <= 1.02 * 2 * budget.budget_usd
    queues = tight.model_copy(update={"budgets": {"default": Budget(share=0.5, at_cap="queue")}})
    waiting = simulate(bundle, queues, policies=[], source=FEW).results[0]
    (other,) = [one for one in waiting.classes if one.name == "default"]
    refused = budget.no_lane["refused_by_budget"]
    assert refused == other.no_lane["queued"] > 0
    assert (bound.due, bound.success) == (waiting.due, waiting.success)
    assert bound.success < 1.0


def test_what_happens_in_the_first_hour_is_known_as_what_happens_later(bundle: Bundle) -> None:
    """The router is told of an event at hour 0 as of one that comes a moment after the start."""
    wanted = [
        PriceChange(kind="price", where="balanced", at_hour=0, times=100),
        Retire(kind="retire", where="fast", at_hour=0),
        NewLane(kind="new_lane", name="next", like="cheapest", at_hour=0, errors_times=0.1),
    ]
    soon = [event.model_copy(update={"at_hour": 1e-6}) for event in wanted]
    at_once, later = (
        simulate(bundle, SMALL.model_copy(update={"events": tuple(events)}), policies=[], source=FEW).results[0]
        for events in (wanted, soon)
    )
    assert at_once.lane_requests == later.lane_requests
    assert (at_once.lane_requests["fast"], at_once.violations) == (0, 0)
    assert at_once.lane_requests["next"] > 0
    assert at_once.spend_usd == pytest.approx(later.spend_usd)


def test_requests_come_from_a_file(bundle: Bundle, tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text('{"text": "What is a lien?"}\n\n{"text": "Translate: good morning", "channel": "web"}\n')
    assert simulate(bundle, SMALL, policies=[], source=Source(requests=file)).results[0].requests == 500
    for names in (
        '"traffic_class": "nobody"',
        '"constraints": {"allow_lanes": ["nobody"]}',
        '"output_contract": "none"',
    ):
        file.write_text('{"text": "What is a lien?"}\n\n{"text": "And this?", ' + names + "}\n")
        with pytest.raises(OfflineDataError, match=r"own.jsonl:3: .*(not configured|not known)"):
            simulate(bundle, SMALL, source=Source(requests=file))
    asked = [RouteRequest(text="What is a lien?"), RouteRequest(text="And this?", traffic_class="nobody")]
    with pytest.raises(InvalidRequestError, match="Request 2: "):
        simulate(bundle, SMALL, source=Source(requests=asked))
    file.write_text('{"text": "What is a lien?"}\n{"txt": 1}\n')
    with pytest.raises((InvalidRequestError, OfflineDataError), match=r"own.jsonl:2"):
        simulate(bundle, SMALL, source=Source(requests=file))


def test_a_source_says_how_many_requests_come(bundle: Bundle) -> None:
    few = dataclasses.replace(FEW, count=80)
    assert simulate(bundle, SMALL, policies=[], source=few).results[0].requests == 80
    assert open_source(few, bundle, SMALL).scenario.traffic.requests == 80
    with pytest.raises(InvalidRequestError, match="at least one"):
        simulate(bundle, SMALL, policies=[], source=dataclasses.replace(FEW, count=0))


@pytest.fixture
def pack(bundle: Bundle) -> Pack:
    """60 made-up prompts with outcomes of two lanes."""
    understood = read(bundle.config, bundle, [RouteRequest(text=f"What is {i} plus {i}?") for i in range(60)])
    random = np.random.default_rng(0)
    columns = [lane.outcomes for lane in bundle.config.lanes.values() if lane.outcomes][:2]
    return Pack(
        contexts=Contexts.stack([contexts(one) for one in understood]),
        quality=random.random((60, 2)),
        cost_usd=0.001 * (1 + random.random((60, 2))),
        group=np.arange(60),
        lanes=tuple(str(name) for name in columns),
        encoder=bundle.encoder.sha256,
        digest="made up",
    )


def test_an_outcome_pack_is_measured_truth_of_the_lanes_that_it_has(bundle: Bundle, pack: Pack) -> None:
    found = simulate(bundle, SMALL, policies=["fixed"], source=Source(pack=pack))
    assert (found.truth, found.in_sample) == ("measured", False)
    assert [result.policy for result in found.results] == ["champion", "always private", "always balanced"]
    seen = dataclasses.replace(pack, digest=bundle.manifest.training["pack_sha256"])
    again = simulate(bundle, SMALL, challengers={"b": bundle}, policies=["challengers"], source=Source(pack=seen))
    assert again.in_sample
    assert again.notes == ("In sample: b learned from some of these requests.",)


def test_outcomes_that_are_not_known_are_left_out_of_means(bundle: Bundle, pack: Pack) -> None:
    """The better lane is not known for a third of the prompts; the router still explores between both."""
    quality = np.column_stack([np.full(60, 0.2), np.full(60, 0.9)])
    quality[:20, 1], cost = np.nan, pack.cost_usd.copy()
    cost[:20, 1] = np.nan
    found = simulate(
        bundle,
        SMALL,
        policies=["premium", "oracle"],
        source=Source(pack=dataclasses.replace(pack, quality=quality, cost_usd=cost)),
    )
    assert "16.7% of the qualities are not known" in found.source
    champion, best, _ = found.results
    assert best.lane_requests["balanced"] > best.lane_requests["private"]
    assert any(note.startswith("The quality of ") and "not known" in note for note in best.notes)
    assert champion.exploration.requests > 0
    for result in found.results:
        assert np.isfinite([result.quality.value, result.cost.value, result.exploration.quality]).all()
        assert 0.2 <= result.quality.value <= 0.9


def test_outcomes_that_cannot_be_are_refused(bundle: Bundle, pack: Pack) -> None:
    for column, value, complaint in (("quality", 7.0, "quality of 7"), ("cost_usd", -1.0, "cost_usd of -1")):
        values = getattr(pack, column).copy()
        values[3, 1] = value
        with pytest.raises(OfflineDataError, match=rf"{complaint} for .* in row 3, and 1 such values"):
            simulate(bundle, SMALL, source=Source(pack=dataclasses.replace(pack, **{column: values})))


def test_a_fixed_lane_that_nothing_may_go_to_is_not_played(bundle: Bundle) -> None:
    """It would be the champion by another name. Where its price falls later, something may go to it."""
    asked = Source(requests=[RouteRequest(text="What is a lien?", constraints=Constraints(max_cost_usd=1e-4))])
    cheaper = SMALL.model_copy(
        update={"events": (PriceChange(kind="price", where="anthropic", at_hour=12, times=0.0),)}
    )
    found, later = (simulate(bundle, one, policies=["fixed"], source=asked) for one in (SMALL, cheaper))
    assert [result.policy for result in found.results] == ["champion", "always private", "always extraction"]
    (note,) = found.notes
    assert note.startswith("Not played, since rules and ceilings keep all requests from there: always balanced, ")
    assert "always anthropic" in note
    assert later.results[-1].policy == "always anthropic"
    assert later.results[-1].lane_requests["anthropic"] > 0
    assert "anthropic" not in later.notes[0]


def test_frames_have_a_row_for_each_policy_class_and_stretch(outage: Study) -> None:
    pytest.importorskip("pandas")
    assert frame(outage)["policy"].tolist() == [result.policy for result in outage.results]
    assert len(class_frame(outage)) == sum(len(result.classes) for result in outage.results)
    assert len(series_frame(outage)) == 3 * len(outage.results[0].series.requests)
    json.dumps(to_record(outage), allow_nan=False)


def test_two_challengers_of_one_name_are_refused_rather_than_one_lost(bundle: Bundle, tmp_path: Path) -> None:
    folders = [tmp_path / "old" / "bundle", tmp_path / "new" / "bundle"]
    with pytest.raises(InvalidRequestError, match=r"old/bundle and .*new/bundle would both be named 'bundle'"):
        simulate(bundle, SMALL, challengers=folders, policies=["challengers"], source=FEW)


def test_what_cannot_be_played_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="vendor_outage_48h"):
        simulate(bundle, "vendor_outage")
    with pytest.raises(InvalidRequestError, match=r"no policies best\. Choose from challengers, fixed"):
        simulate(bundle, "quiet_week", policies=["best"], source=FEW)
    with pytest.raises(InvalidRequestError, match="requests and pack"):
        Source(requests="a.jsonl", pack="b")
    with pytest.raises(InvalidRequestError, match="another name"):
        simulate(bundle, OUTAGE, challengers={"champion": bundle}, policies=["challengers"], source=FEW)
    with pytest.raises(OfflineDataError, match="There are no requests"):
        simulate(bundle, "quiet_week", source=Source(requests=[]))
    with pytest.raises(InvalidRequestError, match="at least one"):
        sized(OUTAGE, count=0)
    yaml = tmp_path / "router.yaml"
    yaml.write_text((bundle.folder / "router.yaml").read_text())
    with pytest.raises(InvalidRequestError, match="no learned part"):
        simulate(yaml, "quiet_week")


@pytest.mark.slow
def test_held_out_rows_of_a_pack_may_be_said_to_be(bundle: Bundle, root: Path) -> None:
    """They share the digest that a manifest names, so only the caller can know."""
    pack = read_pack(root / "data" / "outcomes" / "judged")
    part = pack.take(np.arange(40))
    scenario = sized(load_scenario("quiet_week"), count=50, days=1)
    said = [
        simulate(bundle, scenario, policies=(), source=Source(pack=part, in_sample=held)).in_sample
        for held in (None, False)
    ]
    assert said == [True, False]
