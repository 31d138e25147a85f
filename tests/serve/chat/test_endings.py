"""How answers end that are none, or that their caller wanted short."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import openai
import pytest

from router_ml.execution.lanes.reply import Reply
from tests.execution.acting import LANES, Scene, failed, scene
from tests.serve.chat.test_completions import ASKED, client_of

CUT = Reply(text="Rome was", stop="length")
REVIEWED = {"fallback": {"lanes": 2, "attempts": 1, "backoff_ms": 100, "finally": "human_review"}}


def everywhere(act: Any, **more: Any) -> Scene:
    return scene({name: [act] for name in LANES}, **more)


def events(url: str, path: str, **sent: Any) -> list[dict[str, Any]]:
    """The events of a stream."""
    body = json.dumps({"stream": True, **sent}).encode()
    asked = urllib.request.Request(f"{url}/v1/{path}", body, {"content-type": "application/json"})
    with urllib.request.urlopen(asked, timeout=20) as answer:
        lines = [line.removeprefix(b"data: ") for line in answer.read().splitlines() if line.startswith(b"data: ")]
    return [json.loads(line) for line in lines if line != b"[DONE]"]


def test_a_stream_that_ends_with_a_person_says_so_as_no_answer(serve: Callable[..., str]) -> None:
    """After lanes failed, the decision itself says ``route``."""
    url = serve(everywhere(failed("server_error"), changes=REVIEWED).executor)
    *first, last = events(url, "chat/completions", messages=ASKED)
    deltas = [each["choices"][0]["delta"] for each in first]
    assert "".join(delta.get("refusal") or "" for delta in deltas)
    assert not any(delta.get("content") for delta in deltas)
    assert last["choices"][0]["finish_reason"] == "content_filter"


def test_its_part_is_of_one_kind_from_its_beginning(serve: Callable[..., str]) -> None:
    url = serve(everywhere(failed("server_error"), changes=REVIEWED).executor)
    said = events(url, "responses", input="What is new?")
    kinds = {each["part"]["type"] for each in said if "part" in each}
    assert kinds == {"refusal"}
    assert "response.refusal.delta" in {each["type"] for each in said}
    assert "response.output_text.delta" not in {each["type"] for each in said}
    assert said[-1]["type"] == "response.incomplete"


@pytest.mark.parametrize("stream", [False, True])
def test_who_wanted_it_short_gets_it_short(serve: Callable[..., str], *, stream: bool) -> None:
    """Another lane would be cut off at the same place, and a person has nothing to look at."""
    it = everywhere(CUT, changes=REVIEWED)
    url = serve(it.executor)
    if stream:
        *first, last = events(url, "chat/completions", messages=ASKED, max_tokens=2)
        text = "".join(each["choices"][0]["delta"].get("content") or "" for each in first)
        reason, router = last["choices"][0]["finish_reason"], last["router"]
    else:
        answer: Any = client_of(url).chat.completions.create(model="auto", messages=ASKED, max_tokens=2)
        text, reason, router = answer.choices[0].message.content, answer.choices[0].finish_reason, answer.router
    assert (text, reason, router["status"], router["validation"]) == ("Rome was", "length", "answered", "truncated")
    assert len(it.lanes.calls) == 1
    assert it.kept[0].validation.errors


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_that_was_wanted_short_is_incomplete(serve: Callable[..., str], *, stream: bool) -> None:
    it = everywhere(CUT)
    sent: dict[str, Any] = {"input": "Who founded Rome?", "max_output_tokens": 16}
    if stream:
        whole = events(serve(it.executor), "responses", **sent)[-1]["response"]
    else:
        whole = client_of(serve(it.executor)).responses.create(model="auto", **sent).model_dump()
    assert (whole["status"], whole["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert whole["output"][0]["content"][0]["text"] == "Rome was"


def test_thinking_that_used_up_what_was_wanted_leaves_nothing(serve: Callable[..., str]) -> None:
    it = everywhere(Reply(text="", stop="length"))
    answer = client_of(serve(it.executor)).chat.completions.create(model="auto", messages=ASKED, max_tokens=1)
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("", "length")


def test_what_was_cut_off_by_a_limit_of_ours_is_a_failure_as_before(serve: Callable[..., str]) -> None:
    it = everywhere(CUT)
    with pytest.raises(openai.BadRequestError, match="truncated"):
        client_of(serve(it.executor)).chat.completions.create(model="auto", messages=ASKED, max_tokens=5_000)
    assert len(it.lanes.calls) > 1


def test_json_that_does_not_fit_is_a_failure_that_nobody_is_asked_about(serve: Callable[..., str]) -> None:
    it = everywhere(Reply(text='{"a": ', stop="length"), changes=REVIEWED)
    with pytest.raises(openai.BadRequestError) as raised:
        client_of(serve(it.executor)).chat.completions.create(
            model="auto", messages=ASKED, max_tokens=2, response_format={"type": "json_object"}
        )
    assert raised.value.code == "truncated"
    assert len(it.lanes.calls) == 1
    assert not it.kept[0].approvals
