"""Where the data of a case may go. Suites that are all made up go anywhere; of others the router's rules decide.

Everything of a case that a lane or a judge could be sent is read as one request: what is asked, passages, results of
tools, references. A lane that the rules take away for anything but its size, its price or its health is not asked, and
what the rules send to a person or refuse goes nowhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from router_ml.config import RouterConfig
from router_ml.contract import Message, RouteRequest
from router_ml.errors import OfflineDataError, RouterError
from router_ml.router import Router
from training.evals.asking.prompts import conversation
from training.evals.case import Case
from training.evals.suite import Suite

_NO_MATTER_OF_DATA = re.compile(
    r"health: |context window \d|capability \S+ is missing$|cost |latency |\d+ tokens in, the class allows |"
    r"disabled in router\.yaml$"
)
"""Reasons against a lane that say nothing of where data may go; any other one counts."""


class Allowed:
    """Which lanes may see a case. Decided once for each case; nothing of it is logged.

    Raises:
        OfflineDataError: a suite may hold a user's data, and there is no router to ask.
    """

    def __init__(self, suites: Iterable[Suite], config: RouterConfig, router: Router | None) -> None:
        private = [suite.name for suite in suites if not suite.file.authored]
        if private and router is None:
            raise OfflineDataError(
                f"Suites {', '.join(private)} are not marked as authored, so the rules of a router have to say where "
                "their cases may go. Give --config or --model, or say `authored: true` where all of it is made up."
            )
        self._config, self._router = config, router
        self._known: dict[str, frozenset[str]] = {}

    def lanes(self, suite: Suite, case: Case) -> frozenset[str]:
        """Lanes that may be asked the case, and may judge answers to it."""
        if suite.file.authored or self._router is None:
            return frozenset(self._config.lanes)
        key = f"{suite.digest} {case.digest}"
        if key not in self._known:
            self._known[key] = self._decided(self._router, suite, case)
        return self._known[key]

    def _decided(self, router: Router, suite: Suite, case: Case) -> frozenset[str]:
        try:
            decision = router.preview(_whole(suite, case), seed=0)
        except RouterError:
            return frozenset()
        if decision.action in ("refuse", "human_review"):
            return frozenset()
        barred = {
            lane
            for lane, reasons in decision.excluded.items()
            if not all(_NO_MATTER_OF_DATA.match(reason) for reason in reasons)
        }
        judges, may = set(self._config.judges), set(decision.destinations.judges)
        return frozenset(lane for lane in self._config.lanes if lane not in barred and lane not in judges - may)


def _whole(suite: Suite, case: Case) -> RouteRequest:
    """All that could be sent of a case, as a request of the class, channel and region that it has."""
    asked = [Message.model_validate(one) for one in conversation(suite, case)] if case.decided is None else []
    more = [case.reference or "", *(one.text for one in suite.passages_of(case))]
    more += [json.dumps(one.model_dump(mode="json"), ensure_ascii=False) for one in (*case.script, *case.calls)]
    more += [json.dumps(one.given, ensure_ascii=False) for one in case.checks]
    beside = [Message(role="tool", content=text) for text in more if text.strip()]
    return RouteRequest(
        messages=(*asked, *beside),
        channel=case.channel,
        metadata={"region": case.region} if case.region is not None else {},
        traffic_class=case.traffic_class,
    )
