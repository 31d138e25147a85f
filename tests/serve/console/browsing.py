"""A console on loopback, and a real browser that looks at it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from router_ml.serve.app import create_app
from router_ml.serve.gateway import Gateway
from tests.offline.simulation.browser import FLAGS, find_chromium

SIZES = {"wide": (1440, 900), "middle": (1024, 768), "narrow": (390, 844)}

CONTRAST = """
() => {
  const channels = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = (c) => {
    const linear = (v) => (v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    const [r, g, b] = c.slice(0, 3).map((v) => linear(v / 255));
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const c = channels(getComputedStyle(at).backgroundColor);
      if (c.length < 4 || c[3] > .99) return c;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    if (!own || !box.width || style.visibility === "hidden" || Number(style.opacity) === 0) continue;
    if (element.closest("svg, dialog, .visually-hidden, .skip, .nav kbd")) continue;
    const [a, b] = [light(channels(style.color)), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    const words = element.textContent.trim().slice(0, 30);
    if (ratio < 4.5) found.push(`${element.tagName}.${element.className} ${words} ${ratio.toFixed(2)}`);
  }
  return [...new Set(found)];
}
"""
"""Texts whose contrast with what is behind them is below 4.5 to 1 (WCAG 2.2, 1.4.3 AA)."""

UNNAMED = """
() => [...document.querySelectorAll("input:not([type=hidden]), select, textarea, button, a[href], svg[role], table")]
  .filter((e) => e.checkVisibility())
  .filter((e) => {
    if (e.matches("table")) return !e.querySelector("th");
    if (e.matches("svg")) return !e.getAttribute("aria-label");
    if (e.matches("button, a")) return !(e.textContent.trim() || e.getAttribute("aria-label"));
    return !(e.labels?.length || e.getAttribute("aria-label"));
  })
  .map((e) => e.outerHTML.slice(0, 90))
"""
"""What a screen reader could not name: fields without a label, buttons and pictures without words, tables without
headers."""

OVERFLOW = "() => document.documentElement.scrollWidth - innerWidth"


@contextmanager
def served(gateway: Gateway) -> Iterator[str]:
    """The address of a console that is up."""
    config = uvicorn.Config(create_app(gateway=gateway), host="127.0.0.1", port=0, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    give_up = time.monotonic() + 60
    while not (server.started and server.servers):
        assert thread.is_alive(), "The server ended."
        assert time.monotonic() < give_up, "The server did not start."
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser."""
    from playwright.sync_api import sync_playwright

    flags = [flag for flag in FLAGS.split() if flag != "--remote-debugging-pipe"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
        try:
            yield browser
        finally:
            browser.close()


def opened(browser: Any, size: str = "wide", **context: Any) -> tuple[Any, list[str]]:
    """A page, and what it complains of: errors of scripts, refusals of the content security policy, files not found."""
    width, height = SIZES[size]
    page = browser.new_context(viewport={"width": width, "height": height}, **context).new_page()
    page.set_default_timeout(20_000)
    complaints: list[str] = []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda asked: complaints.append(f"failed: {asked.url}") if broke(asked.failure) else None)
    return page, complaints


def broke(failure: str | None) -> bool:
    """Whether a request failed, and was not just given up as the next page was opened."""
    return failure is None or "ERR_ABORTED" not in failure
