"""What logged decisions cost: the latest bill where there is one, else what was expected."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sql

from router_ml.contract import Outcome, RouteDecision
from router_ml.errors import LogError
from router_ml.storage.database import tables
from router_ml.storage.eventlog import EventLog
from router_ml.storage.readers.costs import Cost

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def costs(log: EventLog) -> list[Cost]:
    """Of class ``default`` on the day of ``NOON``."""
    return log.costs(NOON - 12 * HOUR, until=NOON + 12 * HOUR, traffic_classes=["default", "batch"])


def test_the_latest_bill_counts_and_what_has_none_costs_what_was_expected(
    make_decision: Callable[..., RouteDecision],
) -> None:
    with EventLog("sqlite://") as log:
        for name, at, more in (
            ("billed", NOON, {}),
            ("expected", NOON + HOUR, {"traffic_class": "batch"}),
            ("other class", NOON, {"traffic_class": "pilot"}),
            ("yesterday", NOON - 13 * HOUR, {}),
            ("tomorrow", NOON + 12 * HOUR, {}),
            ("refused", NOON, {"lane": None, "model": None, "propensity": None, "action": "refuse"}),
        ):
            log.log_decision(make_decision(decision_id=name.replace(" ", "-"), created_at=at, **more))
        for hours, source, usd in ((1, "api", 0.5), (3, "invoice", 0.25), (2, "user", 0.125), (4, "rater", None)):
            log.log_outcome(Outcome(decision_id="billed", source=source, cost_usd=usd, at=NOON + hours * HOUR))
        assert costs(log) == [
            Cost("billed", "default", NOON, 0.25),
            Cost("expected", "batch", NOON + HOUR, 0.0009),
        ]


def test_a_record_of_another_contract_is_an_error_that_names_it(make_decision: Callable[..., RouteDecision]) -> None:
    """Its money would be missing from the day's sum without a word."""
    with EventLog("sqlite://") as log:
        log.log_decision(make_decision(created_at=NOON))
        with log.session.engine.begin() as connection:
            connection.execute(sql.update(tables.decisions).values(record="{}"))
        with pytest.raises(LogError, match="dec-1 was written under another contract"):
            costs(log)
