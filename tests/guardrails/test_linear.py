"""Work grows with the text, not with its square: no input can hang the guard."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Callable

import pytest

from router_ml import guardrails
from router_ml.contract import RouteRequest
from router_ml.guardrails import scan, views, wording
from router_ml.guardrails.detectors.detector import Detector, find
from router_ml.guardrails.patterns import PACKS, detectors
from router_ml.guardrails.readings import spacing
from router_ml.guardrails.readings.parts import parts

SIZE = 100_000
ALL = detectors(tuple(PACKS))
RUNS = ("Aa ", "A1", "1.", "1", " ", "@", "(", "-", "a", "1 ", "a@", "a.", "=", "/", "12 34 ", "x: ", "\u0301\u0315")
NOISE_SECONDS = 0.05  # below that, a clock measures itself


def seconds(work: Callable[[str], object], text: str) -> float:
    """Of this thread's own work: what else runs on the machine does not count."""
    start = time.thread_time()
    work(text)
    return time.thread_time() - start


def is_linear(work: Callable[[str], object], run: str) -> bool:
    """Twice the text takes about twice as long; four times as long would be quadratic. Slow moments are retried."""
    text = (run * SIZE)[:SIZE]
    for _ in range(5):
        whole = seconds(work, text)
        if whole < NOISE_SECONDS or whole < 3 * seconds(work, text[: SIZE // 2]):
            return True
    return False


def repeats_without_end(parsed: object) -> bool:
    """Whether a parsed pattern holds an unbounded repetition of anything."""
    constants = re._constants
    repeats = (constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT)
    if isinstance(parsed, tuple) and parsed and parsed[0] in repeats and isinstance(parsed[1], tuple):
        return parsed[1][1] == constants.MAXREPEAT or repeats_without_end(parsed[1][2])
    if isinstance(parsed, list | tuple | re._parser.SubPattern):
        return any(repeats_without_end(item) for item in parsed)
    return False


def named(detector: Detector) -> str:
    return f"{detector.type}-{ALL.index(detector)}"


@pytest.mark.parametrize("detector", ALL, ids=named)
def test_every_pattern_is_linear_in_hostile_runs(detector: Detector) -> None:
    """One unbounded repetition made 100 KB run for minutes elsewhere."""
    for run in (*RUNS, *(f"{trigger} " for trigger in detector.triggers[:3])):
        assert is_linear(lambda text: sum(1 for _ in find(detector, text)), run), run


VIEW_RUNS = (
    *(
        "%41",
        "&#1;",
        "QUFB",
        "a at b dot c ",
        "(at)",
        "\u0301\u0315",
        "\u0660",
        "\ufdfa",
        "<",
        "</b>",
        "<!--",
        "\\u0041",
    ),
    *(
        "=41",
        "QUFB\n",
        "0x41 ",
        "41 ",
        "0100 ",
        "\u202e1",
        "\u202e",
        "\u0430a",
        "\u0430",
        "one ",
        "one two dash ",
        "1 then ",
    ),
    *(
        "a b ",
        "a  b ",
        "1-2-",
        "1.2.",
        "1,2\n",
        "a,b\n1,2\n",
        "|1|2|\n",
        "card 1 x ",
        "card 11 22 ",
        '"a" + ',
        "**a",
        "a*1",
    ),
    *(
        "a_b ",
        "aB",
        "a_1",
        "4l ",
        "l4",
        "p4ss",
        "1a2b ",
        "4a 4a ",
        "a@",
        "@1 ",
        "drac 1 ",
        "QR89 ",
        "gur ",
        "1\n",
        "a@\n",
    ),
)


@pytest.mark.parametrize("run", VIEW_RUNS)
def test_every_view_is_linear_in_hostile_runs(run: str) -> None:
    """Unicode normalisation of whole texts is quadratic in runs of combining marks."""
    assert is_linear(lambda text: list(views.views(text)), run)


@pytest.mark.parametrize("run", ["please ", "my ", "a-", "\n", "cancel "])
def test_the_wording_rule_is_linear_in_hostile_runs(run: str) -> None:
    """It reads the task of every request."""
    assert is_linear(wording.asks_for_change, run)


@pytest.mark.parametrize("run", ["7 ", "12, ", "A ", "one 7 - "])
def test_a_run_that_is_no_number_is_read_once(run: str) -> None:
    """A long list of numbers is no spelled-out one, also where such a one follows."""
    assert is_linear(lambda text: spacing.spoken(f"{text} xx one two three four"), run)


@pytest.mark.parametrize("run", ["1 ", "a@b.c ", "card 4111 ", "+49 30 1", "DE89 37", "key=Ab1", "x: 1\n", "07 "])
def test_a_whole_scan_is_linear_or_stops(run: str) -> None:
    """Beyond its steps a scan is unknown; before that, twice the text is twice the work."""
    assert is_linear(lambda text: scan(RouteRequest(text=text), max_bytes=10 * SIZE), run)


def test_many_findings_cost_no_more_than_each_on_its_own() -> None:
    """A table of addresses is legitimate, and each finding must not look at all others."""
    line = "jane.roe" + "@" + "acme-widgets.com\n"
    assert is_linear(lambda text: scan(RouteRequest(text=text), max_bytes=10 * SIZE), line)


def test_every_quantifier_is_bounded() -> None:
    """The tests above try some inputs; this holds for all of them."""
    names = [f"router_ml.guardrails.{module.name}" for module in pkgutil.iter_modules(guardrails.__path__)]
    values = [value for name in names for value in vars(importlib.import_module(name)).values()]
    patterns = {value for value in values if isinstance(value, re.Pattern)} | {row.pattern for row in ALL}
    assert repeats_without_end(re._parser.parse("(?:a|b+)c"))
    assert len(patterns) > len(ALL) / 2
    assert [pattern.pattern for pattern in patterns if repeats_without_end(re._parser.parse(pattern.pattern))] == []


def test_a_request_of_many_short_texts_is_as_bounded_as_one_of_a_long_one() -> None:
    """Each text costs a look of its own: what is not looked at counts as unknown, and nobody waits for it."""
    reasons: dict[str, None] = {}
    request = RouteRequest(text="x", metadata={f"k{index}": index for index in range(50_000)})
    read = list(parts(request, max_bytes=262_144, joined_messages=8, reasons=reasons))
    assert len(read) < 10_000
    assert any("not scanned" in reason for reason in reasons)
