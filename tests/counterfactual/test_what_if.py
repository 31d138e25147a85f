"""What if: the record alone answers, the same selection runs, and hard rules stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml import Router, RouteRequest
from router_ml.contract import RouteDecision
from router_ml.errors import InvalidRequestError

Make = Callable[..., RouteDecision]


def _estimate(quality: float, cost: float, evidence: float = 30.0) -> dict[str, float]:
    bounds = {"quality_low": max(quality - 0.1, 0), "quality_high": min(quality + 0.1, 1)}
    return {"quality": quality, "cost_usd": cost, "latency_ms": 1000 * quality, "evidence": evidence, **bounds}


@pytest.fixture
def decision(make_decision: Make) -> RouteDecision:
    """Three eligible lanes, one excluded; small is best for the money and certain."""
    return make_decision(
        lane="small",
        floor=0.6,
        quality_per_usd=100.0,
        eligible=["small", "middle", "large"],
        excluded={"abroad": ["region us, policy eu-residency allows eu"]},
        estimates={
            "small": _estimate(0.80, 0.0001),
            "middle": _estimate(0.85, 0.0010),
            "large": _estimate(0.90, 0.0030),
        },
        propensities={"small": 1.0},
        propensity=1.0,
        fallback={"finally": "error"},
        state={"selection": {"explore_share": 0.0, "epsilon": 0.02, "gamma": 200.0}},
    )


def test_a_denied_lane_gives_way_to_the_next_best(decision: RouteDecision) -> None:
    found = decision.what_if(deny=["small"])
    assert (found.lane, found.changed, found.propensities) == ("middle", True, {"middle": 1.0})
    assert found.difference is not None
    assert found.difference.quality == pytest.approx(0.05)
    assert found.difference.quality_low == pytest.approx(0.05 - 0.02**0.5)
    assert found.difference.cost_usd == pytest.approx(0.0009)
    assert found.excluded == {**decision.excluded, "small": ("what if: denied",)}
    assert str(found).startswith("Without small: small -> middle.")


def test_floor_and_trade_off_move_the_choice(decision: RouteDecision) -> None:
    assert decision.what_if(floor=0.78).lane == "large"
    assert decision.what_if(quality_per_usd=0).lane == "large"
    assert decision.what_if(quality_per_usd=1e6).lane == "small"


def test_an_excluded_lane_cannot_come_back(decision: RouteDecision) -> None:
    """Rules only narrow, in questions too: asking for it leaves nothing, and its reason is still there."""
    found = decision.what_if(allow=["abroad"])
    assert (found.lane, found.changed, found.difference) == (None, True, None)
    assert found.excluded["abroad"] == decision.excluded["abroad"]


@given(
    deny=st.sets(st.sampled_from(["small", "middle", "large", "abroad"])),
    floor=st.none() | st.floats(0, 1),
    rate=st.none() | st.floats(0, 1e6),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**53 - 1),
)
def test_the_answer_stays_among_the_eligible(
    make_decision: Make, deny: set[str], floor: float | None, rate: float | None, share: float, seed: int
) -> None:
    decision = make_decision(
        lane="small",
        eligible=["small", "middle", "large"],
        excluded={"abroad": ["no"]},
        estimates={"small": _estimate(0.5, 0.0), "middle": _estimate(0.6, 0.1, 0.0), "large": _estimate(0.6, 0.1)},
        propensities={"small": 1.0},
        fallback={"finally": "error"},
        state={"selection": {"explore_share": share, "epsilon": 0.1, "gamma": 10.0, "probes": {"large": 0.2}}},
        seed=seed,
    )
    found = decision.what_if(deny=deny, floor=floor, quality_per_usd=rate)
    left = {"small", "middle", "large"} - deny
    assert set(found.propensities) <= left
    assert (found.lane in left) if left else (found.lane is None)
    assert sum(found.propensities.values()) == pytest.approx(1 if left else 0)
    assert found.changed == (found.lane != "small")


def test_the_usual_lane_keeps_its_margin(decision: RouteDecision) -> None:
    """Hysteresis that held when it was decided holds in the question too."""
    state = decision.state.model_copy(
        update={"selection": decision.state.selection.model_copy(update={"margin": 0.5, "incumbent": "large"})}
    )
    assert decision.model_copy(update={"state": state}).what_if(deny=["small"]).lane == "large"


def test_old_records_say_what_they_lack(decision: RouteDecision) -> None:
    """A draw among several lanes without recorded settings cannot be drawn again; that is said, not guessed."""
    old = decision.model_copy(update={"propensities": {"small": 0.9, "middle": 0.1}})
    found = old.what_if(deny=["large"])
    assert found.propensities == {"small": 1.0}
    assert "were not recorded" in str(found)


def test_no_lane_changes_a_refusal(decision: RouteDecision) -> None:
    refused = decision.model_copy(update={"action": "refuse", "lane": None, "reason": "Not here."})
    found = refused.what_if(deny=["small"])
    assert (found.lane, found.changed) == (None, False)
    assert "Not here." in found.reason


@pytest.mark.parametrize(
    ("question", "complaint"),
    [
        ({"deny": ["smal"]}, "knows no lane smal. Its lanes: small, middle, large, abroad"),
        ({"floor": 1.5}, "from 0 to 1"),
        ({"quality_per_usd": float("nan")}, "finite"),
    ],
)
def test_a_wrong_question_is_refused(decision: RouteDecision, question: dict[str, object], complaint: str) -> None:
    with pytest.raises(InvalidRequestError, match=complaint):
        decision.what_if(**question)  # type: ignore[arg-type]


def test_without_a_change_a_real_decision_keeps_its_lane(router: Router) -> None:
    """What the router decided without exploration is what its record decides."""
    texts: Sequence[str] = ("Is 97 prime?", "Write a haiku about rain.", "Why is the sky blue?")
    requests = [RouteRequest(text=text, constraints={"explore": False}) for text in texts]  # type: ignore[arg-type]
    for decision in router.predict_routes(requests, seeds=range(len(texts))):
        found = decision.what_if()
        assert (found.lane, found.changed) == (decision.lane, False)
        assert found.propensities == decision.propensities


def test_notebooks_show_it_escaped(decision: RouteDecision) -> None:
    odd = decision.model_copy(update={"excluded": {"<b>": ("x",)}})
    assert "<b>" not in odd.what_if(deny=["<b>"])._repr_html_()
