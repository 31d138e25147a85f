"""What classes and plan rules may look at."""

from __future__ import annotations

from dataclasses import dataclass

from router_ml.config.planning import ClassWhen


@dataclass(frozen=True)
class Situation:
    """What class and plan rules may look at."""

    intent: str
    domain: str
    mode: str
    channel: str
    org: str | None


def matches(when: ClassWhen, situation: Situation) -> bool:
    """Whether every condition on the situation that is given holds."""
    conditions = (
        (when.intent, situation.intent),
        (when.domain, situation.domain),
        (when.mode, situation.mode),
        (when.channel, situation.channel),
        (when.org and tuple(org.casefold() for org in when.org), situation.org),
    )
    return all(wanted is None or found in wanted for wanted, found in conditions)
