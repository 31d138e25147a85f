"""Keys and rules are changed on pages only with a reason, and every change is in the audit log."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from router_ml.state import drills
from tests.serve.console.lived.conftest import Browser, Lived

Keyed = Callable[[str], Browser]
PAGE = "/console/access"
FORM = {"name": "checkout", "scope_route": "1", "days": "30", "why": "A new shop."}


def test_a_key_is_shown_once_and_written_down(as_key: Keyed, lived: Lived) -> None:
    browser = as_key("all")
    made = browser.send(PAGE, {**FORM, "org": "acme", "requests_per_minute": "60"}, page=PAGE, status=200)
    found = re.search(r"rml_(\w+?)_[\w-]{40,}", made)
    assert found is not None
    assert found[0] not in browser.page(PAGE)
    assert found[1] in browser.page(PAGE)
    assert "A new shop." in browser.page("/console/audit", kind="key_created")
    assert browser.send(f"{PAGE}/revoke", {"key_id": found[1], "why": "Over."}, page=PAGE).endswith("?done=1")
    event = lived.log.audit_events()[-1]
    assert (event.kind, event.why) == ("key_revoked", "Over.")
    assert "operator" in event.who
    assert found[0] not in browser.page("/console/audit")


def test_a_form_makes_one_key_however_often_it_is_sent(as_key: Keyed, lived: Lived) -> None:
    """Whoever loads the page with the new key again has the form sent again."""
    browser, once = as_key("all"), "0123456789abcdef"
    assert "rml_0123456789abcdef_" in browser.send(PAGE, {**FORM, "once": once}, page=PAGE, status=200)
    again = browser.send(PAGE, {**FORM, "once": once}, page=PAGE, status=409)
    assert "no second one was made" in again
    assert "rml_" not in again.partition("<main")[2]
    assert [one.why for one in lived.log.audit_events()].count("A new shop.") == 1
    for wrong in ("", "x", "0123456789ABCDEF", "a_b"):
        browser.send(PAGE, {**FORM, "once": wrong}, page=PAGE, status=400)


def test_the_organisation_of_a_key_is_its_makers(as_key: Keyed) -> None:
    shown = as_key("acme").page(PAGE)
    assert 'name="org"' not in shown
    assert 'name="org"' in as_key("all").page(PAGE)


def test_an_act_that_is_refused_keeps_what_was_typed(as_key: Keyed, lived: Lived) -> None:
    """On the page that it was sent from: nobody has to choose and write again."""
    browser, page = as_key("all"), "/console/switches"
    typed = {"place": "openai", "minutes": "240", "why": "w" * 600}
    said = browser.send(f"{page}/off", typed, page=page, status=400)
    for words in ("Say why", '<option value="openai" selected>', '<option value="240" selected>', "w" * 600):
        assert words in said
    said = browser.send(f"{page}/off", {**typed, "place": "nowhere", "why": "It leaks."}, page=page, status=400)
    assert "Choose what to turn off" in said
    assert 'value="It leaks."' in said
    lived.gateway.router.switch_off(["openai"], who="Ann", why="x")
    (switch,) = lived.gateway.router.switched_off()
    said = browser.send(f"{page}/on", {"switch": switch.id, "why": "y" * 600}, page=page, status=400)
    assert '<details class="act" open>' in said
    browser.send(f"{page}/end-drill", {"drill": "drl_none", "why": "x"}, page=page, status=400)
    key_id = re.search(r'name="key_id" value="(\w+)"', browser.page(PAGE))
    assert key_id is not None
    said = browser.send(f"{PAGE}/revoke", {"key_id": key_id[1], "why": " "}, page=PAGE, status=400)
    assert said.count('<details class="act" open>') == 1
    assert "There is no key" in browser.send(f"{PAGE}/revoke", {"key_id": "x", "why": "y"}, page=PAGE, status=404)


def test_nobody_gives_more_than_they_have(as_key: Keyed, lived: Lived) -> None:
    browser, before = as_key("acme"), len(lived.log.audit_events())
    assert "lacks" in browser.send(PAGE, FORM, page=PAGE, status=403)
    wider = {"name": "x", "scope_admin": "1", "days": "", "why": "x", "org": "globex"}
    assert "rml_" not in browser.send(PAGE, wider, page=PAGE, status=403)
    assert "globex" not in browser.page(PAGE)
    assert len(lived.log.audit_events()) == before


def test_a_wrong_form_makes_no_key_and_keeps_what_was_typed(as_key: Keyed) -> None:
    browser = as_key("all")
    for wrong in ({"why": ""}, {"name": ""}, {"days": "7"}, {"usd_per_day": "much"}, {"scope_route": ""}):
        said = browser.send(PAGE, {**FORM, **wrong}, page=PAGE, status=400)
        assert "rml_" not in said.partition("<main")[2], wrong
        assert "name" in wrong or 'value="checkout"' in said
        assert "String" not in said
        assert "Frozenset" not in said


def test_what_narrows_is_shown_and_ended(as_key: Keyed, lived: Lived) -> None:
    rule = {"id": "eu-only", "version": "1", "owner": "ops", "rationale": "x", "when": {}, "then": {"regions": ["eu"]}}
    until = datetime.now(UTC) + timedelta(hours=1)
    event = lived.gateway.router.override(rule, who="Ben", why="Audit week", expires_at=until)
    drill = drills.begin(lived.log, ["openai"], share=0.5, minutes=30, who="Ann", why="Before the summit")
    browser, page = as_key("all"), "/console/switches"
    for words in ("eu-only", "Audit week", "Before the summit", "Ben"):
        assert words in browser.page(page)
    browser.send(f"{page}/end-override", {"event": event.event_id, "why": "Over."}, page=page)
    browser.send(f"{page}/end-drill", {"drill": drill.id, "why": "Enough."}, page=page)
    assert "eu-only" not in browser.page(page)
    assert "Before the summit" not in browser.page(page)
    assert [one.kind for one in lived.log.audit_events()[-2:]] == ["override_ended", "drill_ended"]
    assert "Enough." in browser.page("/console/audit", q="enough")


def test_a_vendor_is_switched_off_and_on(as_key: Keyed, lived: Lived) -> None:
    browser, page = as_key("all"), "/console/switches"
    browser.send(f"{page}/off", {"place": "nowhere", "minutes": "60", "why": "x"}, page=page, status=400)
    browser.send(f"{page}/off", {"place": "openai", "minutes": "60", "why": "It leaks."}, page=page)
    assert "It leaks." in browser.page(page)
    decided = lived.gateway.router.predict_route("Which law?")
    assert "fast" not in decided.eligible
    (switch,) = lived.gateway.router.switched_off()
    browser.send(f"{page}/on", {"switch": switch.id, "why": "It is mended."}, page=page)
    assert "fast" in lived.gateway.router.predict_route("Which law?").eligible
    assert [one.kind for one in lived.log.audit_events()[-2:]] == ["place_off", "place_on"]


def test_releases_say_what_serves_and_why_nothing_can_be_judged(as_key: Keyed) -> None:
    browser, page = as_key("all"), "/console/releases"
    assert "champion" in browser.page(page)
    assert "comes from no registry" in browser.page(page)
    browser.send(f"{page}/judge", {"version": "1"}, page=page, status=400)
