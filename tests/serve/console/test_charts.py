"""Pictures: every lane is in them, names are never markup, and numbers stay inside."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from router_ml.contract import Estimate, RouteDecision
from router_ml.serve.console.charts.cost_quality import HEIGHT, WIDTH, cost_quality
from router_ml.serve.console.charts.frame import colours
from router_ml.serve.console.charts.series import shares, stacked

SHARE = st.floats(0, 1, allow_nan=False)
ESTIMATES = st.builds(
    lambda three, usd: Estimate(
        quality_low=min(three),
        quality=sorted(three)[1],
        quality_high=max(three),
        evidence=1,
        cost_usd=usd,
        latency_ms=1,
    ),
    st.tuples(SHARE, SHARE, SHARE),
    st.one_of(st.just(0.0), st.floats(1e-9, 50)),
)


@given(st.dictionaries(st.text(min_size=1, max_size=12), ESTIMATES, min_size=1, max_size=9), SHARE)
def test_every_lane_has_its_point_inside(
    make_decision: Callable[..., RouteDecision], known: dict[str, Estimate], floor: float
) -> None:
    lane = next(iter(known))
    decision = make_decision(lane=lane, eligible=tuple(known), estimates=known, propensities={lane: 1.0}, floor=floor)
    drawn = cost_quality(decision)
    assert drawn is not None
    points = re.findall(r'<circle cx="([-\d.]+)" cy="([-\d.]+)" r="\d+" class="lane', str(drawn))
    assert len(points) == len(known)
    assert all(0 <= float(x) <= WIDTH and 0 <= float(y) <= HEIGHT for x, y in points)


def test_nothing_estimated_is_no_picture(make_decision: Callable[..., RouteDecision]) -> None:
    assert cost_quality(make_decision(lane=None, eligible=(), estimates={}, propensities={})) is None


def test_a_name_is_never_markup(make_decision: Callable[..., RouteDecision]) -> None:
    hostile = '"><script>alert(1)</script>'
    known = {hostile: Estimate(quality=0.5, quality_low=0.4, quality_high=0.6, evidence=1, cost_usd=0.1, latency_ms=1)}
    decision = make_decision(lane=hostile, eligible=(hostile,), estimates=known, propensities={hostile: 1.0})
    look = colours([hostile])
    pictures = (
        cost_quality(decision),
        stacked(["12:00"], {hostile: [1.0]}, look, name=hostile, unit=hostile),
        shares({hostile: 1.0}, look, name=hostile),
    )
    for picture in pictures:
        assert "<script" not in str(picture)
        ET.fromstring(str(picture))


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=50))
def test_bars_stay_inside_whatever_the_counts(counts: list[float]) -> None:
    drawn = ET.fromstring(
        str(stacked([str(at) for at in range(len(counts))], {"a": counts}, {"a": "c0"}, name="n", unit="u"))
    )
    for bar in drawn.iter("rect"):
        assert float(bar.attrib["y"]) >= 0
        assert float(bar.attrib["height"]) >= 0
