"""What carrying a decision out costs beside a direct call of LiteLLM: same server, same messages, in turns.

On the clock, and of the processor: on a machine that others use, the second is the steadier one.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks.execution.apart import server_apart
from benchmarks.serving import Measurement, Times, corpus_texts, near
from router_ml import Router
from router_ml.contract import OutputCheck, RouteDecision
from router_ml.contract.base import JsonObject
from router_ml.execution import Completion, Executor
from router_ml.execution.lanes.calls import LaneCall, LiteLLMLanes
from router_ml.execution.lanes.guarded import GuardedLanes
from router_ml.faults import faulty_config
from router_ml.faults.configured import KEY_ENV
from router_ml.storage.bundle import Bundle

MOST_MS = 3.0
WARM_UP = 20
UNCHECKED = ", answer not checked"
OWN = f"carried out{UNCHECKED}"
"""What is promised: that of the execution itself. Deciding, and the look of the guards at the answer, read texts with
the encoder; what they cost is shown beside it."""
TOKENS = 45
PLAIN: dict[str, Any] = {"constraints": {"explore": False}, "output_contract": "text"}
"""One call each: no retrieval, no tool, nothing to be corrected."""

Way = Callable[[str, RouteDecision], Awaitable[object]]


class Unchecked(Router):
    """A router that lets every answer pass, to see what looking at answers costs."""

    def check_output(self, decision: Any, output: Any, **_: Any) -> OutputCheck:
        """Nothing is found."""
        return OutputCheck(
            check_id="chk_none",
            decision_id=decision.decision_id,
            at=datetime.now(UTC),
            action="pass",
            reason="Not looked at.",
            guard_state="clean",
            versions=decision.versions,
        )


def overhead(*, requests: int = 300) -> list[Measurement]:
    """Milliseconds that each way adds to a direct call, p50 and p95 of the differences request by request."""
    with server_apart() as server:
        bundle = Bundle.load("models/default")
        config = faulty_config(server, bundle.config)
        router = Router(config, bundle=bundle)
        routers = {"": router, UNCHECKED: Unchecked(config, bundle=bundle, memory=router.memory)}
        texts = near(corpus_texts(), lambda text: len(text.split()), TOKENS, size=requests + WARM_UP)
        return asyncio.run(_measure(routers, texts))


async def _measure(routers: Mapping[str, Router], texts: Sequence[str]) -> list[Measurement]:
    router = routers[""]
    ways: dict[str, Way] = {"direct call of LiteLLM": _direct(router)}
    ways["lane, guarded"] = _lane(router)
    for how, one in routers.items():
        executor = Executor(one)
        ways[f"carried out{how}"] = _given(executor)
        ways[f"decided and carried out{how}"] = _decided(executor)
    times = {name: Times() for name in ways}
    for turn, text in enumerate(texts):
        decision = router.predict_route(text, **PLAIN)
        if decision.lane is None or decision.output_contract.name != "text":
            continue  # a rule asks for a person, or for what takes more than one call
        names = list(ways)
        for step in range(len(names)):
            name = names[(turn + step) % len(names)]
            began, began_cpu = time.perf_counter(), time.process_time()
            await ways[name](text, decision)
            if turn >= WARM_UP:
                times[name].wall.append(1000 * (time.perf_counter() - began))
                times[name].cpu.append(1000 * (time.process_time() - began_cpu))
    return _numbers(times)


def _numbers(times: Mapping[str, Times]) -> list[Measurement]:
    (first, base), *others = times.items()
    found = [Measurement(f"{first}, p{at}", float(np.percentile(base.wall, at)), "ms") for at in (50, 95)]
    found.append(Measurement(f"{first}, processor, p50", float(np.percentile(base.cpu, 50)), "ms"))
    for name, taken in others:
        wall, cpu = np.array(taken.wall) - base.wall, np.array(taken.cpu) - base.cpu
        most = MOST_MS if name == OWN else None
        found.append(Measurement(f"{name}, added, p50", float(np.percentile(wall, 50)), "ms", most))
        found.append(Measurement(f"{name}, added, p95", float(np.percentile(wall, 95)), "ms"))
        found.append(Measurement(f"{name}, added, processor, p50", float(np.percentile(cpu, 50)), "ms"))
    return found


def _direct(router: Router) -> Way:
    import litellm

    async def call(text: str, decision: RouteDecision) -> object:
        lane = router.config.lanes[str(decision.lane)]
        return await litellm.acompletion(
            model=lane.model,
            messages=[{"role": "user", "content": text}],
            api_base=lane.endpoint.base_url,
            api_key=os.environ[KEY_ENV],
            timeout=30,
            max_retries=0,
            max_tokens=decision.decoding.max_tokens,
        )

    return call


def _lane(router: Router) -> Way:
    lanes = GuardedLanes(LiteLLMLanes(router.config.lanes), router.config, report_health=router.report_health)

    async def call(text: str, decision: RouteDecision) -> object:
        said: list[JsonObject] = [{"role": "user", "content": text}]
        return await lanes.call(LaneCall(str(decision.lane), said, decision.decoding, 30.0))

    return call


def _given(executor: Executor) -> Way:
    async def call(text: str, decision: RouteDecision) -> object:
        return _by_one_call(await executor.acomplete(text, decision=decision, **PLAIN))

    return call


def _decided(executor: Executor) -> Way:
    async def call(text: str, decision: RouteDecision) -> object:
        return _by_one_call(await executor.acomplete(text, **PLAIN))

    return call


def _by_one_call(done: Completion) -> Completion:
    if not done.answered or len(done.execution.hops) != 1:
        raise RuntimeError(f"Expected an answer from one call, found {done.status} after {len(done.execution.hops)}.")
    return done
