"""Arms are drawn by what a session is called and a secret, with exactly the probability that is logged."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.contract import RouteRequest
from router_ml.state.draws import Shares, session_name, shadow_id

BOTH = Shares("router/1", holdback=0.1, holdback_draw="0", canary=0.25, canary_draw="a")


@pytest.mark.parametrize("shares", [BOTH, Shares("r", canary=0.05, canary_draw="b"), Shares("r", holdback=0.3)])
@pytest.mark.parametrize("named", [True, False])
def test_each_arm_gets_its_share(shares: Shares, named: bool) -> None:
    """A share that is not the logged one would bias everything that is learned from the log."""
    n = 20_000
    drawn = [shares.draw(salt="s", session=f"user-{number}" if named else None) for number in range(n)]
    for arm, share in shares.by_arm().items():
        found = sum(draw.arm == arm for draw in drawn) / n
        assert abs(found - share) <= 5 * math.sqrt(share * (1 - share) / n)
    assert all(draw.share == shares.by_arm()[draw.arm] for draw in drawn)
    assert math.isclose(sum(shares.by_arm().values()), 1)


@given(st.text(), st.text(min_size=1))
def test_a_session_keeps_its_arm(session: str, salt: str) -> None:
    """In every process that knows the secret, and however often it comes back."""
    assert BOTH.draw(salt=salt, session=session) == BOTH.draw(salt=salt, session=session)


def test_draws_of_releases_have_nothing_to_do_with_each_other() -> None:
    """Or the same people would be the canary every time. A new canary does not move who is held back."""
    later = Shares("router/2", holdback=0.1, holdback_draw="0", canary=0.25, canary_draw="b")
    pairs = [(BOTH.draw(salt="s", session=str(n)), later.draw(salt="s", session=str(n))) for n in range(20_000)]
    assert all((a.arm == "holdback") == (b.arm == "holdback") for a, b in pairs)
    rest = [(a.arm, b.arm) for a, b in pairs if a.arm != "holdback"]
    both = sum(pair == ("canary", "canary") for pair in rest) / len(rest)
    assert abs(both - 0.25**2) < 0.01
    assert not {a.session for a, _ in pairs} & {b.session for _, b in pairs}


def test_a_session_stays_one_while_the_champion_changes() -> None:
    """Or its turns before and after a rollback would count as two sessions of the same canary."""
    before = Shares("router/2+canary/3:a", canary=0.25, canary_draw="a")
    after = Shares("router/1+canary/3:a", canary=0.25, canary_draw="a")
    one, other = before.draw(salt="s", session="x"), after.draw(salt="s", session="x")
    assert (one.arm, one.session) == (other.arm, other.session)


def test_a_session_is_known_by_its_name_within_its_organisation() -> None:
    def of(**metadata: object) -> str | None:
        return session_name(RouteRequest.parse({"text": "x", "metadata": metadata}), subject="user")

    assert of(session="7", user="a") == of(session="7", user="b") != of(session="8", user="a")
    assert of(user="a") == of(user="a", region="eu") != of(user="a", org="acme")
    assert of(user=7) is not None
    assert of(session="7") != of(user="7")
    assert of() is of(org="acme") is of(user=None) is of(session="", user={"id": 1}) is None


@given(st.text(alphabet="abc._-1", min_size=1, max_size=128))
def test_the_id_of_a_shadow_is_an_id(decision_id: str) -> None:
    assert shadow_id(decision_id) == shadow_id(decision_id) != decision_id
    assert len(shadow_id(decision_id)) <= 128
    assert shadow_id(decision_id).endswith(".shadow")
