"""What the user wrote may be said back to them; what only looks like it may not."""

from __future__ import annotations

import pytest

from router_ml.contract import Finding, RouteRequest
from router_ml.guardrails import echoes, scan
from router_ml.guardrails.echoes import Echoes
from router_ml.guardrails.views import normalize

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


def test_long_texts_are_spelled_out_once_for_all_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of a thousand contacts, repeated back, must not cost a thousand readings of a long request."""
    people = [f"p{number}.winter@posteo-mail.net" for number in range(300)]
    request, answer = RouteRequest(text="\n".join(people)), RouteRequest(text="; ".join(people))
    findings = scan(answer, max_bytes=100_000).findings
    calls: list[int] = []
    monkeypatch.setattr(echoes, "normalize", lambda text: calls.append(len(text)) or normalize(text))
    found = Echoes.of(answer, findings, request)
    assert len(found.echoed) == len(findings) == 300
    assert sum(calls) <= 4 * len(request.text or "")


def test_a_run_of_one_digit_offers_a_match_at_every_place_and_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting places bounds the work; what is given up counts as new."""
    places: list[int] = []
    monkeypatch.setattr(echoes._Reading, "_joined", lambda self, place: places.append(place) or True)
    answer = RouteRequest(text="11111111")
    found = Echoes.of(answer, [Finding(type="id", part="text", start=0, end=8)], RouteRequest(text="1" * 50_000))
    assert (len(found.new), found.echoed) == (1, ())
    assert 0 < len(places) <= 2 * echoes._MOST_PLACES
