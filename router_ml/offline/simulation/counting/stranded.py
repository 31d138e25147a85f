"""For which traffic there is no compliant fallback: requests that rules leave only lanes which an outage takes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from router_ml.guardrails.rules.apply import apply_rules
from router_ml.offline.simulation.policies.routed import Routed
from router_ml.offline.simulation.world.world import Weather, World

_POLICY = "policy "
LEAST = 5e-4  # of a class: what is less than that is no sentence


def stranded(champion: Routed, world: World) -> tuple[str, ...]:
    """A sentence for each outage: which share of which class has no other lane, and by which rules; or that none has.

    Args:
        champion: in the phase that counts, by whose rules and ceilings lanes are eligible.
    """
    dark = {tuple(weather.outage.tolist()): weather for weather in world.weathers if weather.outage.any()}
    return tuple(_told(champion, world, weather) for weather in dark.values())


def _told(champion: Routed, world: World, weather: Weather) -> str:
    calm, kinds = champion.calm(), champion.kinds
    routed = (calm.fate < 0) & calm.eligible.any(axis=1)
    stuck = routed & ~(calm.eligible & ~weather.outage).any(axis=1)
    lanes = ", ".join(lane for lane, gone in zip(world.lanes, weather.outage, strict=True) if gone)
    shares = []
    for number, name in enumerate(champion.config.traffic_classes):
        of_class = routed & (calm.traffic_class == number)
        whole = float(kinds.weight[of_class].sum())
        share = float(kinds.weight[of_class & stuck].sum()) / whole if whole > 0 else 0.0
        if share >= LEAST:
            shares.append(f"{share:.1%} of {name}")
    if not shares:
        return f"While {lanes} cannot answer, every traffic class has another lane that its rules allow."
    rules = ", ".join(_narrowing(champion, np.flatnonzero(stuck))) or "limits of class or request"
    return f"While {lanes} cannot answer, these requests have no other lane: {', '.join(shares)}. Because of: {rules}."


def _narrowing(champion: Routed, rows: NDArray[np.intp]) -> Iterator[str]:
    """The policies that took lanes from these kinds, the one that did so for most first."""
    counts: dict[str, float] = {}
    kinds = champion.kinds
    for row in rows.tolist():
        tokens = int(kinds.contexts.tokens_in[row])
        ruling = apply_rules(champion.config, kinds.facts[row], constraints=kinds.constraints[row], tokens_in=tokens)
        for step in ruling.narrowing:
            if len(step.after) < len(step.before) and step.rule.startswith(_POLICY):
                name = step.rule.removeprefix(_POLICY)
                counts[name] = counts.get(name, 0.0) + float(kinds.weight[row])
    yield from sorted(counts, key=lambda rule: -counts[rule])
