"""Somebody who looks through a log finds what they ask for, all of it, once, and nothing of another organisation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.contract import AuditEvent, Execution, Outcome, RouteDecision
from router_ml.errors import InvalidRequestError
from router_ml.storage.database.entries import of_execution
from router_ml.storage.eventlog import EventLog
from router_ml.storage.views import browsing
from router_ml.storage.views.audited import audit_page
from router_ml.storage.views.browsing import Page, browse
from router_ml.storage.views.cursors import from_cursor
from router_ml.storage.views.looked_for import LookedFor
from tests.storage.conftest import new_database

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
Make = Callable[..., RouteDecision]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def log(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, make_decision: Make
) -> Iterator[EventLog]:
    """Twelve decisions of two organisations, a shadow's, and what came of some of them; no test adds a decision."""
    if request.param == "postgresql":
        url = new_database(request.getfixturevalue("postgres_server"))
    else:
        url = str(tmp_path_factory.mktemp("browsing") / "log.db")
    with EventLog(url) as log:
        log.log_decisions((_made(make_decision, number), None) for number in range(12))
        log.log_decision(make_decision(decision_id="dec-03.shadow", created_at=START))
        log.write(
            [
                of_execution(
                    Execution(decision_id="dec-02", status="answered", final_lane="private", cost_usd=0.5), START
                ),
                of_execution(Execution(decision_id="dec-05", status="failed", error="timeout"), START),
            ]
        )
        log.log_outcomes([Outcome(decision_id="dec-02", quality=0.25, at=START)])
        yield log


def _made(make: Make, number: int) -> RouteDecision:
    refused = {"action": "refuse", "lane": None, "model": None, "propensity": None} if number % 4 == 3 else {}
    changes: dict[str, Any] = {
        "circumstances": {"org": "acme" if number % 3 == 0 else "globex"},
        "state": {"lambda": 30.0, "arm": "canary" if number % 2 else "champion"},
        "reason": 'NUL \x00 and "action":"clarify" in a text',
    }
    return make(decision_id=f"dec-{number:02}", created_at=START + timedelta(minutes=number // 2), **changes, **refused)


def _ids(page: Page) -> list[str]:
    return [row.decision_id for row in page.rows]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({}, list(range(11, -1, -1))),
        ({"org": "acme"}, [9, 6, 3, 0]),
        ({"action": "refuse"}, [11, 7, 3]),
        ({"action": "clarify"}, []),
        ({"arm": "canary", "org": "globex"}, [11, 7, 5, 1]),
        ({"id": "dec-1"}, [11, 10]),
        ({"lane": "private"}, [2]),
        ({"fallback": "yes"}, [2]),
        ({"ended": "failed"}, [5]),
        ({"below": "0.3"}, [2]),
        ({"below": "0.2"}, []),
        ({"since": "2026-03-01T12:04", "until": "2026-03-01T12:05"}, [9, 8]),
        ({"tier": "high"}, []),
        (
            {"class": "default", "intent": "action", "domain": "support", "bundle": "default-0a1b2c", "guard": "clean"},
            None,
        ),
    ],
)
def test_what_is_asked_for_is_found_newest_first(log: EventLog, said: dict[str, str], found: list[int] | None) -> None:
    page = browse(log, LookedFor.read(said, now=START))
    expected = list(range(11, -1, -1)) if found is None else found
    assert _ids(page) == [f"dec-{number:02}" for number in expected]
    assert page.after is None


def test_pages_hold_everything_once_also_where_slices_are_short(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    for size, seconds in ((3, 1.0), (2, 0.0), (100, 1.0)):
        monkeypatch.setattr(browsing, "SLICE", size)
        seen, after = [], None
        for _ in range(50):
            page = browse(log, LookedFor(org="globex"), after=after, limit=2, seconds=seconds)
            seen += _ids(page)
            if (after := page.after) is None:
                break
        assert seen == [f"dec-{number:02}" for number in (11, 10, 8, 7, 5, 4, 2, 1)]


def test_a_line_says_what_came_of_a_decision(log: EventLog) -> None:
    (row,) = browse(log, LookedFor(id="dec-02")).rows
    assert (row.ended, row.final_lane, row.cost_usd, row.quality) == ("answered", "private", 0.5, 0.25)
    assert (row.org, row.arm, row.at) == ("globex", "champion", START + timedelta(minutes=1))
    (other,) = browse(log, LookedFor(id="dec-04")).rows
    assert (other.ended, other.quality, other.cost_usd) == (None, None, None)


@given(st.text(max_size=60))
def test_a_made_up_cursor_is_refused_and_breaks_nothing(cursor: str) -> None:
    with suppress(InvalidRequestError):
        from_cursor(cursor)


@given(
    st.dictionaries(
        st.sampled_from(["class", "since", "until", "below", "tier", "id", "explored", "nonsense"]), st.text()
    )
)
def test_what_cannot_be_meant_is_refused_in_our_words(said: dict[str, str]) -> None:
    with suppress(InvalidRequestError):
        LookedFor.read(said, now=START)


def test_audit_events_come_newest_first_and_can_be_searched(log: EventLog) -> None:
    for number in range(5):
        kind = "drill" if number % 2 else "promoted"
        log.log_audit_event(
            AuditEvent(
                event_id=f"evt-{number}", at=START + timedelta(hours=number), kind=kind, who="Ann", why=f"100%_{number}"
            )
        )
    first, after = audit_page(log, limit=3)
    rest, end = audit_page(log, limit=3, after=after)
    assert [event.event_id for event in (*first, *rest)] == [f"evt-{number}" for number in (4, 3, 2, 1, 0)]
    assert end is None
    assert [event.event_id for event in audit_page(log, kinds=["drill"])[0]] == ["evt-3", "evt-1"]
    assert [event.event_id for event in audit_page(log, words="100%_2")[0]] == ["evt-2"]
    assert audit_page(log, words="100__2")[0] == ()
