"""A study as plain rows: one per policy, per policy and class, per policy and stretch of time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from router_ml.offline.simulation.counting.results import Difference, Interval, Result, Study
from router_ml.offline.simulation.counting.words import caveats
from router_ml.offline.simulation.playing.carried import FATES

Row = dict[str, Any]


def summary_rows(study: Study) -> list[Row]:
    """One row per policy: plain values, in the order of the study; ``less_champion_`` columns are paired differences,
    None for the champion."""
    against = {each.policy: each for each in study.differences}
    return [_summary(study, result, against.get(result.policy)) for result in study.results]


def class_rows(study: Study) -> list[Row]:
    """One row per policy and traffic class."""
    return [
        {
            "scenario": study.scenario,
            "policy": result.policy,
            "traffic_class": one.name,
            "requests": one.requests,
            "due": one.due,
            "served": one.served,
            "success": one.success,
            "spend_usd": one.spend_usd,
            **_interval("quality", one.quality),
            "floor": one.floor,
            "floor_verdict": one.floor_verdict,
            **{f"{name}_ms": value for name, value in asdict(one.latency).items()},
            "dark_minutes": one.dark_minutes,
            "budget_usd": one.budget_usd,
            "over_budget_days": one.over_budget_days,
            **_reasons(one.no_lane),
        }
        for result in study.results
        for one in result.classes
    ]


def series_rows(study: Study) -> list[Row]:
    """One row per policy and stretch of time: ``hour`` and ``until_hour`` since the start, ``at`` its beginning;
    ``served_by`` and a lane's name, requests that it served."""
    rows: list[Row] = []
    for result in study.results:
        series = result.series
        for place in range(len(series.requests)):
            hour = float(series.edges[place])
            row: Row = {
                "scenario": study.scenario,
                "policy": result.policy,
                "at": study.start + timedelta(hours=hour),
                "hour": hour,
                "until_hour": float(series.edges[place + 1]),
            }
            for name in ("requests", "due", "served", "spend_usd", "quality", "p95_ms", "waiting"):
                row[name] = getattr(series, name)[place].item()
            row |= {f"served_by_{lane}": int(series.by_lane[place, at]) for at, lane in enumerate(result.lanes)}
            rows.append(row)
    return rows


def to_record(study: Study) -> Row:
    """Everything as JSON: None where a number is not known, times in ISO 8601."""
    record: Row = plain(asdict(study))
    for result, found in zip(record["results"], study.results, strict=True):
        result.update(plain({"success": found.success, "usd_per_1000": found.usd_per_1000}))
        for part, one in zip(result["classes"], found.classes, strict=True):
            part["success"] = plain(one.success)
    record["caveats"] = list(caveats(study))
    return record


def plain(value: Any) -> Any:
    """The value in what JSON has."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _summary(study: Study, result: Result, less: Difference | None) -> Row:
    verdicts = [one.floor_verdict for one in result.classes]
    served = max(sum(result.lane_requests.values()), 1)
    unknown = Interval(math.nan, math.nan, math.nan)
    return {
        "scenario": study.scenario,
        "policy": result.policy,
        "requests": result.requests,
        "due": result.due,
        "served": result.served,
        "success": result.success,
        "spend_usd": result.spend_usd,
        "usd_per_1000": result.usd_per_1000,
        **_interval("cost_usd", result.cost),
        **_interval("quality", result.quality),
        **_interval("less_champion_quality", less.quality if less else unknown),
        **_interval("less_champion_usd_per_1000", less.usd_per_1000 if less else unknown),
        **_interval("less_champion_success", less.success if less else unknown),
        **{
            f"floors_{verdict.replace(' ', '_')}": verdicts.count(verdict)
            for verdict in ("kept", "not shown", "missed")
        },
        **{f"{name}_ms": value for name, value in asdict(result.latency).items()},
        "dark_minutes": result.dark_minutes,
        "calls": result.calls,
        "failed_calls": result.failed_calls,
        "violations": result.violations,
        **{f"exploration_{name}": value for name, value in asdict(result.exploration).items()},
        **{f"reviews_{name}": value for name, value in asdict(result.reviews).items()},
        **_reasons(result.no_lane),
        "extrapolated": study.extrapolated.get(result.policy),
        **{f"share_{lane}": count / served for lane, count in result.lane_requests.items()},
    }


def _interval(name: str, found: Interval) -> Row:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def _reasons(no_lane: Mapping[str, int]) -> Row:
    return {fate: no_lane.get(fate, 0) for fate in FATES if fate != "served"}
