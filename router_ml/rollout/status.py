"""What a serving process says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from router_ml.rollout.shadows import Shadows
from router_ml.rollout.swapping import Swapper


@dataclass(frozen=True)
class Status:
    """What a process serves. ``versions`` by arm; ``shares`` of sessions by arm; ``registry``: None, or why it cannot
    be asked; ``checked_at``: when it was last; ``broken``: versions that should serve and cannot, with the reason;
    ``swaps`` so far; ``shadow``: requests that it decided, dropped and failed at."""

    versions: Mapping[str, str | None]
    rollout: str | None
    shares: Mapping[str, float]
    registry: str | None
    checked_at: datetime | None
    broken: Mapping[str, str]
    swaps: int
    shadow: Mapping[str, int]

    @classmethod
    def of(cls, swapper: Swapper, shadows: Shadows) -> Status:
        """As of now."""
        arranged, checked = swapper.now, swapper.checked_at
        return cls(
            versions=arranged.named(),
            rollout=arranged.shares.rollout if arranged.shares else None,
            shares=arranged.shares.by_arm() if arranged.shares else {"champion": 1.0},
            registry=swapper.registry_error,
            checked_at=None if checked is None else datetime.fromtimestamp(checked, UTC),
            broken=swapper.problems(),
            swaps=swapper.swaps,
            shadow={"decided": shadows.decided, "dropped": shadows.dropped, "failed": shadows.failed},
        )
