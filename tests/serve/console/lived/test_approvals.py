"""People see what waits, decide it once with a reason, and nobody decides for another organisation."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.serve.console.lived.conftest import Browser, Lived

Keyed = Callable[[str], Browser]


def test_what_waits_is_shown_and_granted_once(as_key: Keyed, lived: Lived) -> None:
    browser, place = as_key("acme"), f"/console/approvals/{lived.approval}"
    assert lived.approval in browser.page("/console/approvals")
    assert "Which law?" in browser.page(place)
    assert browser.send(f"{place}/grant", {"why": "It is fine."}, page=place).endswith("?done=1")
    after = browser.page(place, done="1")
    assert "granted" in after
    assert "lawyer" in after
    assert "It is fine." in after
    said = browser.send(f"{place}/deny", {"why": "No."}, page="/console/access", status=409)
    assert "granted" in said
    assert lived.gateway.executor.reviews.state(lived.approval).state == "granted"
    assert "It is fine." in browser.page("/console/approvals")
    assert lived.gateway.executor.resume(lived.approval).text


def test_the_queue_says_what_each_approval_is_of(as_key: Keyed, lived: Lived) -> None:
    """Whose it is, what it is about and how much is at stake, and one queue at a time."""
    browser = as_key("all")
    decided = lived.log.decision(lived.waits)
    assert decided is not None
    shown = browser.page("/console/approvals").partition("Decided last")[0]
    for words in ("acme", f"{decided.domain.label}, {decided.intent.label.replace('_', ' ')}"):
        assert words in shown
    assert f">{decided.risk_tier}</span>" in shown
    (step,) = lived.gateway.executor.reviews.pending()
    assert step.queue is not None
    assert lived.approval in browser.page("/console/approvals", queue=step.queue)
    other = browser.page("/console/approvals", queue="nosuch")
    assert lived.approval not in other
    assert "Nothing waits in this queue" in other


def test_what_is_on_its_way_to_the_log_is_told_too(
    as_key: Keyed, lived: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router_ml.storage.views.about.about", lambda *_: {})
    shown = as_key("acme").page("/console/approvals").partition("<main")[2]
    assert "acme" in shown
    assert "not known here" not in shown


def test_what_was_decided_is_found_by_who_and_why(as_key: Keyed, lived: Lived) -> None:
    browser, queue = as_key("acme"), "/console/approvals"
    browser.send(
        f"{queue}/{lived.approval}/deny", {"why": "Not without a 100% check."}, page=f"{queue}/{lived.approval}"
    )
    for words in ("100% CHECK", "lawyer", lived.approval):
        assert lived.approval in browser.page(queue, q=words), words
    for words in ("100_ check", "somebody else"):
        assert lived.approval not in browser.page(queue, q=words), words
    assert lived.approval in as_key("all").page(queue, q="lawyer")
    assert lived.approval not in as_key("globex").page(queue, q="lawyer")
    assert browser.client.get(queue, params={"after": "no cursor"}).status_code == 400


def test_only_a_button_of_its_own_grants(as_key: Keyed, lived: Lived) -> None:
    """Enter sends no form whose first button is disabled, and both acts have a form and a second step of their own."""
    said = as_key("acme").page(f"/console/approvals/{lived.approval}").partition("<main")[2].partition("</main")[0]
    forms = re.findall(r"<form.*?</form>", said, re.DOTALL)
    assert len(forms) == 2
    assert len(re.findall(r'<details class="act">', said)) == 2
    for form in forms:
        assert re.findall(r"<button[^>]*>", form)[0] == "<button disabled hidden>"
        assert "data-keys" not in form
        assert "formaction" not in form


def test_another_organisation_neither_sees_nor_decides(as_key: Keyed, lived: Lived) -> None:
    browser, place = as_key("globex"), f"/console/approvals/{lived.approval}"
    assert lived.approval not in browser.page("/console/approvals")
    assert browser.page(place, 404) == browser.page("/console/approvals/apr_none", 404)
    browser.send(f"{place}/grant", {"why": "Mine."}, page="/console/access", status=404)
    assert lived.gateway.executor.reviews.state(lived.approval).state == "requested"


def test_without_a_reason_or_the_pages_token_nothing_is_decided(as_key: Keyed, lived: Lived) -> None:
    browser, place = as_key("acme"), f"/console/approvals/{lived.approval}"
    assert "Say why" in browser.send(f"{place}/grant", {"why": "  "}, page=place, status=409)
    forged = browser.client.post(f"{place}/grant", data={"why": "x", "csrf": "0" * 64}, follow_redirects=False)
    assert forged.status_code == 403
    browser.send(f"{place}/burn", {"why": "x"}, page=place, status=404)
    assert lived.gateway.executor.reviews.state(lived.approval).state == "requested"
