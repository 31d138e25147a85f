"""Operators find decisions and read their whole story; those of another organisation do not exist for them."""

from __future__ import annotations

import re
from collections.abc import Callable

from router_ml.serve.console.words import clock
from tests.serve.console.lived.conftest import HOSTILE, Browser, Lived

Keyed = Callable[[str], Browser]


def test_each_sees_the_decisions_of_its_organisation_alone(as_key: Keyed, lived: Lived) -> None:
    everything, acme = as_key("all").page("/console/decisions"), as_key("acme").page("/console/decisions")
    assert lived.answered in everything
    assert lived.waits in everything
    assert lived.waits in acme
    assert lived.answered not in acme
    assert "globex" not in acme
    asked = as_key("acme").page("/console/decisions", 400, q="org:globex")
    assert "another organisation" in asked
    assert lived.answered not in asked
    assert lived.waits in as_key("acme").page("/console/decisions", q="org:ACME")


def test_another_organisations_decision_is_as_if_there_were_none(as_key: Keyed, lived: Lived) -> None:
    browser = as_key("acme")
    theirs = browser.page(f"/console/decisions/{lived.answered}", 404)
    assert theirs == browser.page("/console/decisions/dec_none", 404)
    browser.send(f"/console/decisions/{lived.answered}/replay", {}, page="/console/approvals", status=404)


def test_the_story_is_told_for_three_readers_and_every_value_is_escaped(as_key: Keyed, lived: Lived) -> None:
    said = as_key("all").page(f"/console/decisions/{lived.answered}")
    for words in ("Operator", "User", "Auditor", "Carried out", "rated 0.25", "All records as JSON"):
        assert words in said
    assert "<script>alert" not in said
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}" in said


def test_the_list_says_when_and_which_and_a_story_how_its_times_add_up(as_key: Keyed, lived: Lived) -> None:
    listed = as_key("all").page("/console/decisions")
    made = lived.log.decision(lived.answered)
    assert made is not None
    assert f'<p class="under">{clock(made.created_at)}</p>' in listed
    assert f'title="{lived.answered}">{lived.answered[:16]}…</p>' in listed
    told = as_key("all").page(f"/console/decisions/{lived.answered}")
    assert re.search(r"[\d.]+ m?s as a whole, [\d.]+ m?s of calls; the rest", told)
    assert "is in no record" in told


def test_names_and_queries_are_escaped_in_the_list(as_key: Keyed) -> None:
    said = as_key("all").page("/console/decisions", 400, q=f'"{HOSTILE}" class:"')
    assert "<script>alert" not in said
    assert "A quotation mark is open" in said
    assert "<script>alert" not in as_key("all").page("/console/decisions", q=f"org:'{HOSTILE}'")
    assert str(7001 * 7013) not in as_key("all").page("/console/decisions", q="'id:{{ 7001 * 7013 }}'")


def test_a_search_that_cannot_be_meant_says_what_can(as_key: Keyed) -> None:
    browser = as_key("all")
    for query in ("tier:purple", "nonsense:1", "below:2", "since:yesterday", "tier:low tier:low"):
        said = browser.page("/console/decisions", 400, q=query)
        assert "expected" in said, query
        assert 'role="alert"' in said


def test_a_search_finds_by_what_came_of_it(as_key: Keyed, lived: Lived) -> None:
    browser = as_key("all")
    assert lived.answered in browser.page("/console/decisions", q="below:0.3 since:1h")
    assert lived.waits in browser.page("/console/decisions", q="action:human_review")
    found = browser.page("/console/decisions", q=lived.answered[:20])
    assert lived.answered in found
    assert lived.waits not in found


def test_a_decision_is_made_again_bit_for_bit(as_key: Keyed, lived: Lived) -> None:
    place = f"/console/decisions/{lived.answered}"
    assert "bit for bit." in as_key("all").send(f"{place}/replay", {}, page=place, status=200)


def test_whoever_may_not_operate_sees_none_of_it(as_key: Keyed, lived: Lived) -> None:
    browser = as_key("product")
    for path in ("decisions", f"decisions/{lived.answered}", "approvals", "releases", "reports", "access", "audit"):
        browser.page(f"/console/{path}", 403)
    for path in ("releases", "reports", "switches", "audit"):
        as_key("acme").page(f"/console/{path}", 403)
