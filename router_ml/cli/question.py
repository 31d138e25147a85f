"""What ``router-ml explain`` is asked about a decision that was made: what if."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router_ml.contract import RouteDecision
from router_ml.counterfactual.what_if import WhatIf


@dataclass(frozen=True)
class Question:
    """Lanes to deny, lanes to allow alone, another floor, another lambda; what was not given is None or empty."""

    deny: Sequence[str] | None = None
    allow: Sequence[str] | None = None
    floor: float | None = None
    quality_per_usd: float | None = None

    def __bool__(self) -> bool:
        """Whether anything was asked."""
        return bool(self.deny or self.allow) or self.floor is not None or self.quality_per_usd is not None

    def of(self, decision: RouteDecision) -> WhatIf:
        """The answer for one decision; raises as ``RouteDecision.what_if``."""
        return decision.what_if(
            deny=self.deny or (),
            allow=self.allow or None,
            floor=self.floor,
            quality_per_usd=self.quality_per_usd,
        )
