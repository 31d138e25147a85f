"""Each call of a tool in a conversation has an id of its own, and is answered or not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from router_ml.contract import ToolCall
from router_ml.contract.base import JsonObject
from router_ml.execution.lanes.reply import Reply, ToolRequest
from router_ml.execution.messages import answers, unanswered, with_ids

IDS = st.sampled_from(["", "call_0", "call_1_0", "call_1_1", "call_3_0", "x"])


@given(st.lists(st.lists(IDS, min_size=1, max_size=4), max_size=4), st.integers(0, 4))
def test_whatever_ids_lanes_give_only_what_was_answered_counts_as_answered(rounds: list[list[str]], some: int) -> None:
    messages: list[JsonObject] = [{"role": "user", "content": "Go."}]
    seen: list[str] = []
    for ids in rounds:
        reply = with_ids(Reply(tool_requests=tuple(ToolRequest(name, "pay", "{}") for name in ids)), messages)
        messages.append(reply.as_message())
        seen.extend(request.id for request in reply.tool_requests)
        assert len(set(seen)) == len(seen)
        for request in reply.tool_requests[:some]:
            messages.append(answers(request, ToolCall(name="pay", version="1")))
        assert unanswered(messages) == reply.tool_requests[some:]


def test_ids_that_are_free_stay_as_the_lane_gave_them() -> None:
    """It knows the call by them."""
    reply = Reply(tool_requests=(ToolRequest("abc", "pay", "{}"), ToolRequest("def", "pay", "{}")))
    assert with_ids(reply, [{"role": "tool", "tool_call_id": "other", "content": ""}]) == reply
