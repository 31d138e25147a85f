"""An executor that is closed leaves nothing behind, in its router or in its process."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from router_ml import Router
from router_ml.errors import ExecutionError
from router_ml.execution import Executor
from router_ml.execution.lanes.reply import ToolRequest
from tests.execution.acting import ActingLanes, config, failed

ASKED = "What is new?"


def test_lanes_that_it_found_down_are_up_again_for_its_router(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would find out any more that they are back."""

    class Down(ActingLanes):
        def missing(self) -> dict[str, str]:
            return {}

    down = Down({lane: [failed("server_error")] for lane in config().lanes})
    monkeypatch.setattr("router_ml.execution.executor.LiteLLMLanes", lambda _: down)
    router = Router(config(execution={"breaker": {"failures": 1}}))
    with Executor(router) as it:
        with contextlib.suppress(ExecutionError):
            it.complete(ASKED)
        assert "is down" in str(router.predict_route(ASKED).excluded)
    assert "is down" not in str(router.predict_route(ASKED).excluded)


def test_functions_that_it_was_given_are_called_no_more() -> None:
    router, made = Router(config()), []
    it = Executor(router, lanes=ActingLanes(), tools={"pay": lambda: made.append("pay")})
    decision = router.predict_route(ASKED, allowed_tools=("pay",))
    it.close()
    asked = it._parts.tools.call(decision, ToolRequest("1", "pay", "{}"), allowed=("pay",), before=())
    call = asyncio.run(asked)
    assert (call.status, call.nothing_done, made) == ("failed", True, [])
