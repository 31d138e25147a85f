"""The pages that operators act on, in a real browser: whole, readable, also by keyboard and without a script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
    assert page.frame_locator("iframe.report").get_by_text("Hold").is_visible()
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
