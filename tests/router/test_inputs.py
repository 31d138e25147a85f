"""Odd, huge and wrong input: a clear error or a safe decision, never a traceback or a value in an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from router_ml import Router
from router_ml.errors import InvalidRequestError
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog

QUESTION = "Which planet has the strongest winds?"


@pytest.mark.parametrize(
    "text", ["\x00\x01\x02\x03" * 50, "caf\ud800e", "\u202e\u200b" * 40 + "a", "🤖" * 500, "a" * 40_000, "{}" * 9]
)
def test_odd_text_gives_a_safe_decision(router: Router, text: str) -> None:
    """Binary-looking, undecodable or huge input is routed as unknown, on private lanes, and never raises."""
    decision = router.predict_route(text)
    decision.explain("auditor")
    json.loads(decision.to_json())
    if decision.guard_state == "unknown":
        assert all(router.config.lanes[lane].boundary == "private" for lane in decision.eligible)


def test_a_megabyte_is_unknown_not_cut(router: Router) -> None:
    """Over the byte cap nothing is half-scanned: the request counts as a hit and says why."""
    decision = router.predict_route("word " * 210_000)
    assert decision.guard_state == "unknown"
    assert all(router.config.lanes[lane].boundary == "private" for lane in decision.eligible)


@pytest.mark.parametrize(
    "bad", ["", " \n", None, 7, [], {}, {"text": 3}, {"txt": "a"}, b"a", {"text": "a", "messages": [{"role": "user"}]}]
)
def test_bad_input_is_a_clear_error(router: Router, bad: object) -> None:
    """Wrong input names what is wrong; a caller never sees a pydantic or numpy traceback."""
    with pytest.raises(InvalidRequestError):
        router.predict_route(bad)  # type: ignore[arg-type]


def test_errors_do_not_repeat_values(router: Router) -> None:
    """An error text may end in a log; it must not carry what the request held."""
    with pytest.raises(InvalidRequestError) as caught:
        router.predict_route({"text": "x", "channel": "nora.winter@posteo-mail.net", "metadata": 4})
    assert "nora" not in str(caught.value)


def test_unknown_names_are_told_with_the_known_ones(router: Router) -> None:
    """A typo in a tool, lane, class or contract name must not silently change a decision."""
    for fields in (
        {"allowed_tools": ["refnd"]},
        {"traffic_class": "defualt"},
        {"output_contract": "jsn"},
        {"constraints": {"deny_lanes": ["premum"]}},
        {"constraints": {"boundary": "vendr"}},
    ):
        with pytest.raises(InvalidRequestError):
            router.predict_route("What is a bond?", **fields)


@pytest.mark.parametrize(
    "wrong", [{"seed": "a"}, {"seed": 1.5}, {"seed": -1}, {"now": "today"}, {"decision_id": "a b"}]
)
def test_wrong_arguments_are_our_errors(router: Router, wrong: dict[str, object]) -> None:
    """A wrong seed, clock or id is told in our words, without the value."""
    with pytest.raises(InvalidRequestError):
        router.predict_route(QUESTION, **wrong)  # type: ignore[arg-type]


def test_a_batch_names_the_wrong_request_and_logs_nothing(bundle: Bundle, tmp_path: Path) -> None:
    """Half a logged batch would be decisions that nobody received."""

    with EventLog(tmp_path / "log.sqlite") as log:
        router = Router(bundle.config, bundle=bundle, log=log)
        with pytest.raises(InvalidRequestError, match="Request 1"):
            router.predict_routes([QUESTION, {"text": "x", "traffic_class": "nope"}])
        assert log.counts()["decisions"] == 0
    for wrong in ("abc", None):
        with pytest.raises(InvalidRequestError):
            router.predict_routes(wrong)  # type: ignore[arg-type]


def test_an_id_with_personal_data_is_not_repeated(router: Router) -> None:
    """What the scan found in the caller's id must not reach the log through the decision."""
    decision = router.predict_route({"text": QUESTION, "request_id": "nora.winter@posteo-mail.net"})
    assert decision.guard_state == "hit"
    assert decision.request_id is None
    assert "nora" not in decision.to_json()
