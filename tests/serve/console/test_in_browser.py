"""The console in a real browser: nothing is refused, cut off, unreadable or out of reach of the keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router_ml import Executor, Router
from router_ml.serve.gateway import Gateway
from router_ml.serve.settings import Settings
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog
from tests.offline.simulation.browser import find_chromium
from tests.serve.console.browsing import CONTRAST, OVERFLOW, SIZES, UNNAMED, chromium, opened, served

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium on this machine (apt-get install chromium)"),
]
PRIVATE = "Was card 4111 1111 1111 1111 of order 8812 charged twice? Compare it with the invoice."


@pytest.fixture(scope="module")
def site(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A console with some traffic behind it."""
    log = EventLog(tmp_path_factory.mktemp("console") / "log.sqlite")
    with Router(bundle.config, bundle=bundle, log=log) as router, Executor(router) as executor:
        for text in ("What is an ETF?", "Refund order 8812", PRIVATE, "Prove that there are infinitely many primes."):
            router.predict_route(text)
        router.flush()
        router.report_health("fast", "down")
        with served(Gateway(Settings(), executor)) as address:
            yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One for all tests."""
    with chromium() as one:
        yield one


def _tried(page: Any, site: str, text: str = PRIVATE) -> None:
    page.goto(f"{site}/console/try")
    page.fill("#text", text)
    page.click("button.primary")
    page.wait_for_selector("#decision")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_pages_fit_are_readable_and_complain_of_nothing(
    site: str, browser: Any, size: str, scheme: str, tmp_path: Path
) -> None:
    page, complaints = opened(browser, size, color_scheme=scheme)
    for name in ("live", "try", "tried"):
        if name == "tried":
            _tried(page, site)
        else:
            page.goto(f"{site}/console/{name}")
        page.screenshot(path=tmp_path / f"{name}-{size}-{scheme}.png", full_page=True)
        assert page.evaluate(OVERFLOW) <= 0, f"{name} is wider than the window"
        assert page.evaluate(CONTRAST) == []
        assert page.evaluate(UNNAMED) == []
    assert complaints == []
    page.context.close()


@pytest.mark.parametrize("script", [True, False])
def test_a_chart_that_does_not_fit_begins_at_its_newest_part(site: str, browser: Any, script: bool) -> None:
    page, _ = opened(browser, "narrow", java_script_enabled=script)
    page.goto(f"{site}/console/live")
    shown = page.locator(".from-end .chart rect").last.bounding_box()  # drawn moments ago
    assert 0 <= shown["x"] <= 390 - shown["width"]
    hidden = page.locator(".from-end .chart .tick", has_text=":").first.bounding_box()
    assert hidden["x"] < 0, "what is older is to the left"
    page.locator(".from-end").evaluate("box => { box.scrollLeft = -box.scrollWidth }")
    assert page.locator(".from-end .chart .tick", has_text=":").first.bounding_box()["x"] >= 0, "and within reach"
    page.context.close()


def test_everything_is_within_reach_of_the_keyboard(site: str, browser: Any) -> None:
    page, complaints = opened(browser)
    page.goto(f"{site}/console/live")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#help").is_visible()
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/console/try")
    page.keyboard.press("/")
    page.keyboard.type("go to g l and ? /")
    assert page.input_value("#text") == "go to g l and ? /", "keys that are typed into a field stay there"
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#decision")
    page.locator("[role=tab]").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("[role=tab][aria-selected=true]").inner_text() == "For an operator"
    assert page.locator("[role=tabpanel]:visible").count() == 1
    page.keyboard.press("g")
    page.keyboard.press("l")
    page.wait_for_url("**/console/live")
    assert complaints == []
    page.context.close()


def test_focus_can_be_seen(site: str, browser: Any) -> None:
    page, _ = opened(browser)
    page.goto(f"{site}/console/try")
    for _ in range(12):
        page.keyboard.press("Tab")
        style = page.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth] })()"
        )
        assert style[0] != "none"
        assert float(style[1].removesuffix("px")) >= 2
    page.context.close()


def test_the_live_page_follows_without_being_loaded_again(site: str, browser: Any, bundle: Bundle) -> None:
    page, complaints = opened(browser)
    page.goto(f"{site}/console/live?window=15m")
    page.evaluate("window.mine = 1; document.querySelector('[data-refresh]').dataset.every = '0.2'")
    page.click("summary, h1")
    with page.expect_response("**/console/live/fragment**") as answer:
        pass
    assert answer.value.status == 200
    assert page.evaluate("window.mine") == 1
    assert complaints == []
    page.context.close()


def test_nobody_looks_nothing_is_fetched(site: str, browser: Any) -> None:
    """A page in the background asks for nothing."""
    page, _ = opened(browser)
    page.add_init_script("Object.defineProperty(document, 'hidden', {get: () => window.away === true})")
    page.goto(f"{site}/console/live?window=15m")
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url) if "fragment" in request.url else None)
    page.evaluate("window.away = true; document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(6_500)
    assert fetched == []
    page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(500)
    assert len(fetched) == 1
    page.context.close()


def test_it_all_works_without_javascript(site: str, browser: Any) -> None:
    page, complaints = opened(browser, java_script_enabled=False)
    page.goto(f"{site}/console")
    page.click("text=Try")
    page.fill("#text", PRIVATE)
    page.click("button.primary")
    page.wait_for_selector("#decision")
    for heading in ("For a user", "For an operator", "For an auditor"):
        assert page.get_by_role("heading", name=heading).is_visible()
    assert not page.locator(".js-only").first.is_visible()
    page.click("text=Live")
    page.click("text=24 h")
    assert page.locator(".stat-value").first.inner_text() != ""
    assert complaints == []
    page.context.close()


def test_a_printed_page_holds_the_content_alone(site: str, browser: Any) -> None:
    page, _ = opened(browser)
    page.goto(f"{site}/console/live")
    page.emulate_media(media="print")
    assert not page.locator(".side").is_visible()
    assert page.locator("main h1").is_visible()
    page.context.close()
