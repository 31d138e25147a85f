"""What a tool brings in may be private though the request was not: the log then keeps no words of it either."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from router_ml import Executor, Router
from router_ml.config import parse_config
from router_ml.contract import RouteRequest
from router_ml.execution.lanes.reply import Reply, ToolRequest
from router_ml.execution.story.story import story
from router_ml.execution.tools.toolbox import ConfiguredTools
from router_ml.storage.eventlog import EventLog
from tests.execution.acting import ActingLanes
from tests.execution.reviewing import CONFIG

FIND = 'find: {version: "1", effect: read, boundary: private}'
MAIL = "nora.winter@posteo-mail.net"


@pytest.mark.parametrize(("found", "kept"), [({"mail": MAIL}, False), ({"state": "delivered"}, True)])
def test_private_results_are_not_kept_at_level_text(tmp_path: Path, found: dict[str, Any], kept: bool) -> None:
    config = parse_config(CONFIG.replace("approval: true}", "approval: true}\n  " + FIND))
    asks = Reply(tool_requests=(ToolRequest("c1", "find", "{}"),), stop="tools")
    with EventLog(tmp_path / "log.sqlite") as log:
        router = Router(config, log=log)
        lanes = ActingLanes({name: [asks, "The customer is known."] for name in config.lanes})
        tools = ConfiguredTools(config, {"find": lambda: found})
        with Executor(router, lanes=lanes, tools=tools) as executor:
            done = executor.complete(RouteRequest(text="Look up the order please.", allowed_tools=("find",)))
        assert done.decision.log_level == "text"
        (execution,) = story(log, done.decision.decision_id).executions
        assert (execution.tool_calls[0].result == found) is kept
    content = b"".join(path.read_bytes() for path in tmp_path.glob("log.sqlite*"))
    assert MAIL.encode() not in content
