"""What outcomes taught of the plan of a request, where that is sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router_ml.config.planning import PlanRule


@dataclass(frozen=True)
class Guess:
    """Retrieval strategy, or the slot to ask for first; output contract and tools that must be called. None and empty
    where nothing is sure."""

    retrieval: str | None = None
    ask: str | None = None
    output_contract: str | None = None
    tools: tuple[str, ...] = ()


NO_GUESS = Guess()


@dataclass(frozen=True)
class Advice:
    """What is known of the plan of one request: the rules that are for it, in their order, and what outcomes taught."""

    rules: Sequence[PlanRule] = ()
    guess: Guess = NO_GUESS

    def first(self, field: str, *, learned: object = None) -> PlanRule | None:
        """The rule that decides a field; None where none sets it, or the one that does gives way to what was
        ``learned``."""
        rule = next((rule for rule in self.rules if getattr(rule, field) is not None), None)
        return None if rule is not None and rule.soft and learned is not None else rule
