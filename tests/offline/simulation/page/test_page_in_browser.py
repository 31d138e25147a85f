"""What people see: the page is drawn by a real browser, and nothing of it is cut off, hidden or blank."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from router_ml.offline.simulation.page.page import page
from router_ml.offline.simulation.page.pictures import outage_picture
from tests.offline.simulation.browser import Browser, find_chromium
from tests.offline.simulation.studies import a_crowd, a_result, a_silence, a_study

pytestmark = pytest.mark.skipif(
    find_chromium() is None, reason="no Chromium on this machine (apt-get install chromium)"
)

STUDIES = {
    "usual": a_study,
    "crowd": a_crowd,
    "silence": a_silence,
    "alone": lambda: a_study(a_result("champion"), troubles=(), curves={}),
}
A4 = (703, 1024)  # CSS pixels inside the margins
CUT = """
(() => [...document.querySelectorAll('svg')].filter(svg => svg.getBoundingClientRect().width).flatMap(svg => {
  const page = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text, rect, circle, path, line')].filter(part => {
    const box = part.getBoundingClientRect();
    return box.width + box.height > 0 && (box.left < page.left - 2 || box.right > page.right + 2 ||
      box.top < page.top - 2 || box.bottom > page.bottom + 2);
  }).map(part => svg.getAttribute('aria-label') + ': ' + (part.textContent || part.outerHTML).slice(0, 60));
}))()
"""
COVERED = """
(() => [...document.querySelectorAll('svg')].filter(svg => svg.getBoundingClientRect().width).flatMap(svg => {
  const texts = [...svg.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
  const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1.5 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
  return texts.flatMap(([one, a], place) => texts.slice(place + 1).filter(([, b]) => over(a, b)).map(([other]) =>
    svg.getAttribute('aria-label') + ': ' + one.slice(0, 30) + ' / ' + other.slice(0, 30)));
}))()
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@cache
def drawn(name: str) -> str:
    return page(STUDIES[name]())


def written(folder: Path, name: str) -> Path:
    path = folder / f"{name}.html"
    path.write_text(drawn(name), encoding="utf-8")
    return path


def pixels(png: bytes) -> np.ndarray:
    """(height, width, 3) in 0..255."""
    from matplotlib.image import imread

    return np.round(255 * imread(BytesIO(png))[:, :, :3]).astype(np.int64)


@pytest.mark.parametrize("name", STUDIES)
def test_nothing_is_cut_off_on_a_laptop(browser: Browser, tmp_path: Path, name: str) -> None:
    browser.open(written(tmp_path, name), width=1280)
    assert browser.ask("document.documentElement.scrollWidth") <= 1280, "a horizontal scrollbar"
    assert (
        browser.ask("[...document.querySelectorAll('.wide')].filter(w => w.scrollWidth > w.clientWidth + 1).length")
        == 0
    )
    assert browser.ask(CUT) == []


@pytest.mark.parametrize("name", STUDIES)
def test_no_text_of_a_chart_covers_another(browser: Browser, tmp_path: Path, name: str) -> None:
    browser.open(written(tmp_path, name), width=1440)
    assert browser.ask(COVERED) == []


@pytest.mark.parametrize("name", STUDIES)
def test_it_prints_on_a4_without_a_cut_chart(browser: Browser, tmp_path: Path, name: str) -> None:
    """A chart that is no higher than a page is never cut in two, for the print rules keep it together."""
    browser.open(written(tmp_path, name), width=A4[0], height=A4[1], media="print")
    assert browser.ask("document.documentElement.scrollWidth") <= A4[0]
    kept = "getComputedStyle(document.querySelector('figure') || document.querySelector('.keep')).breakInside"
    assert browser.ask(kept) == "avoid"
    high = browser.ask("[...document.querySelectorAll('figure')].map(f => f.getBoundingClientRect().height)")
    assert max(high, default=0) < A4[1]
    pages = len(re.findall(rb"/Type /Page\b", browser.pdf()))
    assert 1 <= pages <= 40


def test_every_chart_shows_something(browser: Browser, tmp_path: Path) -> None:
    """Pixels, not marks: a drawing can be whole and yet be white on white."""
    browser.open(written(tmp_path, "usual"))
    count = browser.ask("document.querySelectorAll('section > .keep figure').length")
    browser.ask("[...document.querySelectorAll('section > .keep figure')].forEach((f, i) => f.id = 'figure' + i)")
    assert count >= 7
    for place in range(count):
        found = pixels(browser.picture(f"#figure{place}"))
        inked = (found < 235).any(axis=2)
        assert inked.mean() > 0.01, place
        assert len(np.unique(found[inked], axis=0)) > 3, place


def test_it_follows_a_dark_screen_and_prints_on_white(browser: Browser, tmp_path: Path) -> None:
    path = written(tmp_path, "alone")
    ground = "getComputedStyle(document.body).backgroundColor"
    browser.open(path)
    light = browser.ask(ground)
    browser.open(path, scheme="dark")
    assert browser.ask(ground) != light
    browser.open(path, scheme="dark", media="print")
    assert browser.ask(ground) == light == "rgb(255, 255, 255)"


def test_the_picture_stands_alone(browser: Browser, tmp_path: Path) -> None:
    path = outage_picture(tmp_path / "outage.svg", a_study())
    browser.open(path, width=1000)
    assert browser.ask(CUT) == []
    assert browser.ask(COVERED) == []
    assert (pixels(browser.picture("svg")) < 200).any(axis=2).mean() > 0.2
