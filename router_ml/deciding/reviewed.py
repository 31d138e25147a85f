"""Requests that a person let through: decided once more, under the same id, by the rules that are in force now."""

from __future__ import annotations

from datetime import UTC, datetime

from router_ml.contract import Approval, PolicyFired, RouteDecision, RouteRequest
from router_ml.deciding.arguments import stamped
from router_ml.deciding.beside import Beside
from router_ml.deciding.reading import read
from router_ml.errors import InvalidRequestError
from router_ml.ruling.case import organisation_of
from router_ml.ruling.of_request import REVIEWED
from router_ml.state.draws import Draw
from router_ml.state.sessions import private_risks


class Reviewed(Beside):
    """Decides what somebody has looked at."""

    def decide_reviewed(
        self, request: RouteRequest, decision: RouteDecision, approval: Approval, *, now: datetime | None = None
    ) -> RouteDecision:
        """Decide a request that went to a person, who granted it: it may be answered by the lanes that the rules leave.

        Every other rule holds as ever, also those that have been added since: where one refuses, or no lane is left,
        the answer says so. The seed is that of ``decision``, nothing is explored, and the lane is charged to the class.
        The log keeps the first decision and the approval; what is decided here follows from them, and
        ``policies`` names who let it through.

        Raises:
            InvalidRequestError: the approval is not a granted one of this decision, or it did not go to a person.
        """
        if (approval.state, approval.subject, approval.decision_id) != ("granted", "request", decision.decision_id):
            raise InvalidRequestError(
                f"Found a {approval.state} approval of a {approval.subject} of {approval.decision_id}, expected a "
                f"granted one of request {decision.decision_id}."
            )
        if decision.action != "human_review":
            raise InvalidRequestError(
                f"Decision {decision.decision_id} is {decision.action}: nobody had to look at it."
            )
        rules, (_, now, _) = self.rules, stamped(0, now, decision.decision_id)
        understood = read(rules.base.config, self.bundle, [request])[0]
        again = self._weigh(
            rules,
            request,
            understood,
            stamp=(decision.seed, now, decision.decision_id),
            draw=Draw.of(decision.state),
            reviewed=_fired(approval),
            again=decision.state,
        )
        self._budgets.charge(again)
        self._recent.remember(again.decision_id, private_risks(again), request, org=organisation_of(request))
        return again


def _fired(approval: Approval) -> PolicyFired:
    at = f"{approval.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    queue = f" in queue {approval.queue}" if approval.queue else ""
    return PolicyFired(
        id=REVIEWED, version="1", effect=f"granted by {approval.who}{queue} on {at}, approval {approval.approval_id}"
    )
