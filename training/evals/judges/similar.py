"""Likeness in meaning, by the encoder of the bundle, with a threshold that is calibrated on authored pairs.

An embedding tells the subject, not the truth: "opens at nine" and "opens at eleven" are almost the same to it, and on
our pairs closer to each other than to a free paraphrase. So a likeness above the threshold says that an answer is about
the right thing, nothing more; exact, numeric or grounded checks beside it say whether it is right.
``calibration.json`` holds how often it is wrong, on pairs that the threshold was not chosen on; ``python -m
training.evals.judges.calibrate`` makes it from ``pairs.jsonl``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Embed = Callable[[list[str]], NDArray[np.float32]]
FOLDER = Path(__file__).parent


class Calibration(BaseModel):
    """``threshold``: the likeness from which on two texts count as alike. ``kept``: share of held-out paraphrases at or
    above it; ``passed``: share of held-out pairs that are not alike, by kind, that are too; ``auc``: area under the
    curve on the held-out pairs, by kind; ``pairs``: how many were held out; ``encoder``: its sha256."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    threshold: float
    kept: float
    passed: dict[str, float]
    auc: dict[str, float]
    pairs: dict[str, int]
    encoder: str


@lru_cache(maxsize=1)
def calibrated() -> Calibration:
    """The calibration that ships."""
    return Calibration.model_validate_json((FOLDER / "calibration.json").read_bytes())


def likeness(embed: Embed, one: str, other: str) -> float:
    """Cosine of two texts, -1..1.

    Raises:
        OfflineDataError: there is no bundle to embed with.
    """
    first, second = embed([one, other])
    return float(np.dot(first, second))
