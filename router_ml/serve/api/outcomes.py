"""``POST /v1/outcomes`` and ``POST /v1/executions``: what became of decisions, from whoever knows."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.responses import JSONResponse, Response

from router_ml.contract import Execution, Outcome, describe
from router_ml.contract.base import LONGEST_ID
from router_ml.errors import InvalidRequestError, LogRefusedError, RouterError
from router_ml.serve.access.caller import AccessError, Caller
from router_ml.serve.api.owned import checked, sees, unknown
from router_ml.serve.asked import Body, Items, MayReport, Served
from router_ml.serve.gateway import Gateway
from router_ml.serve.problems import error_shape, said_of
from router_ml.storage.database.entries import of_execution
from router_ml.storage.views.owners import Owned, dearest

logger = logging.getLogger(__name__)

MOST = 500
_MADE_HERE = re.compile(r"exe_[0-9a-f]{24,32}")
MOST_TIMES = 100.0
"""A cost that is reported is at most so many times what the dearest lane was expected to cost: it counts against the
budgets of everybody."""
router = APIRouter(prefix="/v1", tags=["outcomes"])


@router.post("/outcomes")
async def outcomes(body: Items, caller: MayReport, gateway: Served) -> Response:
    """Say what became of one decision, or of up to 500.

    The same outcome again, with the same `at`, changes nothing; without `at` it counts as one of this moment. A cost
    counts against budgets: it needs scope `route` or `execute` as well, and is at most 100 times what the dearest lane
    of the decision was expected to cost. Of
    several each has an answer of its own, in their order; the status is 207 where some were not taken.
    """
    if "outcomes" not in body:
        return JSONResponse(await asyncio.to_thread(_keep, gateway, caller, body))
    given = body["outcomes"]
    if len(body) > 1 or not isinstance(given, list) or not 1 <= len(given) <= MOST:
        raise InvalidRequestError(f"Expected one outcome, or 'outcomes' alone with a list of 1 to {MOST}.")
    answers = await asyncio.to_thread(lambda: [_answer(gateway, caller, one) for one in given])
    failed = sum("error" in answer for answer in answers)
    return JSONResponse({"outcomes": answers, "failed": failed}, 207 if failed else 200)


@router.post("/executions")
async def executions(body: Body, caller: MayReport, gateway: Served) -> Response:
    """Say what was done with a decision, for those who carry decisions out themselves.

    With an `execution_id` of your own a repeated report changes nothing, and another of the same decision under the
    same id is refused; without one it gets its id from what it says. Ids of your own hold within their decision: the
    answer says the one under which it is kept. For costs the rule of outcomes holds.
    """
    return JSONResponse(await asyncio.to_thread(_executed, gateway, caller, body))


def _answer(gateway: Gateway, caller: Caller, given: Any) -> dict[str, Any]:
    """What became of one of several."""
    try:
        if not isinstance(given, dict):
            raise InvalidRequestError(f"Found a {type(given).__name__}, expected an outcome: a JSON object.")
        return _keep(gateway, caller, given)
    except (RouterError, AccessError) as error:
        status, said = said_of(error)
        return {"status": status, **said}
    except Exception:  # those before it are kept, which their sender has to be told
        logger.exception("An outcome of several could not be taken.")
        said = error_shape("internal_error", "Something went wrong here. The log of the gateway names it.")
        return {"status": 500, **said}


def _keep(gateway: Gateway, caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    outcome = _outcome(given)
    known = gateway.router.owners([outcome.decision_id]).get(outcome.decision_id)
    if not sees(caller, known):
        raise unknown()
    _check_cost(gateway, caller, outcome.decision_id, outcome.cost_usd, known=known)
    fields = {name: value for name, value in given.items() if name != "decision_id"}
    try:
        ack = gateway.router.log_outcome(outcome.decision_id, **{**fields, "at": outcome.at})
    except LogRefusedError:
        raise
    except RouterError:
        if known is None and gateway.log is not None and not gateway.router.owners([outcome.decision_id]):
            raise unknown() from None
        raise
    return {"decision_id": outcome.decision_id, "acknowledged": ack, "at": outcome.at.isoformat()}


def _check_cost(gateway: Gateway, caller: Caller, decision_id: str, usd: float | None, *, known: Owned | None) -> None:
    """See to it that whoever says what a decision cost could have had it cost that.

    Raises:
        AccessError: the key may neither decide nor call lanes, or the decision is not known here yet.
        InvalidRequestError: no such decision costs so much. LogError: the log cannot be read.
    """
    if usd is None:
        return
    if not (caller.may("route") or caller.may("execute")):
        said = "Costs count against budgets: to report one, a key needs scope route or execute beside outcomes."
        raise AccessError(403, "missing_scope", said)
    if gateway.log is None or (known is not None and known.where != "here"):
        return
    most = None if known is None else known.dearest_usd
    if most is None:
        decision = gateway.router.find(decision_id)
        if decision is None:
            raise unknown()
        most = dearest(decision)
    if usd > MOST_TIMES * most:
        raise InvalidRequestError(
            f"Found a cost of ${usd:g}, expected at most ${MOST_TIMES * most:g}: {MOST_TIMES:g} times what the dearest "
            "lane of the decision was expected to cost. Check that it is in US dollars, and the prices of the lanes."
        )


def _outcome(given: Mapping[str, Any]) -> Outcome:
    at = given.get("at")
    try:
        found = Outcome.model_validate({**given, "at": datetime.now(UTC) if at is None else at})
    except ValidationError as error:
        raise InvalidRequestError(describe(error, "outcome")) from None
    return found if found.at.tzinfo else found.model_copy(update={"at": found.at.replace(tzinfo=UTC)})


def _executed(gateway: Gateway, caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        execution = Execution.model_validate(given)
    except ValidationError as error:
        raise InvalidRequestError(describe(error, "execution")) from None
    checked(gateway, caller, execution.decision_id)
    told = [hop.cost_usd for hop in execution.hops if hop.cost_usd is not None]
    if told or execution.cost_usd is not None:
        known = gateway.router.owners([execution.decision_id]).get(execution.decision_id)
        usd = max(execution.cost_usd or 0.0, sum(told))
        _check_cost(gateway, caller, execution.decision_id, usd, known=known)
    now = datetime.now(UTC)
    execution = _within_its_decision(execution)
    named = execution.model_copy(update={"execution_id": of_execution(execution, now).record_id})
    ack = gateway.router.log_execution(named, now=now)
    return {"decision_id": named.decision_id, "execution_id": named.execution_id, "acknowledged": ack}


def _within_its_decision(execution: Execution) -> Execution:
    """The execution with its reporter's own ids made ids of its decision, so that nobody takes another's."""
    return execution.model_copy(
        update={
            "execution_id": _own_id(execution.decision_id, execution.execution_id),
            "resumes": _own_id(execution.decision_id, execution.resumes),
        }
    )


def _own_id(decision_id: str, name: str | None) -> str | None:
    ours = f"@{decision_id}"
    if name is None or name.endswith(ours) or _MADE_HERE.fullmatch(name):  # it cannot be guessed
        return name
    if len(name) + len(ours) <= LONGEST_ID:
        return name + ours
    return f"exe_{hashlib.sha256(f'{name}{ours}'.encode()).hexdigest()[:32]}"
