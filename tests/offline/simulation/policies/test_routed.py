"""The router as a policy decides what the router decides, to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router_ml.config import RouterConfig
from router_ml.contract import RouteDecision
from router_ml.deciding.assembly import BUDGET
from router_ml.guardrails.rules.verdict import NO_LANE
from router_ml.offline.simulation.playing.carried import FATES
from router_ml.offline.simulation.policies.policy import Moment, Weighed
from router_ml.offline.simulation.policies.routed import Routed
from router_ml.offline.simulation.traffic.rows import Rows
from router_ml.planning.plan import fallback
from router_ml.state.budgets import Standing
from router_ml.storage.bundle import Bundle
from tests.offline.simulation.asking import Asked, arms_of, asked, moment_of, rows_of

ROWS = 6


def _everything(bundle: Bundle) -> RouterConfig:
    """The shipped configuration with all that can matter: cascades, batch prices, budgets that end in each way, a new
    version, narrow windows and rules on organisations."""
    raw = bundle.config.model_dump(mode="json", by_alias=True)
    lanes = raw["lanes"]
    lanes["both"] = {"cascade": {"draft": "private", "final": "balanced", "check": "fast"}}
    lanes["sure"] = {"cascade": {"draft": "extraction", "final": "premium", "accept": 0.6}}
    lanes["fast"]["version"] = "2"
    lanes["code"]["context_window"] = 2000
    for name, at_cap in (("default", "queue"), ("regulated", "refuse"), ("batch", "cheapest"), ("pilot", "cheapest")):
        raw["traffic_classes"][name] |= {"at_cap": at_cap, "batch_prices": True}
    raw["traffic_classes"]["default"]["limits"]["max_input_tokens"] = 6000
    acme = {"id": "acme", "version": "1", "owner": "o", "rationale": "r", "when": {"org": ["acme"]}}
    raw["policies"].append({**acme, "then": {"lanes": {"deny": ["anthropic"]}}})
    return RouterConfig.model_validate(raw)


@pytest.fixture(scope="module", params=["shipped", "everything"])
def setting(request: pytest.FixtureRequest, root: Path, bundle: Bundle) -> tuple[Asked, Routed, dict[str, float]]:
    config = bundle.config if request.param == "shipped" else _everything(bundle)
    given = asked(root, bundle, config)
    routed = Routed("champion", bundle, given.kinds, given.world, config=config)
    return given, routed, arms_of(bundle, config).probes(config.lanes)


@st.composite
def circumstances(draw: st.DrawFn, given: Asked) -> tuple[Rows, Moment]:
    """Some requests, sessions, lanes down, money spent."""
    lanes, config = len(given.world.lanes), given.router.config

    def many(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=ROWS, max_size=ROWS))

    turn = many(st.sampled_from([0, 0, 1, 3]))
    held = [many(st.integers(0, 9000))[0] if each else 0 for each in turn]
    rows = rows_of(many(st.integers(0, len(given.kinds) - 1)), turn=turn, held=held)
    money = {
        name: Standing(10.0, draw(st.sampled_from([0.0, 4.0, 5.2, 6.0, 9.9, 10.0])))
        for name in config.traffic_classes
        if draw(st.booleans())
    }
    return rows, moment_of(
        rows,
        given.world,
        down=draw(st.lists(st.sampled_from([False, False, False, True]), min_size=lanes, max_size=lanes)),
        money=money,
        incumbent=many(st.integers(-1, lanes - 1)),
        cached=many(st.integers(0, 6000)),
    )


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_it_decides_what_the_router_decides(
    setting: tuple[Asked, Routed, dict[str, float]], data: st.DataObject
) -> None:
    given, routed, probes = setting
    rows, moment = data.draw(circumstances(given))
    weighed = routed.weigh(rows, moment)
    for row in range(len(rows)):
        check(given, weighed, row, given.decide(row, rows, moment, probes))


def test_a_lane_that_holds_the_conversation_is_cheaper(setting: tuple[Asked, Routed, dict[str, float]]) -> None:
    """Cached tokens keep sessions on lanes that they would leave without them, as in the router."""
    given, routed, probes = setting
    kinds = list(range(len(given.kinds)))
    rows = rows_of(kinds, turn=[1] * len(kinds), held=[8000] * len(kinds))
    lanes, changed = given.world.lanes, 0
    for lane in ("premium", "balanced"):
        before = [lanes.index(lane)] * len(kinds)
        cold, warm = (moment_of(rows, given.world, incumbent=before, cached=[held] * len(kinds)) for held in (0, 8000))
        weighed = routed.weigh(rows, warm)
        for row in kinds[::3]:
            check(given, weighed, row, given.decide(row, rows, warm, probes))
        changed += int((weighed.exploit != routed.weigh(rows, cold).exploit).sum())
    assert changed


def check(given: Asked, weighed: Weighed, row: int, decision: RouteDecision) -> None:
    """One row of what was weighed against what the router decided."""
    lanes, config = given.world.lanes, given.router.config
    eligible = tuple(lane for lane, left in zip(lanes, weighed.eligible[row].tolist(), strict=True) if left)
    assert eligible == decision.eligible
    assert list(config.traffic_classes)[weighed.traffic_class[row]] == decision.traffic_class
    assert fate(weighed, row) == fate_of(decision)
    found = {lane: share for lane, share in zip(lanes, weighed.propensities[row].tolist(), strict=True) if share > 0}
    assert found == decision.propensities, "to the last bit"
    if decision.lane is None:
        assert weighed.exploit[row] == -1
        return
    ranking = [lanes[lane] for lane in np.argsort(-weighed.worth[row], kind="stable") if weighed.eligible[row, lane]]
    assert lanes[weighed.exploit[row]] == ranking[0]
    assert decision.explored == (decision.lane != ranking[0])
    assert fallback(config, list(dict.fromkeys((decision.lane, *ranking)))) == decision.fallback
    if any(tool.approval for tool in decision.tools):
        assert weighed.approval[row]


def fate(weighed: Weighed, row: int) -> str:
    return "route" if weighed.fate[row] < 0 else FATES[weighed.fate[row]]


def fate_of(decision: RouteDecision) -> str:
    """The same in a simulation's words."""
    if decision.action == "human_review":
        return {BUDGET: "queued", NO_LANE: "no_lane"}.get(decision.queue or "", "review")
    if decision.action == "refuse" and not any("refuse" in fired.effect for fired in decision.policies):
        return "refused_by_budget"
    return {"route": "route", "clarify": "asked_back", "refuse": "refused"}[decision.action]
