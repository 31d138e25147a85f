"""Every fault with every rule of the fallback, for each shape of answer, through real clients and a real server."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from textwrap import fill as fill_lines
from typing import Any

from benchmarks.execution.setting import ASK, EU, SHAPES, Ledger, config_on, executor_on, warm_up
from benchmarks.execution.verdicts import Ending, judge
from router_ml.contract import RouteDecision
from router_ml.execution import Completion, Executor
from router_ml.faults import FORMS, KINDS, Fault, FaultServer
from router_ml.faults.configured import model_of
from router_ml.faults.server import ANY


def _slow(fault: Fault) -> Fault:
    """A stream that is so slow that patience ends before it does."""
    return replace(fault, delay_ms=700.0) if fault.kind == "slow_stream" else fault


FAULTS: tuple[Fault, ...] = (
    *(_slow(Fault(kind, form=form)) for kind in KINDS if kind != "good" for form in FORMS.get(kind, ("",))),
    *(Fault("server_error", status=status) for status in (502, 503, 529)),
    Fault("html", status=200),
    Fault("rate_limit", retry_after=0.02),
)
SECOND: dict[str, Fault] = {
    "on_timeout": Fault("hang"),
    "on_rate_limit": Fault("rate_limit"),
    "on_schema_failure": Fault("malformed"),
    "on_refusal": Fault("refusal"),
    "on_error": Fault("server_error"),
}
"""One fault for each rule, met by the lane after the first."""

WAYS = ("first call", "first lane", "second call", *SECOND, "error", "human_review", "static_answer")
"""Which calls meet the fault: the first; all of the first lane; all of it but the first; all of the first lane, and the
next one fails so that the named rule is asked; and all of all lanes, with the named end of the fallback."""

PATIENCE_S = 60.0

_DOCUMENT = """# Every fault with every rule

Output of `python -m benchmarks.execution faults`: real requests through LiteLLM to the fault server
(`fault_server.md`), on lanes of four failure domains of which five of eight are eligible. A cell says how the requests
for each shape of answer ended ({shapes}): answered, or the status or kind of error that the caller was told.

*first call*: only the first call of the lane that was decided fails. *first lane*: all of its calls do. *second call*:
all but its first. *on_...*: the lane after it fails too, so that this rule is asked next. *error*, *human_review*,
*static_answer*: every lane fails, and the fallback ends so.

{table}

{requests} requests, {calls} calls: {ends}. Promises broken: {broken}. They are judged by what the server and the tools
saw: an answer that passes is of the shape that was asked for; no lane is called that is not eligible; no write tool is
called twice; each call is in the evidence; what fails is a typed error with the whole story."""


@dataclass(frozen=True)
class Case:
    """One cell of the table, for one shape of answer."""

    fault: Fault
    way: str
    shape: str

    @property
    def name(self) -> str:
        """For people."""
        return f"{named(self.fault)}, {self.way}, {self.shape}"


@dataclass
class Table:
    """All endings."""

    endings: dict[Case, Ending] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """Promises that were broken, each with its case."""
        return [f"{case.name}: {said}" for case, end in self.endings.items() for said in end.problems]

    def document(self) -> str:
        """The table with what it means."""
        ends = Counter(end.how for end in self.endings.values())
        calls = sum(end.calls for end in self.endings.values())
        told = ", ".join(f"{n} {how}" for how, n in ends.most_common())
        said = _DOCUMENT.format(
            shapes=", ".join(dict.fromkeys(case.shape for case in self.endings)),
            table=self.markdown(),
            requests=len(self.endings),
            calls=calls,
            ends=told,
            broken=len(self.problems),
        )
        return "\n\n".join(
            part if part[0] in "#|" else fill_lines(" ".join(part.split()), 120) for part in said.split("\n\n")
        )

    def markdown(self) -> str:
        """A row per fault, a column per way; a cell says how the requests of all shapes ended."""
        cells: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for case, end in self.endings.items():
            cells[named(case.fault), case.way][end.how] += 1
        rows = dict.fromkeys(named(case.fault) for case in self.endings)
        lines = [f"| fault | {' | '.join(WAYS)} |", "|---" * (len(WAYS) + 1) + "|"]
        lines += [f"| {row} | {' | '.join(_cell(cells[row, way]) for way in WAYS)} |" for row in rows]
        return "\n".join(lines)


def named(fault: Fault) -> str:
    """A fault as a row of the table."""
    more = fault.form or (str(fault.status) if fault.kind in ("server_error", "html") else "")
    after = f" after {fault.retry_after:g} s" if fault.kind == "rate_limit" and fault.form != "silent" else ""
    return f"`{fault.kind}`{f' {more}' if more else ''}{after}"


def cases(
    faults: Iterable[Fault] = FAULTS, ways: Iterable[str] = WAYS, shapes: Iterable[str] = tuple(SHAPES)
) -> list[Case]:
    """All combinations."""
    return [Case(*found) for found in product(faults, ways, shapes)]


def fill(wanted: Sequence[Case], *, workers: int = 6) -> Table:
    """Try each case, several at a time, each on a server of its own."""
    return asyncio.run(_fill(wanted, workers))


async def _fill(wanted: Sequence[Case], workers: int) -> Table:
    table, left = Table(), list(reversed(wanted))

    async def work() -> None:
        with FaultServer() as server:
            await warm_up(config_on(server))
            while left:
                case = left.pop()
                table.endings[case] = await attempt(server, case)

    await asyncio.gather(*(work() for _ in range(workers)))
    table.endings = {case: table.endings[case] for case in wanted}
    return table


async def attempt(server: FaultServer, case: Case) -> Ending:
    """One request under one fault."""
    ledger, config = Ledger(), config_on(server)
    ends = ("error", "human_review", "static_answer")
    last = case.way if case.way in ends else "error"
    config = config.model_copy(update={"fallback": config.fallback.model_copy(update={"finally_": last})})
    executor = executor_on(config, ledger=ledger)
    server.reset()
    asked = {"text": ASK, "constraints": EU, **SHAPES[case.shape]}
    decision = executor.router.predict_route(asked)
    steps = [decision.lane, *(step.lane for step in decision.fallback.on_error)]
    first, second = (model_of(config.lanes[str(lane)]) for lane in steps[:2])
    match case.way:
        case "first call":
            server.script(first, [case.fault, "good"])
        case "second call":
            server.script(first, ["good", case.fault])
        case "error" | "human_review" | "static_answer":
            server.script(ANY, [case.fault])
        case _:
            server.script(first, [case.fault])
            server.script(second, [SECOND[case.way]] if case.way in SECOND else ["good"])
    try:
        done: Completion | Exception = await asyncio.wait_for(
            _carried_out(executor, asked, decision, case.shape), PATIENCE_S
        )
    except Exception as error:  # noqa: BLE001 - which one it is, is what is judged
        done = error
    return judge(case.shape, done, calls=server.calls, config=config, ledger=ledger)


async def _carried_out(executor: Executor, asked: dict[str, Any], decision: RouteDecision, shape: str) -> Completion:
    if shape != "stream":
        return await executor.acomplete(asked, decision=decision)
    from router_ml.execution.streaming.outlet import Delta, Finished, Restarted

    shown, done = "", None
    async for event in executor.astream(asked, decision=decision):
        if isinstance(event, Delta):
            shown += event.text
        elif isinstance(event, Restarted):
            shown = ""
        elif isinstance(event, Finished):
            done = event.completion
    if done is None:
        raise RuntimeError("The stream ended without its end.")
    if done.answered and shown != done.text:
        raise RuntimeError("What was streamed is not the answer.")
    return done


def _cell(ends: Counter[str]) -> str:
    return ", ".join(f"{n} {how}" for how, n in sorted(ends.items(), key=lambda one: (-one[1], one[0])))
