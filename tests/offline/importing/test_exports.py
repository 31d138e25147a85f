"""Exports of LiteLLM and MLflow say the same under the names that the presets map."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from router_ml.config import RouterConfig
from router_ml.errors import RegistryError
from router_ml.offline.importing.exports import litellm_row, mlflow_row
from router_ml.offline.importing.files import rows_of
from router_ml.offline.importing.guessing import guess
from router_ml.offline.importing.mapping import parse_mapping
from router_ml.offline.importing.rows import RowReader

ASKED = [{"role": "user", "content": "Which pump fits a tandem?"}]
SPEND: dict[str, Any] = {
    "request_id": "chatcmpl-1",
    "call_type": "acompletion",
    "spend": 0.002,
    "prompt_tokens": 20,
    "completion_tokens": 80,
    "startTime": "2026-10-01T08:00:00.000Z",
    "endTime": "2026-10-01T08:00:01.500Z",
    "model": "gpt-4.1",
    "model_group": "expert",
    "end_user": "staff-1",
    "team_id": "workshop",
    "metadata": '{"rating": "up", "status": "success"}',
    "messages": json.dumps(ASKED),
    "session_id": "s1",
    "status": "success",
}


def test_a_row_of_the_spend_logs() -> None:
    found = litellm_row(SPEND)
    assert (found["lane"], found["cost"], found["took_ms"], found["person"]) == ("expert", 0.002, 1500.0, "staff-1")
    assert found["asked"] == ASKED
    assert found["metadata"]["rating"] == "up"


def test_prompts_that_are_only_in_the_request_are_found_there() -> None:
    row = {**SPEND, "messages": "{}", "proxy_server_request": json.dumps({"messages": ASKED})}
    assert litellm_row(row)["asked"] == ASKED
    for name in ("input", "prompt"):
        body = {"model": "expert", name: ASKED[0]["content"]}
        assert litellm_row({**SPEND, "messages": {}, "proxy_server_request": body})["asked"] == ASKED
    assert litellm_row({**SPEND, "messages": {}, "proxy_server_request": {"model": "expert"}})["asked"] is None


def test_what_a_cache_answered_says_nothing_of_cost_and_time() -> None:
    """It would teach that the lane is free and answers at once."""
    found = litellm_row({**SPEND, "cache_hit": "True"})
    assert (found["lane"], found["cost"], found["took_ms"]) == ("expert", None, None)
    assert litellm_row({**SPEND, "cache_hit": "False"})["cost"] == 0.002


def test_a_standard_logging_payload() -> None:
    payload = {
        "id": "x",
        "response_cost": 0.004,
        "startTime": 1790841600.0,
        "endTime": 1790841602.0,
        "response_time": 2.0,
        "model": "gpt-4.1",
        "model_group": None,
        "messages": ASKED,
        "metadata": {"user_api_key_team_id": "web"},
        "status": "success",
    }
    found = litellm_row(payload)
    assert (found["lane"], found["cost"], found["took_ms"], found["organisation"]) == ("gpt-4.1", 0.004, 2000.0, "web")
    assert found["at"] == "2026-10-01T08:00:00+00:00"


def test_a_call_that_failed_chose_no_lane(config: RouterConfig) -> None:
    """Nobody answered, so there is nothing to learn of an answer."""
    found = litellm_row({**SPEND, "status": "failure"})
    assert found["lane"] is None
    mapping = parse_mapping("version: 1\nsource: s\nformat: litellm\nmessages: asked\nlane: lane\ntime: at\n")
    row, (trouble,) = RowReader(mapping, config).read(1, found)
    assert row is None
    assert "found one that failed" in trouble.expected


def test_a_guess_of_spend_logs_is_a_mapping_that_reads_them(tmp_path: Path, config: RouterConfig) -> None:
    path = tmp_path / "spend.jsonl"
    path.write_text(json.dumps(SPEND) + "\n")
    text = guess(path, config, kind="litellm") + "quality: {column: metadata.rating, as: thumbs}\n"
    mapping = parse_mapping(text)
    ((line, cells),) = rows_of(path, kind="litellm")
    row, troubles = RowReader(mapping, config).read(line, cells or {})
    assert troubles == ()
    assert row is not None
    assert (row.lane, row.quality, row.cost_usd, row.latency_ms, row.user) == ("expert", 1.0, 0.002, 1500.0, "staff-1")


TRACE: dict[str, Any] = {
    "info": {
        "trace_id": "tr-1",
        "request_time": "2026-10-01T08:00:00Z",
        "execution_duration_ms": 700,
        "state": "OK",
        "trace_metadata": {
            "mlflow.trace.user": "staff-2",
            "mlflow.trace.session": "s2",
            "mlflow.trace.tokenUsage": '{"input_tokens": 20, "output_tokens": 80}',
        },
        "tags": {"lane": "everyday"},
        "assessments": [{"assessment_name": "helpful", "feedback": {"value": True}, "valid": True}],
    },
    "data": {"spans": [{"attributes": {"mlflow.spanInputs": json.dumps({"messages": ASKED})}}]},
}


def test_a_trace_of_mlflow() -> None:
    found = mlflow_row(TRACE)
    assert (found["lane"], found["took_ms"], found["person"], found["session"]) == ("everyday", 700.0, "staff-2", "s2")
    assert found["asked"] == ASKED
    assert found["feedback"] == {"helpful": True}
    assert found["tokens"] == {"input_tokens": 20, "output_tokens": 80}


def test_a_trace_without_messages_gives_its_question() -> None:
    spans = [{"attributes": {"mlflow.spanInputs": '{"question": "Which pump?"}', "mlflow.llm.model": '"gpt-4.1"'}}]
    found = mlflow_row({"info": {**TRACE["info"], "tags": {}}, "data": {"spans": spans}})
    assert found["asked"] == [{"role": "user", "content": "Which pump?"}]
    assert found["lane"] == "gpt-4.1"


@pytest.mark.slow
def test_traces_of_a_store_are_read_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="needs the extra 'registry'")
    if not hasattr(mlflow, "start_span_no_context"):
        pytest.skip("this MLflow records no traces")
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    mlflow.set_tracking_uri(store)
    mlflow.set_experiment("desk")
    span = mlflow.start_span_no_context("chat", inputs={"messages": ASKED}, tags={"lane": "expert"})
    span.set_outputs("a small one")
    span.end()
    mlflow.flush_trace_async_logging()
    mlflow.log_feedback(trace_id=span.trace_id, name="helpful", value=True)
    ((_, found),) = rows_of("mlflow:desk", kind="mlflow")
    assert found is not None
    assert (found["lane"], found["asked"], found["feedback"]) == ("expert", ASKED, {"helpful": True})
    with pytest.raises(RegistryError, match="no experiment of this name"):
        list(rows_of("mlflow:none", kind="mlflow"))
