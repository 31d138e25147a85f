"""Rows of LiteLLM's spend logs and MLflow's traces under one set of names, whatever release or exporter wrote them.

Fields: ``LiteLLM_SpendLogs`` of litellm's ``schema.prisma`` and ``StandardLoggingPayload`` of ``litellm.types.utils``
(1.106); ``TraceInfo.to_dict`` and the keys of ``mlflow.tracing.constant`` (3.17).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from router_ml.offline.importing.paths import from_json, look_up

_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s")


def litellm_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the spend logs, or a standard logging payload, beside ``lane``, ``asked``, ``cost``, ``took_ms``,
    ``person``, ``organisation`` and ``failed``."""
    payload = "response_cost" in row
    asked, body = _opened(row.get("messages")), _table(row.get("proxy_server_request"))
    asked = asked or _first(*(_opened(body.get(name)) for name in ("messages", "input", "prompt")))
    metadata = _opened(row.get("metadata"))
    known = metadata if isinstance(metadata, Mapping) else {}
    took = row.get("request_duration_ms")
    if _blank(took):
        took = _ms(row.get("response_time")) if payload else _between(row.get("startTime"), row.get("endTime"))
    failed = str(row.get("status") or known.get("status") or "") == "failure"
    cached = str(row.get("cache_hit")).casefold() == "true"  # what a cache answers says nothing of a lane's cost
    return {
        **row,
        "metadata": known,
        "id": row.get("request_id") or row.get("id") or row.get("litellm_call_id"),
        "asked": _asked(asked),
        "lane": None if failed else _first(row.get("model_group"), row.get("model")),
        "cost": None if cached else row.get("response_cost") if payload else row.get("spend"),
        "took_ms": None if cached else took,
        "at": _moment(row.get("startTime")),
        "person": _first(row.get("end_user"), row.get("user"), known.get("user_api_key_user_id")),
        "organisation": _first(row.get("team_id"), known.get("user_api_key_team_id"), row.get("organization_id")),
        "failed": failed,
    }


def mlflow_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A trace (``Trace.to_dict()``, or a row of ``search_traces``) beside ``lane``, ``asked``, ``at``, ``took_ms``,
    ``cost``, ``tokens``, ``person``, ``session`` and ``feedback`` by the name of each assessment."""
    info = _opened(row.get("info")) or row
    told = {**_table(info.get("tags")), **_table(info.get("trace_metadata")), **_table(info.get("request_metadata"))}
    spans = look_up(row, "data.spans") or _opened(row.get("spans")) or []
    attributes = [_table(_opened(span.get("attributes"))) for span in spans if isinstance(span, Mapping)]
    inputs = attributes[0].get("mlflow.spanInputs") if attributes else told.get("mlflow.traceInputs")
    inputs = _opened(inputs if inputs is not None else row.get("request"))
    cost = _opened(told.get("mlflow.trace.cost"))
    failed = str(info.get("state") or info.get("status") or "") == "ERROR"
    models = [each["mlflow.llm.model"] for each in attributes if each.get("mlflow.llm.model")]
    named = _first(told.get("lane"), *models, look_up({"in": inputs}, "in.model"))
    return {
        "id": info.get("trace_id") or info.get("request_id"),
        "asked": _asked(inputs),
        "lane": None if failed else _opened(named) or named,
        "at": _moment(info.get("request_time") or info.get("timestamp_ms")),
        "took_ms": _duration(info),
        "cost": cost.get("total_cost") if isinstance(cost, Mapping) else cost,
        "tokens": _table(_opened(told.get("mlflow.trace.tokenUsage"))),
        "person": told.get("mlflow.trace.user"),
        "session": told.get("mlflow.trace.session"),
        "feedback": _feedback(_opened(info.get("assessments")) or _opened(row.get("assessments")) or []),
        "tags": told,
        "failed": failed,
    }


def _asked(inputs: Any) -> list[Any] | None:
    """Messages of what a root span was given: messages themselves, or the first text there is."""
    for _ in range(4):
        if isinstance(inputs, list) and inputs and isinstance(inputs[0], Mapping) and "role" in inputs[0]:
            return inputs
        if isinstance(inputs, Mapping):
            known = ("messages", "input", "question", "query", "prompt", "text", "request", "inputs")
            inputs = next((inputs[key] for key in known if key in inputs), next(iter(inputs.values()), None))
        elif isinstance(inputs, list):
            inputs = inputs[-1] if inputs else None
    return [{"role": "user", "content": inputs}] if isinstance(inputs, str) and inputs.strip() else None


def _feedback(assessments: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in assessments if isinstance(assessments, list) else []:
        if isinstance(one, Mapping):
            name = one.get("assessment_name") or one.get("name")
            value = look_up(one, "feedback.value")
            if name and value is not None and one.get("valid", True):
                found[str(name)] = value
    return found


def _duration(info: Mapping[str, Any]) -> float | None:
    for name in ("execution_duration_ms", "execution_time_ms"):
        if not _blank(info.get(name)):
            return float(info[name])
    said = info.get("execution_duration")
    if isinstance(said, int | float):
        return float(said)
    found = _SECONDS.fullmatch(str(said or ""))
    return float(found[1]) * 1000 if found else None


def _table(value: Any) -> dict[str, Any]:
    value = _opened(value)
    if isinstance(value, list):  # key and value, as some exporters write it
        value = {one["key"]: one.get("value") for one in value if isinstance(one, Mapping) and "key" in one}
    return dict(value) if isinstance(value, Mapping) else {}


def _opened(value: Any) -> Any:
    """What a text holds that is JSON; other values as they are. Empty ones are none."""
    found = from_json(value) if isinstance(value, str) and value.lstrip()[:1] in ("{", "[", '"') else value
    return value if found is None else (None if found in ({}, []) else found)


def _first(*values: Any) -> Any:
    return next((value for value in values if not _blank(value)), None)


def _blank(value: Any) -> bool:
    return value is None or value == ""


def _ms(seconds: Any) -> float | None:
    try:
        return float(seconds) * 1000
    except (TypeError, ValueError):
        return None


def _moment(value: Any) -> str | None:
    """A time as ISO 8601: epoch seconds and milliseconds are told apart by their size."""
    if isinstance(value, datetime):
        return value.isoformat()
    try:
        number = float(value)
    except (TypeError, ValueError):
        return value if isinstance(value, str) else None
    try:
        return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC).isoformat()
    except (OverflowError, OSError, ValueError):
        return None


def _between(start: Any, end: Any) -> float | None:
    try:
        first, last = datetime.fromisoformat(_moment(start) or ""), datetime.fromisoformat(_moment(end) or "")
        return (last - first).total_seconds() * 1000
    except (TypeError, ValueError):
        return None
