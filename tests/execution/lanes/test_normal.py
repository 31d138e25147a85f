"""The same content in the shapes of OpenAI, Anthropic and vLLM is one reply."""

from __future__ import annotations

import itertools
import json
import string
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.normal import from_anthropic, from_openai
from router_ml.execution.lanes.normal_text import Visible, cited_ids, split_thinking
from router_ml.execution.lanes.reply import Reply

WORDS = st.text(string.ascii_letters + string.digits + " .,:!?äöü漢\n'\"{}[]()#-", min_size=1, max_size=40)
SAID = WORDS.map(str.strip).filter(bool)
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-1000, 1000), st.text(max_size=8))
ARGUMENTS = st.dictionaries(st.text(string.ascii_letters, min_size=1, max_size=5), VALUES, max_size=3)
NAMES = st.text(string.ascii_letters, min_size=1, max_size=8)


@dataclass(frozen=True)
class Content:
    """What a lane means to say, before a vendor gives it a shape."""

    text: str
    thinking: str
    calls: tuple[tuple[str, str, dict[str, Any]], ...]
    cited: tuple[str, ...]
    cut: bool
    refused: bool
    fresh: int
    cached: int
    out: int

    @property
    def reason(self) -> str:
        if self.cut:
            return "length"
        return "tool_calls" if self.calls else "stop"


CONTENTS = st.builds(
    Content,
    text=SAID,
    thinking=st.one_of(st.just(""), SAID),
    calls=st.lists(st.tuples(NAMES, NAMES, ARGUMENTS), max_size=2).map(tuple),
    cited=st.lists(NAMES, max_size=2).map(tuple),
    cut=st.booleans(),
    refused=st.booleans(),
    fresh=st.integers(0, 5000),
    cached=st.integers(0, 5000),
    out=st.integers(0, 5000),
)


def openai_shape(said: Content) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text, "refusal": None}
    if said.refused:
        message |= {"content": None, "refusal": said.text}
    if said.thinking:
        message["reasoning_content"] = said.thinking
    if said.calls:
        message["tool_calls"] = [
            {"id": name, "type": "function", "function": {"name": tool, "arguments": json.dumps(given)}}
            for name, tool, given in said.calls
        ]
    if said.cited:
        message["annotations"] = [{"type": "url_citation", "url_citation": {"url": url}} for url in said.cited]
    usage = {"prompt_tokens": said.fresh + said.cached, "completion_tokens": said.out}
    details = {"prompt_tokens_details": {"cached_tokens": said.cached}}
    choice = {"index": 0, "message": message, "finish_reason": said.reason}
    return {"id": "1", "model": "served", "choices": [choice], "usage": usage | details}


def vllm_shape(said: Content) -> dict[str, Any]:
    """Without its parser of reasoning, spaced as models write, and "stop" where it was made to call a tool."""
    shape = openai_shape(said)
    message = shape["choices"][0]["message"]
    if said.thinking:
        del message["reasoning_content"]
        message["content"] = f"<think>\n{said.thinking}\n</think>\n\n{message['content'] or ''}"
    for call in message.get("tool_calls", ()):
        call["function"]["arguments"] = json.dumps(json.loads(call["function"]["arguments"]), separators=(",", ":"))
    if said.calls and not said.cut:
        shape["choices"][0]["finish_reason"] = "stop"
    return shape


def anthropic_shape(said: Content) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = []
    if said.thinking:
        blocks.append({"type": "thinking", "thinking": said.thinking, "signature": "signed"})
    cited = [{"type": "char_location", "document_title": title} for title in said.cited]
    blocks.append({"type": "text", "text": said.text, **({"citations": cited} if cited else {})})
    blocks += [{"type": "tool_use", "id": name, "name": tool, "input": given} for name, tool, given in said.calls]
    reason = {"length": "max_tokens", "tool_calls": "tool_use", "stop": "end_turn"}[said.reason]
    usage = {"input_tokens": said.fresh, "cache_read_input_tokens": said.cached, "output_tokens": said.out}
    stop = "refusal" if said.refused else reason
    return {"type": "message", "model": "served", "content": blocks, "stop_reason": stop, "usage": usage}


@given(CONTENTS)
def test_the_same_content_is_equal_in_every_shape(said: Content) -> None:
    reply = from_openai(openai_shape(said))
    assert reply == from_openai(vllm_shape(said)) == from_anthropic(anthropic_shape(said))
    assert reply.thinking == said.thinking
    assert (reply.refusal, reply.text) == ((said.text, "") if said.refused else (None, said.text))
    assert [json.loads(one.arguments) for one in reply.tool_requests] == [given for _, _, given in said.calls]
    assert set(said.cited) <= set(reply.citations)
    assert reply.usage.tokens_in == said.fresh + said.cached
    assert reply.usage.cached_tokens == said.cached


@given(st.text(string.ascii_letters + " \n<>/", max_size=60), st.booleans(), st.lists(st.integers(0, 60), max_size=8))
def test_thinking_is_told_from_text_however_it_is_cut(said: str, thinks: bool, cuts: list[int]) -> None:
    """What a stream shows piece by piece is what the whole answer shows."""
    whole = f" <think>{said}</think>\n<thinking>more</thinking> {said}" if thinks else said
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    once, pieces = Visible(), Visible()
    expected = once.feed(whole) + once.end()
    shown = "".join(pieces.feed(whole[a:b]) for a, b in itertools.pairwise(edges)) + pieces.end()
    assert (shown, pieces.thinking) == (expected, once.thinking)


@pytest.mark.parametrize(
    ("text", "thinking", "shown"),
    [
        ("  plain", "", "  plain"),
        ("A page may hold <think> and </think> later.", "", "A page may hold <think> and </think> later."),
        ("<think>never closed", "never closed", ""),
        ("<think></think>\n\nHi", "", "Hi"),
        ("no opening tag\n</think>\n\nHi", "no opening tag", "Hi"),
        ("It ends with </think>\nand goes on.", "", "It ends with </think>\nand goes on."),
        ("```\nhm\n</think>\n```\nSo.", "", "```\nhm\n</think>\n```\nSo."),
        ("<thi", "", "<thi"),
        ("<Reasoning>hm</Reasoning> Hi", "hm", "Hi"),
        ("<thought>hm</thought>\nHi", "hm", "Hi"),
    ],
)
def test_only_what_stands_at_the_beginning_is_thinking(text: str, thinking: str, shown: str) -> None:
    assert split_thinking(text) == (thinking, shown)


def test_only_where_the_tag_may_be_swallowed_is_it_missed() -> None:
    said = "The tag is\n</think>\n\nand that is all."
    message = {"choices": [{"message": {"content": said}, "finish_reason": "stop"}]}
    assert from_openai(message, tagged=True).text == said
    apart = {"choices": [{"message": {"content": said, "reasoning_content": "hm"}, "finish_reason": "stop"}]}
    assert from_openai(apart).text == said
    assert from_anthropic({"content": [{"type": "text", "text": said}], "stop_reason": "end_turn"}).text == said
    assert from_openai(message).text == "and that is all."


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("As said [doc-1], and [doc-2; terms/3.1].", ("doc-1", "doc-2", "terms/3.1")),
        ("- [x] done\n- [ ] open", ()),
        ("a[0] and rows[i][j] and ![pic](u) and [name](u) and [ref]: u", ()),
        ("`[code]` and\n```\n[block]\n```\n[doc-1]", ("doc-1",)),
        ('{"rows": [1, 2], "note": "see [doc-1]"}', ("doc-1",)),
        ("[a whole sentence, in brackets]", ()),
        ("twice [a] [a]", ("a",)),
        (
            "As said [doc-1][hr/x.md#2], and 5[hr/y.md#3] \u3010doc-4\u3011.",
            ("doc-1", "hr/x.md#2", "hr/y.md#3", "doc-4"),
        ),
    ],
)
def test_ids_in_brackets_are_citations(text: str, ids: tuple[str, ...]) -> None:
    assert cited_ids(text) == ids


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"choices": []}, "empty"),
        ({}, "malformed"),
        ([1], "malformed"),
        (None, "malformed"),
        ({"choices": ["no"]}, "malformed"),
        ({"choices": [{"message": {"content": 7}}]}, "malformed"),
        ({"choices": [{"message": {"content": "Hi", "tool_calls": 5}}]}, "malformed"),
        ({"choices": [{"message": {"content": "Hi", "tool_calls": {"id": "t"}}}]}, "malformed"),
    ],
)
def test_what_is_no_answer_is_a_failure(answer: object, kind: str) -> None:
    with pytest.raises(LaneFailure) as caught:
        from_openai(answer)
    assert caught.value.kind == kind


def test_a_message_without_content_is_malformed() -> None:
    with pytest.raises(LaneFailure, match="malformed"):
        from_anthropic({"type": "error"})


def test_parts_of_content_and_old_function_calls_are_read() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    message = {"content": [thought, {"type": "text", "text": "Hi"}], "function_call": {"name": "f", "arguments": ""}}
    reply = from_openai({"choices": [{"message": message, "finish_reason": "function_call"}]})
    assert (reply.text, reply.thinking, reply.stop) == ("Hi", "hm", "tools")
    assert [(one.id, one.name, one.arguments) for one in reply.tool_requests] == [("call_0", "f", "{}")]


@pytest.mark.parametrize("arguments", ["{oops", '{"cents": 1, "cents": 5000}', '{"to": [{"a": 1, "a": 2}]}'])
def test_arguments_that_are_no_json_or_ambiguous_stay_as_written(arguments: str) -> None:
    """A toolbox has to see that a name stands twice: readers differ in which of the two they take."""
    message = {"content": None, "tool_calls": [{"id": "t", "function": {"name": "f", "arguments": arguments}}]}
    reply = from_openai({"choices": [{"message": message, "finish_reason": "tool_calls"}]})
    assert reply.tool_requests[0].arguments == arguments


def test_signed_thinking_goes_back_with_a_call_of_a_tool_and_only_then() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "signed"}
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    asked = from_anthropic({"content": [thought, call], "stop_reason": "tool_use"})
    assert asked.as_message()["thinking_blocks"] == [thought]
    answered = from_anthropic({"content": [thought, {"type": "text", "text": "Hi"}], "stop_reason": "end_turn"})
    assert "thinking_blocks" not in answered.as_message()
    assert isinstance(answered, Reply)
