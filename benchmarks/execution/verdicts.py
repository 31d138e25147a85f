"""Whether a request ended as promised, judged without the code that is tried: by what the server and the tools saw."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.execution.setting import LABELS, Ledger, Shelf
from router_ml.config import RouterConfig
from router_ml.errors import RouterError
from router_ml.execution import Completion
from router_ml.faults import Call
from router_ml.faults.answers import SHORT
from router_ml.faults.configured import model_of

_NOT_CALLED = ("unavailable", "not_allowed", "over_budget", "deadline")
_MAY_NOT_HAVE_LEFT = ("timeout", "connection")
_CITED = re.compile(r"\[([^\[\]]+)\]")


@dataclass(frozen=True)
class Ending:
    """How a request ended: a status, or the kind of a typed error; ``problems``: promises that were broken."""

    how: str
    calls: int
    problems: tuple[str, ...] = ()


def judge(
    shape: str, done: Completion | Exception, *, calls: Sequence[Call], config: RouterConfig, ledger: Ledger
) -> Ending:
    """What a request came to, and which promises it broke.

    Args:
        calls: that the server saw of it.
    """
    problems: list[str] = []
    completion, how = (done, str(done.status)) if isinstance(done, Completion) else (None, "")
    if completion is None:
        found = getattr(done, "completion", None)
        if not isinstance(done, RouterError) or not isinstance(found, Completion):
            return Ending(type(done).__name__, len(calls), (f"untyped error {type(done).__name__}: {done}"[:160],))
        completion, how = found, str(getattr(done, "kind", "error"))
        if completion.text:
            problems.append("a failed request holds an answer")
    if how == "answered":
        problems += _wrong(shape, completion, ledger)
        if completion.execution.final_lane not in completion.decision.eligible:
            problems.append("answered by a lane that is not eligible")
    problems += _outside(completion, calls, config)
    if max(ledger.refunds.values(), default=0) > 1:
        problems.append("a write tool was called twice")
    return Ending(how, len(calls), tuple(problems))


def _wrong(shape: str, done: Completion, ledger: Ledger) -> list[str]:
    """Why an answer that passed should not have."""
    match shape:
        case "json":
            ok = _is_person(done.text) and _is_person(json.dumps(done.value))
        case "label":
            ok = done.value in LABELS
        case "cited":
            named = set(_CITED.findall(done.text))
            ok = SHORT in done.text and bool(named) and named <= {one.id for one in Shelf.passages}
            ok = ok and set(done.citations) == named
        case "tools":
            ok = SHORT in done.text and "refunded" in done.text and ledger.refunds.total() == 1
        case _:
            ok = SHORT in done.text
    return [] if ok else [f"an invalid answer passed: {done.text[:60]!r}"]


def _is_person(text: str) -> bool:
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, dict) and set(value) == {"name", "age"} and value["age"] >= 18


def _outside(done: Completion, calls: Sequence[Call], config: RouterConfig) -> list[str]:
    """Calls that the rules did not allow, and calls that the evidence does not know."""
    lanes = {model_of(lane): name for name, lane in config.lanes.items()}
    reached = [lanes.get(call.model, call.model) for call in calls]
    problems = [f"{lane} was called, which is not eligible" for lane in reached if lane not in done.decision.eligible]
    told = Counter(hop.lane for hop in done.execution.hops if hop.kind not in _NOT_CALLED)
    left = Counter(hop.lane for hop in done.execution.hops if hop.kind not in (*_NOT_CALLED, *_MAY_NOT_HAVE_LEFT))
    seen = Counter(reached)
    if not (left <= seen <= told):
        problems.append(f"the evidence says {dict(told)}, the server saw {dict(seen)}")
    return problems
