"""The most that a log may keep of a request: the least that its tier, what was found in it, and any rule leave."""

from __future__ import annotations

from collections.abc import Iterable

from router_ml.config.schema import RouterConfig
from router_ml.contract.base import LogLevel
from router_ml.guardrails.rules.conditions import Facts

LOG_LEVELS: tuple[LogLevel, ...] = ("decision", "features", "embedding", "text")
PRIVATE = frozenset({"pii", "secrets"})


def most_kept(config: RouterConfig, facts: Facts, asked: Iterable[LogLevel | None]) -> LogLevel:
    """The level in force. Of a private request, or one that could not be scanned, neither text nor embedding is kept,
    since both hold what was said; labels, cells, tier and estimates are, so that it still teaches.

    Args:
        asked: by each rule that fired.
    """
    private = facts.guard_state != "clean" or not PRIVATE.isdisjoint(facts.risks)
    most: LogLevel = "features" if private else "text"
    levels = [most, config.logging.of(facts.tier).level, *(level for level in asked if level is not None)]
    return min(levels, key=LOG_LEVELS.index)
