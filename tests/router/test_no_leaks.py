"""Private data reaches private lanes only, whatever else goes wrong: failing detectors, sessions, outages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router_ml import Router, RouteRequest
from router_ml.deciding.reading import Guards
from router_ml.guardrails.detectors.detector import Detector
from router_ml.guardrails.detectors.external import DetectorFault
from router_ml.guardrails.patterns import DETECTORS
from router_ml.storage.bundle import Bundle

CARD = "4539" + "578763621486"
VALUES = (
    "nora.winter" + "@" + "posteo-mail.net",
    f"card {CARD}",
    "IBAN DE89 3704 0044 0532 0130 00",
    "my ssn is 536-22-" + "8145",
    "the password is " + "Tr4ut-mandel-77!",
    "ghp_" + "9aB3" * 9,
)
WORDS = st.lists(st.sampled_from("please check order 8812 and write the summary for Monday".split()), max_size=8)
PLACES: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "text": lambda words, value: {"text": f"{words} {value} {words}"},
    "an earlier message": lambda words, value: {
        "messages": [
            {"role": "user", "content": f"{words} {value}"},
            {"role": "assistant", "content": "noted"},
            {"role": "user", "content": words or "go on"},
        ]
    },
    "a tool call": lambda words, value: {
        "messages": [
            {"role": "user", "content": words or "go on"},
            {"role": "assistant", "tool_calls": [{"function": {"name": "note", "arguments": f'{{"x": "{value}"}}'}}]},
        ]
    },
    "metadata": lambda words, value: {"text": words or "go on", "metadata": {"deep": [{"note": value}]}},
    "a key": lambda words, value: {"text": words or "go on", "metadata": {value: True}},
}


class Broken:
    """A detector of the user's that fails in one of several ways."""

    type, risk = "custom", "pii"

    def __init__(self, how: str) -> None:
        self.how = how

    def ask(self, texts: Sequence[str]) -> Any:
        if self.how == "raises":
            raise RuntimeError(texts[0])
        if self.how == "late":
            return DetectorFault("detector custom missed its deadline of 50 ms")
        return {"too few": [], "outside": [[(0, 10**9)] for _ in texts], "nothing": [[] for _ in texts]}[self.how]


def _raise(match: object) -> None:
    raise ValueError(match)


def broken_table(how: str, which: int) -> tuple[Detector, ...]:
    """The table of detectors with one that raises or answers with spans outside of the text."""
    table = list(DETECTORS)
    if how != "sound":
        accept: Any = _raise if how == "raises" else lambda match: (0, len(match.string) + 1)
        table[which % len(table)] = replace(table[which % len(table)], accept=accept)
    return tuple(table)


def private(router: Router) -> set[str]:
    return {name for name, lane in router.config.lanes.items() if lane.boundary == "private"}


def check_private(router: Router, decision: Any) -> None:
    used = decision.fallback.lanes() | ({decision.lane} if decision.lane else set())
    assert used <= set(decision.eligible) <= private(router)
    assert decision.lane is not None or decision.action in ("human_review", "refuse", "clarify")
    places = (decision.destinations.indexes, decision.destinations.rerankers, decision.destinations.trace_sinks)
    known = {**router.config.indexes, **router.config.rerankers, **router.config.trace_sinks}
    assert all(known[name].boundary == "private" for names in places for name in names)


@given(
    words=WORDS,
    value=st.sampled_from(VALUES),
    place=st.sampled_from(sorted(PLACES)),
    table=st.tuples(st.sampled_from(["sound", "raises", "outside"]), st.integers(0, 10_000)),
    users=st.sampled_from(["none", "raises", "late", "too few", "outside", "nothing"]),
    down=st.sampled_from([None, "vllm-a", "vllm-b", "google"]),
    seed=st.integers(0, 2**40),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_private_data_stays_private_whatever_fails(
    bundle: Bundle, words: list[str], value: str, place: str, table: tuple[str, int], users: str, down: str, seed: int
) -> None:
    """A detector that breaks makes the scan unknown, which is a hit; an outage leaves fewer lanes, never wider ones."""
    external = () if users == "none" else (Broken(users),)
    router = Router(bundle.config, bundle=bundle, guards=Guards(broken_table(*table), external, None, "x"))
    if down:
        router.report_health(down, "down")
    decision = router.predict_route(RouteRequest.model_validate(PLACES[place](" ".join(words), value)), seed=seed)
    assert decision.guard_state in ("hit", "unknown")
    check_private(router, decision)
    assert value not in decision.to_json()


@given(users=st.sampled_from(["raises", "late", "too few", "outside"]), text=st.text(min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_a_fault_alone_is_a_hit(bundle: Bundle, users: str, text: str) -> None:
    """Whoever can break a detector must not get past it."""
    router = Router(bundle.config, bundle=bundle, guards=Guards(DETECTORS, (Broken(users),), None, "x"))
    decision = router.predict_route(f"a{text}", seed=1)
    assert decision.guard_state == "unknown"
    assert any("custom" in reason for reason in decision.guard_reasons)
    check_private(router, decision)


@given(turns=st.lists(st.booleans(), min_size=1, max_size=5), forget=st.booleans(), forged=st.sampled_from([None, "x"]))
@settings(max_examples=40, deadline=None)
def test_a_session_stays_private_once_it_was(
    bundle: Bundle, turns: list[bool], forget: bool, forged: str | None, monkeypatch_key: str
) -> None:
    """From the first private turn on, in this process or another, with a real pin, none, or a forged one."""
    router = Router(bundle.config, bundle=bundle)
    previous: dict[str, Any] | None = None
    seen = False
    for is_private in turns:
        seen |= is_private
        text = f"hello {VALUES[0]}" if is_private else "What is the capital of France?"
        decision = router.predict_route(RouteRequest(text=text, previous=previous), seed=3)
        if seen:
            check_private(router, decision)
        pin = router.pin(decision) if forged is None else forged
        previous = {"decision_id": decision.decision_id, "pin": pin}
        if forget:
            router = Router(bundle.config, bundle=bundle)
            seen |= forged is not None  # nothing vouches for the earlier turn


@pytest.fixture(scope="module")
def monkeypatch_key() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUTER_ML_PIN_KEY", "a key of this test alone")
        yield "set"
