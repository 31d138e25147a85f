"""From signals (a thumb, an edit, a resolved ticket, a judge's score, a delay) to quality in 0..1.

Pure: the mapping comes in as a value, and its digest goes out with every quality that it made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from router_ml.config.rewards import Combine, Rewards, RewardWhen, Scale, Signal, rewards_sha256
from router_ml.contract import Outcome, RouteDecision
from router_ml.errors import InvalidRequestError


@dataclass(frozen=True)
class Cell:
    """Where a decision belongs, for overrides."""

    traffic_class: str
    intent: str
    domain: str

    @classmethod
    def of(cls, decision: RouteDecision) -> Cell:
        """That of a decision."""
        return cls(decision.traffic_class, decision.intent.label, decision.domain.label)


@dataclass(frozen=True)
class Reward:
    """``quality`` None: the signals say nothing. ``by``: those that decided."""

    quality: float | None
    by: tuple[str, ...]


def reward(rewards: Rewards, signals: Mapping[str, JsonValue], *, cell: Cell | None = None) -> Reward:
    """What signals are worth; a signal whose value is None is not there.

    >>> from router_ml.config.rewards import shipped_rewards
    >>> reward(shipped_rewards(), {"thumb": "up", "edited": 0.25})
    Reward(quality=1.0, by=('thumb',))

    Raises:
        InvalidRequestError: a signal that the mapping does not know, or a value that it cannot read.
    """
    rules, combine = rules_for(rewards, cell)
    if unknown := sorted(signals.keys() - rules.keys()):
        raise InvalidRequestError(
            f"{len(unknown)} of {len(signals)} signals are not in rewards.yaml. Known signals: {', '.join(rules)}. "
            "Add a line there; {} keeps a signal that says nothing yet."
        )
    said: dict[str, float] = {}
    for name, rule in rules.items():
        value = signals.get(name)
        worth = None if value is None else _worth(name, rule, value)
        if worth is not None:
            said[name] = worth
    if not said:
        return Reward(None, ())
    if combine == "priority":
        first = next(iter(said))
        return Reward(said[first], (first,))
    weight = math.fsum(rules[name].weight for name in said)
    mean = math.fsum(rules[name].weight * worth for name, worth in said.items()) / weight
    return Reward(min(max(mean, 0.0), 1.0), tuple(said))


def rated(outcome: Outcome, rewards: Rewards, decision: Callable[[], RouteDecision]) -> Outcome:
    """An outcome with the quality that its signals are worth, where it has no quality of its own, and the probability
    with which its source picks, where it does not say so itself.

    Args:
        decision: finds the decision; asked only where the mapping has overrides.

    Raises:
        InvalidRequestError: as ``reward``; also with a quality, for a text that the mapping does not list, which would
            be kept as it is. LogError: the decision is needed and cannot be found.
    """
    changes: dict[str, object] = {}
    if outcome.quality is None and outcome.signals:
        cell = Cell.of(decision()) if rewards.overrides else None
        changes["quality"] = reward(rewards, outcome.signals, cell=cell).quality
        changes["rewards"] = rewards_sha256(rewards)
    _refuse_texts(rewards, outcome.signals)
    source = rewards.sources.get(outcome.source)
    if source is not None and "rated_probability" not in outcome.model_fields_set:
        changes["rated_probability"] = source.rated_probability
    return outcome.model_copy(update=changes) if changes else outcome


def rules_for(rewards: Rewards, cell: Cell | None) -> tuple[dict[str, Signal], Combine]:
    """The rules in force for a cell, in the order of their priority: an override keeps the place of what it changes."""
    rules, combine = dict(rewards.signals), rewards.combine
    override = next((each for each in rewards.overrides if cell is not None and _holds(each.when, cell)), None)
    if override is None:
        return rules, combine
    laid = {**rules, **override.signals}
    return {name: rule for name, rule in laid.items() if rule is not None}, override.combine or combine


def _holds(when: RewardWhen, cell: Cell) -> bool:
    pairs = ((when.traffic_class, cell.traffic_class), (when.intent, cell.intent), (when.domain, cell.domain))
    return all(wanted is None or found in wanted for wanted, found in pairs)


def _refuse_texts(rewards: Rewards, signals: Mapping[str, JsonValue]) -> None:
    """What somebody wrote is no signal: a text is kept if it is one of the values that some rule lists for its name."""
    for name, value in signals.items():
        if value is None or isinstance(value, bool | int | float):
            continue
        rules = [rewards.signals.get(name), *(override.signals.get(name) for override in rewards.overrides)]
        listed = {word for rule in rules if rule is not None and rule.values is not None for word in rule.values}
        if not isinstance(value, str) or value not in listed:
            known = rewards.signals.keys() | {other for override in rewards.overrides for other in override.signals}
            raise InvalidRequestError(
                f"{f'Signal {name}' if name in known else 'A signal'} is a text that rewards.yaml does not list, and "
                f"free text is not kept. Known signals: {', '.join(sorted(known))}. "
                + (f"Known values: {', '.join(sorted(listed))}." if listed else "Give a number, or list values there.")
            )


def _worth(name: str, rule: Signal, value: JsonValue) -> float | None:
    if rule.values is not None:
        word = str(value).lower() if isinstance(value, bool) else str(value)
        if isinstance(value, dict | list) or word not in rule.values:
            raise InvalidRequestError(
                f"Signal {name} has a value that rewards.yaml does not list. Known values: {', '.join(rule.values)}."
            )
        return rule.values[word]
    if rule.scale is not None:
        return _on_scale(name, rule.scale, _number(name, value))
    if rule.within is not None:
        delay = _number(name, value)
        if delay < 0:
            raise InvalidRequestError(f"Signal {name} is a delay of {delay:g}, expected 0 or more.")
        return rule.then if delay <= rule.within else rule.later
    return None


def _on_scale(name: str, scale: Scale, value: float) -> float:
    share = (value - scale.worst) / (scale.best - scale.worst)
    if not (scale.clip or 0 <= share <= 1):
        raise InvalidRequestError(
            f"Signal {name} is {value:g}, expected a number from {scale.worst:g} (worst) to {scale.best:g} (best). "
            "Where more than that may come, set clip in rewards.yaml."
        )
    return min(max(share, 0.0), 1.0)


def _number(name: str, value: JsonValue) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidRequestError(f"Signal {name} is no finite number, as rewards.yaml says it is.")
    return float(value)
