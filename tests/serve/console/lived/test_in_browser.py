"""The pages that operators act on, in a real browser: whole, readable, also by keyboard and without a script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router_ml.serve.access.keys import WantedKey, create_key
from router_ml.serve.console.service import releases
from router_ml.serve.console.service.served import Registered
from router_ml.storage.service.access import AccessTable
from tests.offline.simulation.browser import find_chromium
from tests.serve.console.browsing import CONTRAST, OVERFLOW, UNNAMED, chromium, opened, served
from tests.serve.console.lived.conftest import Lived

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium on this machine (apt-get install chromium)"),
]


@pytest.fixture
def site(lived: Lived) -> Iterator[str]:
    """The console of a gateway that has been used, with a report, an override and no key."""
    (lived.reports / "gate.html").write_text(
        "<!doctype html><title>A report</title><style>p{color:red}</style><p>Hold</p><script>alert(1)</script>"
    )
    rule = {"id": "eu-only", "version": "1", "owner": "ops", "rationale": "x", "when": {}, "then": {"regions": ["eu"]}}
    lived.gateway.router.override(rule, who="Ben", why="Audit week")
    with served(lived.gateway) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One for all tests."""
    with chromium() as one:
        yield one


@pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("middle", "light"), ("narrow", "dark")])
def test_pages_fit_are_readable_and_complain_of_nothing(
    site: str, lived: Lived, browser: Any, size: str, scheme: str, tmp_path: Path
) -> None:
    page, complaints = opened(browser, size, color_scheme=scheme)
    paths = ("decisions", f"decisions/{lived.answered}", "approvals", f"approvals/{lived.approval}", "releases")
    for number, path in enumerate((*paths, "reports", "access", "switches", "audit")):
        page.goto(f"{site}/console/{path}")
        page.screenshot(path=tmp_path / f"{number}-{size}-{scheme}.png", full_page=True)
        assert page.evaluate(OVERFLOW) <= 0, f"{path} is wider than the window"
        assert page.evaluate(CONTRAST) == [], path
        assert page.evaluate(UNNAMED) == [], path
    assert complaints == []
    page.context.close()


@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_tables_with_acts_and_long_names_stay_within_the_page(
    site: str, lived: Lived, browser: Any, size: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A key, a switch and versions: headers for screen readers alone and names without a space widen nothing."""
    row = {"aliases": [], "stage": "canary", "verdict": "promote", "against": "1", "approved_by": ["Ann"], "run_id": ""}
    found = Registered(tuple({**row, "version": str(number), "bundle": "b" * 40} for number in (3, 2)))
    monkeypatch.setattr(releases, "registered", lambda _: found)
    lived.gateway.router.switch_off(["openai"], who="Ann", why="w" * 300)
    name, admin = "k" * 200, frozenset({"route", "execute", "outcomes", "admin"})
    table = AccessTable(lived.log)
    wanted = WantedKey(name=name, scopes=admin)
    token = create_key(table, wanted, who="o" * 100, why="to look").token
    page, complaints = opened(browser, size)
    for _ in range(100):  # until the gateway has heard that there is a key
        page.goto(f"{site}/console/access")
        if "/console/login" in page.url:
            break
        page.wait_for_timeout(100)
    page.get_by_label("API key").fill(token)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/console/access")
    for path in ("access", "releases", "switches", "approvals"):
        page.goto(f"{site}/console/{path}")
        page.screenshot(path=tmp_path / f"acts-{path}-{size}.png", full_page=True)
        assert page.evaluate(OVERFLOW) <= 0, f"{path} is wider than the window"
        assert page.evaluate(UNNAMED) == [], path
        current = page.locator(".nav [aria-current]").bounding_box()
        assert 0 <= current["x"] <= current["x"] + current["width"] <= page.viewport_size["width"]
    page.goto(f"{site}/console/access")
    page.get_by_label("Name").fill(name)
    page.get_by_role("textbox", name="Why").last.fill("Another.")
    page.get_by_label("admin").check()
    page.get_by_role("button", name="Make the key").click()
    page.wait_for_selector(".made")
    assert page.evaluate(OVERFLOW) <= 0, "the new key is wider than the window"
    assert complaints == []
    page.context.close()


def test_rows_and_queues_are_within_reach_of_the_keyboard(
    site: str, lived: Lived, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, complaints = opened(browser)
    page.goto(f"{site}/console/audit")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    assert page.locator("tbody details[open]").count() == 1
    page.goto(f"{site}/console/approvals")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    row = {"aliases": [], "stage": None, "verdict": None, "against": None, "approved_by": [], "run_id": ""}
    found = Registered(({**row, "version": "2", "bundle": "abc-1"}, {**row, "version": "1", "bundle": None}))
    monkeypatch.setattr(releases, "registered", lambda _: found)
    page.goto(f"{site}/console/releases")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.tagName") == "TR"
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/decisions?q=bundle*")
    assert page.input_value("#q") == "bundle:abc-1"
    assert complaints == []
    page.context.close()


def test_a_decision_is_found_and_opened_from_the_keyboard(site: str, lived: Lived, browser: Any) -> None:
    page, complaints = opened(browser)
    page.goto(f"{site}/console/live")
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/console/decisions")
    page.keyboard.press("/")
    page.keyboard.type("below:0.5")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=below*")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/decisions/{lived.answered}")
    page.get_by_role("tab", name="Auditor").click()
    assert page.get_by_text("Seed ").first.is_visible()
    page.get_by_role("button", name="Make it again").click()
    assert page.get_by_text("bit for bit.").first.is_visible()
    assert complaints == []
    page.context.close()


def test_a_person_decides_without_a_script(site: str, lived: Lived, browser: Any) -> None:
    page, _ = opened(browser, java_script_enabled=False)
    page.goto(f"{site}/console/approvals")
    page.get_by_role("link", name="request").first.click()
    page.locator("summary", has_text="Deny").click()
    page.get_by_label("Why").filter(visible=True).fill("A lawyer has looked.")
    page.get_by_role("button", name="Deny").click()
    page.wait_for_url("**done=1")
    assert page.get_by_text("A lawyer has looked.").first.is_visible()
    assert lived.gateway.executor.reviews.state(lived.approval).state == "denied"
    page.context.close()


@pytest.mark.parametrize("script", [True, False])
def test_no_key_grants_but_the_button(site: str, lived: Lived, browser: Any, script: bool) -> None:
    page, _ = opened(browser, java_script_enabled=script)
    page.goto(f"{site}/console/approvals/{lived.approval}")
    page.locator("summary", has_text="Grant").click()
    why = page.get_by_label("Why").filter(visible=True)
    why.fill("No, it names a customer")
    page.get_by_label("I have read what waits").check()
    for keys in ("Enter", "Control+Enter", "Meta+Enter"):
        why.press(keys)
        page.wait_for_timeout(150)
    assert lived.gateway.executor.reviews.state(lived.approval).state == "requested"
    page.get_by_role("button", name="Grant").click()
    page.wait_for_url("**done=1")
    assert lived.gateway.executor.reviews.state(lived.approval).state == "granted"
    page.context.close()


def test_a_report_is_shown_and_its_scripts_are_not_run(site: str, browser: Any) -> None:
    page, complaints = opened(browser)
    page.on("dialog", lambda dialog: (complaints.append("a dialog"), dialog.dismiss()))
    page.goto(f"{site}/console/reports")
    page.get_by_role("link", name="A report").click()
    page.frame_locator("iframe.report").get_by_text("Hold").wait_for()
    assert all("script" in one for one in complaints), complaints
    assert "a dialog" not in complaints
    page.context.close()


def test_a_key_closes_the_open_mode_at_once(site: str, browser: Any) -> None:
    page, complaints = opened(browser)
    page.goto(f"{site}/console/access")
    page.get_by_label("Name").fill("operations")
    page.get_by_label("Why").fill("The first one.")
    page.get_by_label("admin").check()
    page.get_by_role("button", name="Make the key").click()
    token = page.locator(".made pre").inner_text()
    assert token.startswith("rml_")
    page.goto(f"{site}/console/decisions")
    page.wait_for_url("**/console/login**")
    page.get_by_label("API key").fill(token)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/console/decisions")
    assert page.get_by_text("operations").first.is_visible()
    assert complaints == []
    page.context.close()
