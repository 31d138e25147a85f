"""The gateway with parts left out, to see what each costs: ``$BENCHMARK_VARIANT`` is ``whole``, ``unchecked`` (answers
are not looked at) or ``bare`` (nor is a text decided a second time)."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from router_ml.config import load_config
from router_ml.contract import OutputCheck, RouteDecision, RouteRequest
from router_ml.execution import Executor
from router_ml.execution.gate import Decide
from router_ml.router import Router
from router_ml.serve.app import create_app
from router_ml.serve.gateway import Gateway
from router_ml.serve.settings import Settings
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog
from router_ml.storage.loading import shipped_bundle


class Unchecked(Router):
    """A router that lets every answer pass."""

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


class Once:
    """Decides a text once; after that it is the same decision under an id of its own."""

    def __init__(self, decide: Decide) -> None:
        self._decide, self._known = decide, dict[str, RouteDecision]()

    async def __call__(self, request: RouteRequest, **_: Any) -> RouteDecision:
        """The decision."""
        said = str(request.messages[-1].content)
        if said not in self._known:
            self._known[said] = await self._decide(request)
        return self._known[said].model_copy(update={"decision_id": f"dec_{secrets.token_hex(12)}"})


VARIANTS: dict[str, type[Router]] = {"whole": Router, "unchecked": Unchecked, "bare": Unchecked}


def app() -> FastAPI:
    """For an ASGI server."""
    bundle, log = Bundle.load(shipped_bundle()), os.environ.get("BENCHMARK_LOG")
    config = load_config(Path(os.environ["BENCHMARK_CONFIG"]))
    variant = os.environ["BENCHMARK_VARIANT"]
    router = VARIANTS[variant](config, bundle=bundle, log=EventLog(log) if log else None)
    gateway = Gateway(Settings(), Executor(router))
    if variant == "bare":
        gateway.executor.decide_by(Once(gateway.decider.decide))
    return create_app(gateway=gateway)
