"""What the user wrote may be said back to them; what only looks like it may not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from router_ml.contract import RouteRequest
from router_ml.guardrails import scan
from router_ml.guardrails.echoes import Echoes

MAIL = "nora.winter@posteo-mail.net"
PHONE = "+46 70 174 06 18"


def compare(said: str, answer: str) -> Echoes:
    request = RouteRequest(text=answer)
    return Echoes.of(request, scan(request, max_bytes=10_000).findings, RouteRequest(text=said))


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (f"I am {MAIL}.", f"Hello {MAIL.upper()}!"),
        ("I am ｎora.winter@posteo-mail.net", f"Hello {MAIL}"),
        ("call +46701740618 please", f"I will call {PHONE}."),
        (f"我的邮箱是{MAIL}请回复", f"I will write to {MAIL}"),
        ("write to nora.winter%40posteo-mail.net", f"I will write to {MAIL}"),
    ],
)
def test_a_value_of_the_request_is_echoed_however_it_is_written(said: str, answer: str) -> None:
    found = compare(said, answer)
    assert (len(found.echoed), found.new) == (1, ())
    assert all(value in answer for value in found.values)


@pytest.mark.parametrize(
    "said",
    ["Who is it?", "I am nora.winter", f"I am elea{MAIL}", f"I am {MAIL}work", "I am nora.winter@other-mail.net"],
)
def test_a_value_that_the_request_does_not_hold_as_such_is_new(said: str) -> None:
    """A longer word that happens to contain it was another value."""
    found = compare(said, f"Write to {MAIL}")
    assert (len(found.new), found.echoed, found.values) == (1, (), ())


def test_each_finding_is_judged_by_itself() -> None:
    found = compare(f"I am {MAIL}", f"You are {MAIL}, they are bob.miller@fastmail-x.com")
    assert (len(found.echoed), len(found.new)) == (1, 1)
    assert found.values == (MAIL,)


def test_without_the_request_everything_is_new() -> None:
    request = RouteRequest(text=f"Write to {MAIL}")
    found = Echoes.of(request, scan(request, max_bytes=1000).findings, None)
    assert (len(found.new), found.echoed) == (1, ())


def test_a_view_that_cannot_be_read_back_is_new() -> None:
    request = RouteRequest(text=f"Write to {MAIL}")
    finding = scan(request, max_bytes=1000).findings[0].model_copy(update={"view": "of another release"})
    assert Echoes.of(request, [finding], request).new == (finding,)


def test_long_runs_are_compared_in_one_pass(made: Callable[..., str]) -> None:
    """A request of one repeated digit offers a match at every place."""
    found = compare("1" * 50_000, f"Call {PHONE}")
    assert len(found.new) == 1
