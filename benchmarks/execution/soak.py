"""Many requests at once, faults among them: is one lost, is anything done twice, is the evidence whole, does memory
grow."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.execution.apart import counted, server_apart
from benchmarks.execution.setting import EU, Ledger, config_on, executor_on
from benchmarks.serving import Measurement
from router_ml.config import RouterConfig
from router_ml.contract import Execution
from router_ml.errors import ExecutionError
from router_ml.execution import Completion, Executor
from router_ml.faults import FORMS, KINDS
from router_ml.storage.eventlog import EventLog

FAULTS = [{"kind": kind, "form": form} for kind in KINDS if kind != "good" for form in FORMS.get(kind, ("",))]
SHAPES: tuple[dict[str, Any], ...] = (
    {"output_contract": "text"},
    {"output_contract": "text", "allowed_tools": ["refund"]},
    {"output_contract": "person"},
    {"output_contract": "topic"},
    {"output_contract": "cited", "channel": "web"},
    {"output_contract": "text", "allowed_tools": ["order_lookup"]},
)
PATIENCE_MS = 10_000.0
FIRST = 0.2  # of the requests, after which memory should not grow


@dataclass
class Soaked:
    """What came of it. ``memory``: MiB resident after so many requests."""

    requests: int
    seconds: float = 0.0
    ends: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    memory: dict[int, float] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    calls: int = 0
    faults: int = 0
    in_doubt: int = 0
    no_evidence: list[str] = field(default_factory=list)

    def measurements(self) -> list[Measurement]:
        """As numbers beside what was promised."""
        early, late = (self.memory[at] for at in (min(self.memory), max(self.memory)))
        doubled = sum(n - 1 for n in self.ledger.refunds.values())
        return [
            Measurement("requests", self.requests, ""),
            Measurement("requests per second", self.requests / self.seconds, "1/s"),
            Measurement("calls that the server saw", self.calls, ""),
            Measurement("- of them faulty", self.faults / max(self.calls, 1), "share"),
            *(Measurement(f"ended: {how}", n, "") for how, n in sorted(self.ends.items())),
            Measurement("lost", self.lost, "", 0),
            Measurement("refunds paid", self.ledger.refunds.total(), ""),
            Measurement("- of which the evidence says that it is not known", self.in_doubt, ""),
            Measurement("write tools called twice", doubled, "", 0),
            Measurement("decisions without whole evidence", len(self.no_evidence), "", 0),
            Measurement(f"memory after {min(self.memory)} requests", early, "MiB"),
            Measurement(f"memory after {max(self.memory)} requests", late, "MiB", early * 1.1),
        ]


def soak(*, requests: int = 10_000, concurrency: int = 200, share: float = 0.2, seed: int = 0) -> Soaked:
    """Carry out requests of every shape against a server of which a share of the calls fails, in every way that it can,
    with a log in SQLite."""
    rates = {"*": {"share": share, "faults": FAULTS, "seed": seed}}
    with TemporaryDirectory() as folder, server_apart(rates) as server:
        config, found = _patient(config_on(server)), Soaked(requests)
        with EventLog(Path(folder) / "log.sqlite") as log:
            executor = executor_on(config, ledger=found.ledger, log=log)
            started = time.perf_counter()
            asyncio.run(_all(executor, found, concurrency=concurrency))
            found.seconds = time.perf_counter() - started
            executor.router.flush(60)
            found.no_evidence = _without_evidence(log, found)
        seen = counted(server)
    found.calls, found.faults = sum(seen.values()), sum(n for (_, fault), n in seen.items() if fault != "good")
    return found


def _patient(config: RouterConfig) -> RouterConfig:
    """With as much patience as a machine needs that is busy with all of them at once."""
    lanes = {
        name: lane.model_copy(update={"endpoint": lane.endpoint.model_copy(update={"timeout_ms": PATIENCE_MS})})
        for name, lane in config.lanes.items()
    }
    classes = {
        name: one.model_copy(update={"limits": one.limits.model_copy(update={"deadline_ms": 20 * PATIENCE_MS})})
        for name, one in config.traffic_classes.items()
    }
    return config.model_copy(update={"lanes": lanes, "traffic_classes": classes})


async def _all(executor: Executor, found: Soaked, *, concurrency: int) -> None:
    numbers = iter(range(found.requests))

    async def work() -> None:
        for number in numbers:
            await _one(executor, number, found)
            ended = found.ends.total() + found.lost
            if ended in (int(found.requests * FIRST), found.requests):
                found.memory[ended] = resident_mib()

    await asyncio.gather(*(work() for _ in range(concurrency)))


async def _one(executor: Executor, number: int, found: Soaked) -> None:
    text = f"Refund order {10_000 + number} and tell the customer."
    try:
        done = await executor.acomplete(
            text, constraints=EU, request_id=f"req-{number}", **SHAPES[number % len(SHAPES)]
        )
        found.ends[done.status] += 1
    except ExecutionError as error:
        how = f"error {error.kind}" if isinstance(error.completion, Completion) else "error without a story"
        found.ends[how] += 1
    except Exception as error:  # noqa: BLE001 - anything else is a request that was lost
        found.lost += 1
        found.no_evidence.append(f"{number}: {type(error).__name__} {error}"[:200])


def _without_evidence(log: EventLog, found: Soaked) -> list[str]:
    """Decisions that have not exactly one execution that says how it ended, by which calls, at what cost; and refunds
    that no execution knows."""
    by_decision: dict[str, list[Execution]] = {}
    for execution in log.executions():
        by_decision.setdefault(execution.decision_id, []).append(execution)
    lacking = list(found.no_evidence)
    decisions = [one.decision_id for one in log.decisions()]
    lacking += [name for name in decisions if not _whole(by_decision.get(name, []))]
    lacking += [f"{found.requests - len(decisions)} decisions are not in the log"] * (len(decisions) != found.requests)
    calls = [call for one in by_decision.values() for done in one for call in done.tool_calls if call.name == "refund"]
    told = Counter(call.status for call in calls)
    found.in_doubt, paid = told["timeout"], found.ledger.refunds.total()
    if not told["done"] <= paid <= told["done"] + told["timeout"]:
        lacking.append(f"{dict(told)} refunds in the evidence, {paid} paid")
    return lacking


def _whole(executions: Sequence[Execution]) -> bool:
    if len(executions) != 1 or executions[0].status is None:
        return False
    (only,) = executions
    return bool(only.hops) and (
        only.status != "answered" or (only.final_lane is not None and only.cost_usd is not None)
    )


def resident_mib() -> float:
    """Memory of this process that is resident."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("This system does not say how much memory a process holds.")
