"""Keys and rules are changed on pages only with a reason, and every change is in the audit log."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from router_ml import drills
from tests.serve.console.lived.conftest import Browser, Lived

Keyed = Callable[[str], Browser]
PAGE = "/console/access"
FORM = {"name": "checkout", "scope_route": "1", "days": "30", "why": "A new shop."}


def test_a_key_is_shown_once_and_written_down(as_key: Keyed, lived: Lived) -> None:
    browser = as_key("all")
    made = browser.send(PAGE, {**FORM, "org": "acme", "requests_per_minute": "60"}, page=PAGE, status=200)
    found = re.search(r"rml_(\w+?)_[\w-]{40,}", made)
    assert found is not None
    assert found[0] not in browser.page(PAGE) and found[1] in browser.page(PAGE)
    assert "A new shop." in browser.page("/console/audit", kind="key_created")
    assert browser.send(f"{PAGE}/revoke", {"key_id": found[1], "why": "Over."}, page=PAGE).endswith("?done=1")
    event = lived.log.audit_events()[-1]
    assert (event.kind, event.why) == ("key_revoked", "Over.") and "operator" in event.who
    assert found[0] not in browser.page("/console/audit")


def test_nobody_gives_more_than_they_have(as_key: Keyed, lived: Lived) -> None:
    browser, before = as_key("acme"), len(lived.log.audit_events())
    assert "lacks" in browser.send(PAGE, FORM, page=PAGE, status=403)
    wider = {"name": "x", "scope_admin": "1", "days": "", "why": "x", "org": "globex"}
    assert "rml_" not in browser.send(PAGE, wider, page=PAGE, status=403)
    assert "globex" not in browser.page(PAGE)
    assert len(lived.log.audit_events()) == before


@pytest.mark.parametrize(
    "wrong", [{"why": ""}, {"name": ""}, {"days": "7"}, {"usd_per_day": "much"}, {"scope_route": ""}]
)
def test_a_wrong_form_makes_no_key_and_keeps_what_was_typed(as_key: Keyed, wrong: dict[str, str]) -> None:
    said = as_key("all").send(PAGE, {**FORM, **wrong}, page=PAGE, status=400)
    assert "rml_" not in said.partition("<main")[2]
    assert "name" in wrong or 'value="checkout"' in said


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
    assert "eu-only" not in browser.page(page) and "Before the summit" not in browser.page(page)
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
    assert "champion" in browser.page(page) and "comes from no registry" in browser.page(page)
    browser.send(f"{page}/judge", {"version": "1"}, page=page, status=400)
