"""What has changed for certain between two windows: prices, models that answered. No chance is involved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from router_ml.contract import Execution
from router_ml.storage.database.records import LoggedData

LEAST_SHARE = 0.01  # of a lane's calls; a stray answer is no change of its model


@dataclass(frozen=True)
class Fact:
    """Something that is otherwise; ``effect``: the share of recent decisions or calls that it holds for."""

    name: str
    lane: str
    effect: float
    found: str
    do: str
    rows: tuple[int, int]


def prices(before: LoggedData, recent: LoggedData) -> Iterator[Fact]:
    """Decisions at a price list that the reference did not have."""
    known = set(before.prices.tolist())
    new = ~np.isin(recent.prices, list(known)) if len(recent) else np.zeros(0, bool)
    if new.any():
        since = recent.created_at[new].min()
        found = f"{new.mean():.1%} of decisions were made at prices that the reference did not have, from {since} on"
        do = "Certificates of floors hold at the prices they were made for: retrain, or check prices in router.yaml."
        yield Fact("prices", "", float(new.mean()), found, do, (len(before), len(recent)))


def served_models(before: LoggedData, recent: LoggedData, executions: Iterable[Execution]) -> Iterator[Fact]:
    """Models that answered for a lane and did not before; of a lane that did not answer before, models that are not the
    configured one."""
    old, new = _served(before, recent, executions)
    configured = {lane: model for data in (before, recent) for lane, model in _configured(data)}
    for lane, models in sorted(new.items()):
        calls = sum(models.values())
        reference = old.get(lane, Counter())
        for model, count in models.most_common():
            same = model in reference if reference else _is(model, configured.get(lane, model))
            if same or count < LEAST_SHARE * calls:
                continue
            then = ", ".join(reference) or f"configured {configured.get(lane)}"
            yield Fact(
                "served model",
                lane,
                count / calls,
                f"{model} answered {count} of {calls} calls; before: {then}",
                f"Another model answers: raise lanes.{lane}.version, so that it is probed and learned anew.",
                (sum(reference.values()), calls),
            )


def _served(
    before: LoggedData, recent: LoggedData, executions: Iterable[Execution]
) -> tuple[dict[str, Counter[str]], dict[str, Counter[str]]]:
    ids = [set(data.decision_ids.tolist()) for data in (before, recent)]
    found: tuple[dict[str, Counter[str]], dict[str, Counter[str]]] = ({}, {})
    for execution in executions:
        for window, known in zip(found, ids, strict=True):
            if execution.decision_id in known:
                for hop in execution.hops:
                    if hop.served_model and hop.error is None:
                        window.setdefault(hop.lane, Counter())[hop.served_model] += 1
    return found


def _configured(data: LoggedData) -> Iterator[tuple[str, str]]:
    """The model of each planned lane, the latest last."""
    planned = data.action >= 0
    pairs = dict.fromkeys(zip(data.action[planned].tolist(), data.model[planned].tolist(), strict=True))
    yield from ((data.lanes[lane], model) for lane, model in pairs)


def _is(served: str, configured: str) -> bool:
    """Whether a name of a provider's is the configured model, perhaps with the date of a snapshot."""
    return served.rpartition("/")[2].casefold().startswith(configured.rpartition("/")[2].casefold())
