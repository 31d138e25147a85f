"""Answers for tests: one lane, one cell, unless told otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from router_ml.config import RouterConfig
from training.evals.priors.answers import Answer

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def answer(config: RouterConfig, number: int, quality: float, **fields: Any) -> Answer:
    """Of lane ``private`` in (qa, medical), unless told otherwise."""
    lane = config.lanes[fields.get("lane", "private")]
    name = f"case-{number}"
    made = Answer("private", lane.model, lane.version, "planted", "qa", "medical", name, name, quality, NOW)
    return replace(made, **fields)
