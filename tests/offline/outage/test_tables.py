"""What the tables of a report count: calls of cascades, room, the same requests before and after."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from router_ml import Router, RouteRequest
from router_ml.config import RouterConfig
from router_ml.offline.outage import Demand, OutageReport, outage, words
from router_ml.offline.outage.folding import SMALL, folded
from router_ml.offline.outage.notes import notes
from router_ml.offline.outage.page import page
from tests.offline.kinds_of import kinds_of
from tests.state.test_drills import lane

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LIMIT = {"requests_per_minute": 1}


def config(lanes: dict[str, Any], **more: Any) -> RouterConfig:
    classes = {"default": {"floor": 0.0, "quality_per_usd": 1}}
    return RouterConfig.model_validate({"version": 1, "lanes": lanes, "traffic_classes": classes, **more})


def reported(rules: RouterConfig, name: str, *requests: RouteRequest) -> OutageReport:
    kinds = kinds_of(Router(rules), requests or [RouteRequest(text="hello there")])
    return outage(rules, name, kinds, demand=Demand(np.full(24, 600.0), NOON, "made up"), now=NOON)


@pytest.mark.parametrize(("check", "judged"), [("validation", 0.0), ("judge", 1.0)])
def test_a_cascade_calls_its_parts_and_leaves_no_more_room_than_they_have(check: str, judged: float) -> None:
    """A cascade has no limit of its own, so that what is left seemed to have room for anything."""
    cascade = {"cascade": {"draft": "draft", "final": "final", "check": check, "accept": 0.75}}
    own = {"endpoint": LIMIT, "enabled": True}
    lanes = {
        "main": lane("acme", prior={"quality": 0.99}),
        "draft": lane("zeta", prior={"quality": 0.1}, **own),
        "final": lane("zeta", prior={"quality": 0.1}, **own),
        "judge": lane("zeta", prior={"quality": 0.1}, **own),
        "both": {**cascade, "prior": {"quality": 0.9}},
    }
    report = reported(config(lanes, stability={"margin": 0.0}), "acme")
    assert report.after is not None
    through = 10 * report.after.lanes["both"]
    assert through > 5
    calls = {load.lane: load.after - 10 * report.after.lanes.get(load.lane, 0.0) for load in report.lanes}
    assert calls["draft"] == pytest.approx(through)
    assert calls["final"] == pytest.approx(through / 4)
    assert calls["judge"] == pytest.approx(through * judged)
    assert report.overflow == pytest.approx(10 - 3)


def test_the_others_end_as_the_fallback_says() -> None:
    for ends, told in (("error", "end with an error"), ("human_review", "go to a person"), ("static_answer", "answer")):
        report = reported(config({"one": lane("acme")}, fallback={"finally": ends}), "acme")
        assert (
            f"0% of the requests that meet a dead lane fall back at once on one that is not dark; the others {told}"
            in (" ".join(words.first_words(report)).replace("get the answer", "answer"))
        )
    two = reported(config({"one": lane("acme"), "two": lane("zeta")}), "acme")
    assert "the others" not in " ".join(words.first_words(two))


def test_before_and_after_are_of_the_same_requests() -> None:
    """Else an outage that stops the hard requests seems to raise quality."""
    dear = lane(
        "acme", prior={"quality": 0.9}, capabilities=["tools"], price={"input_per_mtok": 90, "output_per_mtok": 9}
    )
    rules = config(
        {"dear": dear, "other": lane("zeta", prior={"quality": 0.9})},
        tools={"look": {"version": "1", "effect": "read"}},
    )
    report = reported(rules, "acme", RouteRequest(text="hello there"), RouteRequest(text="hi", allowed_tools=("look",)))
    assert report.stops == pytest.approx(0.5)
    assert report.before_left is not None
    assert report.after is not None
    assert report.before.usd_per_1000 > 2 * report.before_left.usd_per_1000
    left = report.requests * report.before_left.usd_per_1000 / 2000
    assert f"instead of ${left:,.2f} (today, of the same requests)" in " ".join(words.headline(report))
    assert any("what stops is in neither" in note for note in report.notes)


def test_rounding_is_no_request_that_goes_to_no_lane() -> None:
    rules = config({"one": lane("acme")})
    report = reported(rules, "acme")
    for due, told in ((1 - 1e-16, ""), (1 - 1e-5, "Less than 0.1% of"), (0.9, "10.0% of")):
        said = [note for note in notes(replace(report, due=due), rules) if "go to no lane" in note]
        assert [note[: len(told)] for note in said] == ([told] if told else [])


def test_small_situations_are_told_in_one_row() -> None:
    """A page is for two minutes, not for thirty rows."""
    report = reported(config({"one": lane("acme"), "two": lane("zeta"), "three": lane("acme")}), "acme")
    (item,) = report.classes
    (only,) = item.situations
    parts = [(0.985, ("two",)), (0.008, ("two",)), (0.004, ("two", "one")), (0.003, ())]
    cut = [replace(only, share=share, survivors=left) for share, left in parts]
    cut[-1] = replace(cut[-1], after=None, before=replace(only.before, usd_per_1000=1e9))
    shown, small = folded(cut)
    assert shown == (cut[0], cut[3])  # what stops is never hidden
    assert small is not None
    assert small.share == pytest.approx(0.012)
    assert small.survivors == ("two",)
    assert small.before.usd_per_1000 == pytest.approx(only.before.usd_per_1000)
    assert sum(small.before.lanes.values()) == pytest.approx(1)
    assert folded(cut[:2]) == (tuple(cut[:2]), None)
    text = page(replace(report, classes=(replace(item, situations=tuple(cut[:3])),)))
    assert f"2 situations of less than {SMALL:.0%} each" in text
    assert "at least two" in text
