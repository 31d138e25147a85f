"""Carrying out: how lanes fail and what follows, on a server of ours that fails on command."""

from __future__ import annotations

from typing import cast

from rich.console import Console
from rich.table import Table

from router_ml.contract import Constraints, OutputContract, RouteRequest
from router_ml.errors import ExecutionError
from router_ml.execution import Completion, Executor
from router_ml.faults import Fault, FaultServer
from router_ml.faults.configured import faulty_config, model_of
from router_ml.router import Router
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog

INVOICE = OutputContract(
    name="invoice",
    type="json",
    schema={
        "type": "object",
        "properties": {"vendor": {"type": "string"}, "total": {"type": "number"}},
        "required": ["vendor", "total"],
    },
)
REQUEST = RouteRequest(
    text="Extract vendor and total from this invoice as JSON: ACME Ltd, 12 licences, total 480.00 EUR.",
    output_contract=INVOICE,
    constraints=Constraints(deny_lanes=("extraction",), explore=False),
)
FAULTS: tuple[tuple[str, tuple[Fault, ...]], ...] = (
    ("all is well", (Fault("good"),)),
    ("the vendor is down", (Fault("server_error", status=503),)),
    ("it asks to be left alone for a minute", (Fault("rate_limit", retry_after=60),)),
    ("it drops the connection", (Fault("dropped"),)),
    ("it refuses", (Fault("refusal"),)),
    ("its answer is cut off", (Fault("truncated"),)),
    ("its JSON has another shape, and is repaired", (Fault("wrong_schema"), Fault("good"))),
)


def carry_out(console: Console, bundle: Bundle, log: EventLog) -> str:
    """Have one request answered under each fault, and print the lanes that it went through; the id of the last."""
    table = Table("when", "what followed", "answer", title="One request, and ways to fail", title_justify="left")
    for name, script in FAULTS:
        with FaultServer() as server:
            router = Router(faulty_config(server, bundle.config), bundle=bundle, log=log)
            decision = router.predict_route(REQUEST, seed=0)
            if decision.lane is not None:
                server.script(model_of(router.config.lanes[decision.lane]), script)
            with Executor(router) as executor:
                try:
                    done = executor.complete(REQUEST, decision=decision)
                except ExecutionError as error:
                    done = cast(Completion, error.completion)
        hops = " -> ".join(f"{hop.lane}: {hop.kind or 'answered'}" for hop in done.execution.hops)
        table.add_row(name, hops, done.text or done.status)
    console.print(table)
    return decision.decision_id
