"""What a log keeps of what a decision was made from."""

from __future__ import annotations

from dataclasses import dataclass

from router_ml.storage.records import Features


@dataclass(frozen=True)
class Kept:
    """``text``: the whole request as JSON. Both None where policy did not let it be kept, or it has expired."""

    text: str | None = None
    features: Features | None = None
