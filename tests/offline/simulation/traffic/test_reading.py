"""Kinds are what the router itself would make of such requests, and shares are those that were asked for."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from router_ml import Router
from router_ml.contract import RouteRequest
from router_ml.errors import EncoderMismatchError, InvalidRequestError, OfflineDataError
from router_ml.offline.judging.packs import Pack, read_pack
from router_ml.offline.simulation.traffic.circumstances import put
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.offline.simulation.traffic.packed import RISKS
from router_ml.offline.simulation.traffic.reading import (
    example_requests,
    kinds_from_pack,
    kinds_from_requests,
    read_requests,
)
from router_ml.storage.bundle import Bundle

REQUESTS = [
    RouteRequest(text="What is the difference between an ETF and a mutual fund?"),
    RouteRequest(text="Write to Zdeněk Hrubý, born 14.2.1963, at zdenek.hruby@example.org that his loan is granted."),
    RouteRequest(text="Please pay me back for the broken kettle", allowed_tools=("refund", "order_lookup")),
    RouteRequest(text="Please pay back order 88213", allowed_tools=("refund", "order_lookup", "time_machine")),
    RouteRequest(text="Summarise this.\n\nThe meeting began at nine. It ended at ten.", traffic_class="pilot"),
]
HERE = {"channel": {"api": 1.0}, "org": {"none": 1.0}, "region": {"none": 1.0}}


def share(kinds: Kinds, field: str) -> dict[object, float]:
    found: Counter[object] = Counter()
    for facts, weight in zip(kinds.facts, kinds.weight, strict=True):
        found[getattr(facts, field)] += weight
    return dict(found)


@pytest.fixture(scope="module")
def pack(root: Path) -> Pack:
    return read_pack(root / "data" / "outcomes" / "judged").take(np.arange(200))


@pytest.fixture(scope="module")
def kinds(bundle: Bundle) -> Kinds:
    return kinds_from_requests(REQUESTS, bundle)


def test_kinds_are_what_the_router_makes_of_such_requests(bundle: Bundle, router: Router) -> None:
    regions = {"eu": 0.5, "mars": 0.5}
    mix = {"channel": {"web": 0.5, "batch": 0.5}, "org": {"pilot": 0.3, "none": 0.7}, "region": regions}
    kinds = kinds_from_requests(REQUESTS, bundle, mix=mix)
    assert len(kinds) == 5 * 8
    assert len({(facts.channel, facts.org, facts.region) for facts in kinds.facts}) == 8
    asked = []
    for index, facts in enumerate(kinds.facts):
        one = REQUESTS[index // 8]
        tools = tuple(name for name in one.allowed_tools if name in bundle.config.tools)
        region = "mars" if facts.region == "?" else str(facts.region)
        places = {"channel": facts.channel, "org": facts.org or "none", "region": region}
        asked.append(put(one.model_copy(update={"allowed_tools": tools}), places))
    decisions = router.predict_routes(asked, seeds=range(len(asked)))
    for index, (facts, decision) in enumerate(zip(kinds.facts, decisions, strict=True)):
        assert kinds.traffic_class[index] == asked[index].traffic_class
        assert facts.tier == decision.risk_tier
        assert facts.intent == decision.intent.label
        assert facts.risks == {risk.name for risk in decision.risks}
        if decision.action in ("route", "clarify"):
            assert kinds.asks_back[index] == (decision.action == "clarify")
        if facts.channel == "batch":
            continue  # at batch prices, which kinds are without
        for lane, estimate in decision.estimates.items():
            column = kinds.lanes.index(lane)
            assert kinds.quality[index, column] == pytest.approx(estimate.quality, abs=1e-5)
            assert kinds.cost_usd[index, column] == pytest.approx(estimate.cost_usd, rel=1e-5)
            assert kinds.latency_ms[index, column] == pytest.approx(estimate.latency_ms, rel=1e-5)
    assert kinds.truth == "believed"
    assert kinds.asks_back.any()


def test_without_a_mix_the_circumstances_are_those_of_a_company(kinds: Kinds) -> None:
    assert share(kinds, "channel") == pytest.approx({"web": 0.4, "app": 0.3, "api": 0.25, "batch": 0.05})
    assert share(kinds, "region") == pytest.approx({None: 0.4, "eu": 0.3, "us": 0.3})
    assert share(kinds, "org") == pytest.approx({None: 0.95, "pilot": 0.05})
    assert kinds.weight.sum() == pytest.approx(1)


def test_what_requests_say_themselves_is_kept(bundle: Bundle) -> None:
    asked = [RouteRequest(text="hello", channel="web", metadata={"region": "eu"}), RouteRequest(text="good morning")]
    kinds = kinds_from_requests(asked, bundle, mix={"org": {"none": 1}})
    assert [(facts.channel, facts.region) for facts in kinds.facts] == [("web", "eu"), ("api", None)]
    moved = kinds_from_requests(asked, bundle, mix={**HERE, "channel": {"none": 1}, "region": {"us": 1}})
    assert [(facts.channel, facts.region) for facts in moved.facts] == [("web", "us"), ("api", "us")]


def test_weights_of_labels_multiply_what_is_there(bundle: Bundle) -> None:
    plain = kinds_from_requests(REQUESTS, bundle, mix=HERE)
    kinds = kinds_from_requests(REQUESTS, bundle, mix={**HERE, "risk": {"pii": 6}})
    private = np.array(["pii" in facts.risks for facts in kinds.facts])
    assert private.tolist() == [False, True, False, False, False]
    assert plain.weight == pytest.approx([0.2] * 5)
    assert kinds.weight == pytest.approx([0.1, 0.6, 0.1, 0.1, 0.1])


@pytest.mark.parametrize(("size", "expected"), [(3, 3), (17, 15)])
def test_there_are_no_more_kinds_than_asked_for(bundle: Bundle, size: int, expected: int) -> None:
    kinds = kinds_from_requests(REQUESTS, bundle, size=size, seed=3)
    assert expected - 4 <= len(kinds) <= size
    again = kinds_from_requests(REQUESTS, bundle, size=size, seed=3)
    assert kinds.facts == again.facts
    assert np.array_equal(kinds.weight, again.weight)


def test_equal_requests_are_no_independent_evidence(bundle: Bundle) -> None:
    asked = [REQUESTS[0], REQUESTS[1], REQUESTS[0].model_copy(update={"text": REQUESTS[0].task + " "})]
    kinds = kinds_from_requests(asked, bundle, mix={**HERE, "channel": {"web": 1, "app": 1}})
    assert kinds.cluster.tolist() == [0, 0, 2, 2, 0, 0]


def test_tools_that_are_not_configured_are_left_out_and_named(kinds: Kinds) -> None:
    assert all("time_machine" not in facts.tools for facts in kinds.facts)
    assert "time_machine" in kinds.source


def test_what_cannot_be_read_is_said(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(OfflineDataError, match="no requests"):
        kinds_from_requests([], bundle)
    with pytest.raises(OfflineDataError, match="fax"):
        kinds_from_requests(REQUESTS, bundle, mix={"channel": {"fax": 1}})
    with pytest.raises(OfflineDataError, match="leaves no request"):
        kinds_from_requests(REQUESTS[:1], bundle, mix={"tier": dict.fromkeys(("low", "medium", "high"), 0.0)})
    with pytest.raises(InvalidRequestError, match="not configured"):
        kinds_from_requests([RouteRequest(text="hi", traffic_class="vip")], bundle)
    path = tmp_path / "mine.jsonl"
    path.write_text('{"text": "fine"}\n\n{"text": "my secret", "chanel": "web"}\n', encoding="utf-8")
    with pytest.raises(OfflineDataError, match=r"mine.jsonl:3: .*chanel") as caught:
        read_requests(path)
    assert "my secret" not in str(caught.value)


def test_the_examples_are_requests_of_all_kinds(root: Path) -> None:
    asked = example_requests()
    assert 280 <= len(asked) <= 320
    assert (root / "router_ml/offline/simulation/traffic/requests.jsonl").stat().st_size < 150_000
    assert sum(bool(request.allowed_tools) for request in asked) > 40
    assert sum(bool(request.messages) for request in asked) >= 3
    assert sum(len(request.task) > 600 for request in asked) > 20
    assert all(request.channel == "api" and not request.metadata for request in asked)


def test_a_pack_brings_what_was_measured(bundle: Bundle, pack: Pack) -> None:
    kinds = kinds_from_pack(pack, bundle, in_sample=True, mix=HERE)
    assert kinds.lanes == ("private", "balanced", "fast", "premium")
    assert (kinds.truth, kinds.in_sample, len(kinds)) == ("measured", True, 200)
    column = [pack.lanes.index(str(bundle.config.lanes[name].outcomes)) for name in kinds.lanes]
    assert np.array_equal(kinds.quality, pack.quality[:, column])
    assert np.array_equal(kinds.cluster, pack.group)
    assert kinds.cost_usd == pytest.approx(pack.cost_usd[:, column], rel=0.02)
    price = bundle.config.lanes["premium"].price
    spent = pack.contexts.tokens_in * price.input_per_mtok + kinds.tokens_out[:, 3] * price.output_per_mtok
    assert kinds.cost_usd[:, 3] == pytest.approx(spent / 1e6)
    assert "without outcomes, and so no lanes here: code, extraction, openai, anthropic" in kinds.source


def test_costs_of_a_pack_follow_the_prices_of_the_configuration(bundle: Bundle, pack: Pack) -> None:
    lane = bundle.config.lanes["fast"]
    dear = lane.model_copy(update={"price": lane.price.model_copy(update={"output_per_mtok": 25.0})})
    config = bundle.config.model_copy(update={"lanes": {**bundle.config.lanes, "fast": dear}})
    now = kinds_from_pack(pack, bundle, in_sample=True)
    later = kinds_from_pack(pack, replace(bundle, config=config), in_sample=True)
    more = later.cost_usd[:, 2] - now.cost_usd[:, 2]
    assert more == pytest.approx(now.tokens_out[:, 2] * (25.0 - lane.price.output_per_mtok) / 1e6)
    assert np.array_equal(later.tokens_out, now.tokens_out)


def test_risks_of_a_pack_are_drawn_in_the_shares_that_are_said(bundle: Bundle, pack: Pack) -> None:
    assumed = kinds_from_pack(pack, bundle, in_sample=True, mix=HERE)
    risks = Counter(risk for facts in assumed.facts for risk in facts.risks)
    assert {name: risks[name] / 200 for name in RISKS} == pytest.approx(dict(RISKS), abs=0.006)
    kinds = kinds_from_pack(pack, bundle, in_sample=True, mix={**HERE, "risk": {"pii": 1, "none": 3}})
    private = np.array([facts.risks == {"pii"} for facts in kinds.facts])
    assert private.mean() == pytest.approx(0.25)
    assert {facts.tier for facts, is_private in zip(kinds.facts, private, strict=True) if is_private} == {"high"}
    for mix in ({"pii": 0.7, "secrets": 0.7}, {"greed": 0.1}):
        with pytest.raises(OfflineDataError, match="mix of risks"):
            kinds_from_pack(pack, bundle, in_sample=True, mix={"risk": mix})


def test_a_pack_that_is_not_of_this_bundle_is_refused(bundle: Bundle, pack: Pack) -> None:
    with pytest.raises(EncoderMismatchError):
        kinds_from_pack(replace(pack, encoder="0" * 64), bundle, in_sample=False)
    with pytest.raises(OfflineDataError, match="No lane"):
        kinds_from_pack(replace(pack, lanes=("a", "b", "c", "d")), bundle, in_sample=False)
    with pytest.raises(OfflineDataError, match="probabilities of 3 intents"):
        kinds_from_pack(pack.relabelled(3, 2), bundle, in_sample=False)


def test_the_scenario_says_the_mix(bundle: Bundle, tmp_path: Path) -> None:
    """``traffic.mix`` as it stands is what kinds are made with."""
    from router_ml.offline.simulation.scenarios.loading import parse_scenario

    scenario = parse_scenario(json.dumps({"traffic": {"mix": {"region": {"us": 1}, "channel": {"web": 1}}}}))
    kinds = kinds_from_requests(REQUESTS[:2], bundle, mix=scenario.traffic.mix)
    assert share(kinds, "region") == {"us": pytest.approx(1)}


def test_a_line_ends_where_a_line_ends(tmp_path: Path) -> None:
    """Not at a line separator inside a text; and a byte order mark is no part of the first request."""
    file = tmp_path / "requests.jsonl"
    texts = ["first\u2028second", "third"]
    lines = "\n".join(json.dumps({"text": text}, ensure_ascii=False) for text in texts)
    file.write_text(lines, encoding="utf-8-sig")
    assert [request.text for request in read_requests(file)] == texts


def test_a_request_that_cannot_be_ruled_is_named(bundle: Bundle) -> None:
    asked = [REQUESTS[0], RouteRequest(text="hello", traffic_class="nope")]
    with pytest.raises(InvalidRequestError, match="Request 2: "):
        kinds_from_requests(asked, bundle)
