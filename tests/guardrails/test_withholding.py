"""Whatever an execution holds, the record that is left of it holds none of the values, and still says what was done."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from router_ml.contract import Execution, Hop
from router_ml.guardrails.withholding import WITHHELD, withheld

MARK = "QZX7"
KEY = b"a key of sixteen bytes"


@st.composite
def values(draw: st.DrawFn) -> str:
    """A text that nobody else would write, somewhere in other text."""
    before, after = draw(st.text(max_size=8)), draw(st.text(max_size=8))
    return before + MARK + after


JSON = st.recursive(values(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(values(), inner, max_size=3))
SAID = st.none() | values()
HOPS = st.lists(
    st.fixed_dictionaries({"error": SAID, "kind": st.sampled_from([None, "timeout", "schema"])}), max_size=3
)
LOOKUPS = st.lists(st.fixed_dictionaries({"error": SAID}), max_size=2)
CALLS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["refund", f"refund {MARK}"]),
            "arguments": st.dictionaries(values(), JSON, max_size=3),
            "result": st.none() | JSON,
            "error": SAID,
            "call_id": SAID,
            "key": SAID,
            "status": st.sampled_from(["done", "refused", "failed"]),
        }
    ),
    max_size=3,
)


def execution(hops: list[Any], lookups: list[Any], calls: list[Any], **more: Any) -> Execution:
    place = {"lane": "own", "provider": "vllm", "region": "eu", "boundary": "private"}
    return Execution(
        decision_id="d",
        hops=tuple({**place, "cost_usd": 0.5, **hop} for hop in hops),
        lookups=tuple({"index": "help", "strategy": "light", "context_ids": ("doc#1",), **one} for one in lookups),
        tool_calls=tuple({"version": "1", **call} for call in calls),
        **more,
    )


@given(
    hops=HOPS,
    lookups=LOOKUPS,
    calls=CALLS,
    errors=st.lists(values(), max_size=3),
    cited=st.lists(values(), max_size=3),
    key=st.sampled_from([None, KEY]),
)
def test_no_value_is_left(
    hops: list[Any], lookups: list[Any], calls: list[Any], errors: list[str], cited: list[str], key: bytes | None
) -> None:
    whole = execution(
        hops, lookups, calls, validation={"status": "failed", "errors": errors}, citations=[*cited, "doc#1"]
    )
    bare = withheld(whole, key, tools=["refund"])
    assert MARK not in bare.model_dump_json()
    assert len(bare.hops) == len(hops)
    assert [hop.kind for hop in bare.hops] == [hop["kind"] for hop in hops]
    assert [hop.error is None for hop in bare.hops] == [hop["error"] is None for hop in hops]
    assert [call.status for call in bare.tool_calls] == [call["status"] for call in calls]
    assert len(bare.citations) == len(cited) + 1
    assert withheld(bare, key, tools=["refund", WITHHELD]).hops == bare.hops


def test_a_citation_is_kept_where_it_is_an_id_that_was_looked_up() -> None:
    """An invented one may say anything."""
    found = execution([], [{"error": None}], [], citations=["doc#1", "ann@example.com"])
    assert withheld(found, None).citations == ("doc#1", WITHHELD)


def test_the_key_of_a_write_can_be_matched_by_whoever_has_the_key_of_the_log() -> None:
    """It is made from the arguments: without a key of ours it could be guessed back."""
    call = {"name": "refund", "key": "d/refund/8812", "call_id": "call_1"}
    (plain,) = withheld(execution([], [], [call]), None).tool_calls
    (keyed,) = withheld(execution([], [], [call]), KEY).tool_calls
    assert (plain.key, plain.call_id) == (None, None)
    assert keyed.key
    assert "8812" not in keyed.key


def test_a_tool_that_nobody_configured_has_no_name() -> None:
    """A lane may ask for a tool under a name that it made up of what it read."""
    calls = [{"name": "refund"}, {"name": "mail_ann_smith"}]
    kept = withheld(execution([], [], calls), None, tools=["refund"])
    assert [call.name for call in kept.tool_calls] == ["refund", WITHHELD]


def test_a_model_s_name_is_a_name_or_withheld() -> None:
    """It is what a server says of itself, and a server may say anything."""
    place = {"lane": "a", "provider": "a", "region": "eu", "boundary": "private"}
    names = ("gpt-4.1-2025-04-14", "meta-llama/Llama-3.1-8B:free", "the card 4111 1111 1111 1111", "ann@example.com")
    execution = Execution(decision_id="dec-1", hops=tuple(Hop(**place, served_model=name) for name in names))
    kept = [hop.served_model for hop in withheld(execution, None).hops]
    assert kept == [*names[:2], WITHHELD, WITHHELD]
