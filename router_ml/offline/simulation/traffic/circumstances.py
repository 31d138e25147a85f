"""Who asks, from where, and how often: unique requests in the circumstances of a mix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from router_ml.config import RouterConfig
from router_ml.contract import RouteRequest
from router_ml.contract.base import Channel
from router_ml.errors import OfflineDataError
from router_ml.guardrails.rules.conditions import Facts
from router_ml.offline.simulation.scenarios.checking import NONE
from router_ml.offline.simulation.traffic.rates import holds

Floats = NDArray[np.float64]
Mix = Mapping[Any, Mapping[str, float]]

PLACES = ("channel", "org", "region")
LABELS = ("intent", "domain", "risk", "tier", "language")
CHANNELS = {"web": 0.4, "app": 0.3, "api": 0.25, "batch": 0.05}
"""Of the company that is assumed where nothing else is said."""
_OF_NO_ORG, _OF_NO_REGION = 0.95, 0.4


def company(config: RouterConfig) -> dict[str, dict[str, float]]:
    """The circumstances of a company of which nothing is known: ``CHANNELS``; 5% of the requests of the organisations
    that classes or rules name; 60% that name a region, each of those configured as often.

    >>> from router_ml.config import load_config
    >>> from router_ml.storage.loading import shipped_bundle
    >>> company(load_config(shipped_bundle() / "router.yaml"))["region"]
    {'none': 0.4, 'eu': 0.3, 'us': 0.3}
    """
    named = [item.when.org for item in config.traffic_classes.values()]
    named += [rule.when.org for rule in config.policies]
    orgs = list(dict.fromkeys(org for some in named for org in some or ()))
    return {
        "channel": dict(CHANNELS),
        "org": dict(_spread(orgs, _OF_NO_ORG)),
        "region": dict(_spread(config.regions, _OF_NO_REGION)),
    }


def _spread(values: Sequence[str], without: float) -> Iterator[tuple[str, float]]:
    yield NONE, without if values else 1.0
    yield from ((value, (1 - without) / len(values)) for value in values)


@dataclass(frozen=True)
class Placed:
    """k kinds: the number of the request of each (k,), its circumstances, and its share (k,)."""

    request: NDArray[np.int64]
    places: tuple[Mapping[str, str], ...]
    weight: Floats


def placed(requests: int, shares: Mapping[str, Mapping[str, float]], *, size: int, seed: int) -> Placed:
    """Requests in circumstances: each in all of them where that makes at most ``size`` kinds. Otherwise as many as fit,
    drawn so that the shares over all kinds are met as nearly as their number allows.

    Args:
        shares: by field and value, in any unit; fields that are not given stay as the requests have them.
    """
    fields = list(shares)
    pairs = [[(value, share) for value, share in shares[field].items() if share > 0] for field in fields]
    combinations = [(tuple(v for v, _ in each), float(np.prod([s for _, s in each]))) for each in product(*pairs)]
    chance = np.array([share for _, share in combinations])
    chance /= chance.sum()
    random = np.random.default_rng(seed)
    if requests * len(chance) <= size:
        which = np.repeat(np.arange(requests), len(chance))
        taken, weight = np.tile(np.arange(len(chance)), requests), np.tile(chance, requests)
    else:
        some = np.sort(random.permutation(requests)[:size])
        which = np.repeat(some, max(size // len(some), 1))
        taken = np.minimum(
            np.searchsorted(np.cumsum(chance), evenly(len(which), random), side="right"), len(chance) - 1
        )
        both, weight = np.unique(np.stack([which, taken]), axis=1, return_counts=True)
        which, taken = both
    named = tuple(dict(zip(fields, combinations[index][0], strict=True)) for index in taken.tolist())
    return Placed(which, named, weight / weight.sum())


def evenly(count: int, random: np.random.Generator) -> Floats:
    """Numbers in (0, 1) as far apart as they can be, in random order."""
    return np.asarray((random.permutation(count) + 0.5) / count)


def shares_of(mix: Mix, requests: Sequence[RouteRequest], config: RouterConfig) -> dict[str, Mapping[str, float]]:
    """The circumstances to put requests in: those of the mix, and those of a ``company`` where no request says any.

    Raises:
        OfflineDataError: the mix has a channel that there is none of, or weights that are all 0.
    """
    own = {
        "channel": any(request.channel != "api" for request in requests),
        "org": any("org" in request.metadata for request in requests),
        "region": any("region" in request.metadata for request in requests),
    }
    assumed = {field: values for field, values in company(config).items() if not own[field]}
    given = {field: mix[field] for field in PLACES if mix.get(field)}
    known = (*get_args(Channel), NONE)
    odd = [channel for channel in given.get("channel", ()) if channel not in known]
    if odd or not all(sum(values.values()) > 0 for values in given.values()):
        raise OfflineDataError(
            f"The mix has {', '.join(odd) or 'weights that are all 0'}; expected channels among {', '.join(known)}, "
            "and for each field a weight above 0."
        )
    return {**assumed, **given}


def put(request: RouteRequest, places: Mapping[str, str]) -> RouteRequest:
    """A request as if it came from there; ``none`` takes a name away."""
    metadata = {key: value for key, value in request.metadata.items() if key not in places}
    metadata |= {key: value for key, value in places.items() if key != "channel" and value != NONE}
    channel = places.get("channel", NONE)
    return request.model_copy(
        update={"metadata": metadata, "channel": request.channel if channel == NONE else channel, "previous": None}
    )


def weighted(weight: Floats, facts: Sequence[Facts], mix: Mix, *, but: str | None = None) -> Floats:
    """Shares times the weights that a mix gives to labels, (k,), sum 1; a value that it does not name counts once.

    Args:
        but: a field of the mix that does not count.

    Raises:
        OfflineDataError: nothing is left.
    """
    result: Floats = weight.copy()
    for field in LABELS:
        for value, times in mix.get(field, {}).items() if field != but else ():
            result *= np.where([holds(each, field, value) for each in facts], times, 1.0)
    if not result.sum() > 0:
        raise OfflineDataError("The mix leaves no request. Give a weight above 0 to something that is asked.")
    return np.asarray(result / result.sum())
