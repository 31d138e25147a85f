"""Requests to simulate: an outcome matrix played over time, and providers that go dark meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts
from router_ml.config import Lane, RouterConfig
from router_ml.errors import OfflineDataError

Floats = NDArray[np.float64]

HOURS = 168.0


@dataclass(frozen=True)
class Traffic:
    """Requests over time with the outcome of every lane.

    contexts: p prompts; quality (p, L) in 0..1 and cost_usd (p, L): what each of ``lanes`` (names in router.yaml) did;
    prompt: (n,) which prompt each request is; hour: (n,) when it arrives, ascending, in [0, hours); cluster: (p,)
    prompts of equal number are near-duplicates, which intervals must not take for independent evidence.

    Raises:
        OfflineDataError: shapes that do not match, values out of range, requests out of order.
    """

    contexts: Contexts
    quality: Floats
    cost_usd: Floats
    lanes: tuple[str, ...]
    prompt: NDArray[np.int64]
    hour: Floats
    cluster: NDArray[np.int64]
    hours: float = HOURS

    def __post_init__(self) -> None:
        shape = (len(self.contexts), len(self.lanes))
        if self.quality.shape != shape or self.cost_usd.shape != shape or len(self.cluster) != shape[0]:
            raise OfflineDataError(
                f"Expected quality and cost of {shape[0]} prompts on {shape[1]} lanes and one cluster per prompt, "
                f"found {self.quality.shape}, {self.cost_usd.shape} and {len(self.cluster)}."
            )
        if not (np.isfinite(self.cost_usd).all() and ((self.quality >= 0) & (self.quality <= 1)).all()):
            raise OfflineDataError("Outcomes need quality in 0..1 and a finite cost on every lane. Leave others out.")
        if len(self.prompt) == 0 or len(self.prompt) != len(self.hour):
            raise OfflineDataError("Traffic needs at least one request, and an hour for each.")
        if self.prompt.min() < 0 or self.prompt.max() >= shape[0]:
            raise OfflineDataError(f"Requests name prompts outside 0..{shape[0] - 1}.")
        if self.hour[0] < 0 or self.hour[-1] >= self.hours or (np.diff(self.hour) < 0).any():
            raise OfflineDataError(f"Hours must ascend within 0..{self.hours:g}. Sort the requests by arrival.")

    def __len__(self) -> int:
        return len(self.prompt)


def traffic_from_matrix(
    contexts: Contexts,
    quality: Floats,
    cost_usd: Floats,
    lanes: Sequence[str],
    *,
    hours: float = HOURS,
    requests: int | None = None,
    cluster: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> Traffic:
    """An outcome matrix as traffic at a constant rate.

    Args:
        contexts, quality, cost_usd, lanes, cluster: as in ``Traffic``; without ``cluster`` prompts are independent.
        requests: how many, drawn with replacement and arriving at random; None plays each prompt once, in order and
            evenly spread.

    Raises:
        OfflineDataError: as ``Traffic``, or there is nothing to draw from.
    """
    prompts = len(contexts)
    if prompts == 0 or (requests is not None and requests < 1) or not hours > 0:
        raise OfflineDataError(f"Expected prompts, requests and hours above 0, found {prompts}, {requests}, {hours:g}.")
    if requests is None:
        prompt, hour = np.arange(prompts), np.arange(prompts, dtype=np.float64) * (hours / prompts)
    else:
        random = np.random.default_rng(seed)
        prompt, hour = random.integers(0, prompts, requests), np.sort(random.random(requests)) * hours
    own = np.arange(prompts) if cluster is None else np.asarray(cluster)
    return Traffic(contexts, quality, cost_usd, tuple(lanes), prompt, hour, own, hours)


@dataclass(frozen=True)
class Outage:
    """A provider, failure domain or lane that answers nothing from ``start_hour`` on, for ``hours``."""

    provider: str
    start_hour: float
    hours: float

    def __post_init__(self) -> None:
        if not (self.start_hour >= 0 and 0 < self.hours < np.inf):
            raise OfflineDataError(
                f"Outage of {self.provider}: expected a start of at least 0 and a length above 0 hours, found "
                f"{self.start_hour:g} and {self.hours:g}."
            )

    @property
    def end_hour(self) -> float:
        """The first hour at which it answers again."""
        return self.start_hour + self.hours


def lanes_of(config: RouterConfig, traffic: Traffic) -> dict[str, Lane]:
    """The lanes of the traffic as configured, in its order.

    Raises:
        OfflineDataError: a lane is not configured.
    """
    unknown = [lane for lane in traffic.lanes if lane not in config.lanes]
    if unknown:
        raise OfflineDataError(
            f"Traffic has outcomes of lanes that are not configured: {', '.join(unknown)}; expected names among "
            f"{', '.join(config.lanes)}. Name each column after its lane in router.yaml."
        )
    return {lane: config.lanes[lane] for lane in traffic.lanes}


def struck_by(lanes: dict[str, Lane], outage: Outage) -> NDArray[np.bool_]:
    """Which of the lanes an outage strikes, (L,).

    Raises:
        OfflineDataError: it strikes none of them.
    """
    names = [
        tuple(
            place
            for part in _made_of(name, lanes)
            for place in (lanes[part].provider, lanes[part].failure_domain, part)
        )
        for name in lanes
    ]
    struck = np.array([outage.provider in mine for mine in names])
    if not struck.any():
        kinds = ([lane.provider for lane in lanes.values()], [lane.failure_domain for lane in lanes.values()], lanes)
        known = dict.fromkeys(name for kind in kinds for name in kind)
        raise OfflineDataError(
            f"No lane with outcomes belongs to {outage.provider!r}; expected a provider, failure domain or lane of "
            f"these: {', '.join(known)}."
        )
    return struck


def _made_of(name: str, lanes: dict[str, Lane]) -> tuple[str, ...]:
    """A lane, and the lanes that it is made of as far as they are among these."""
    cascade = lanes[name].cascade
    return (name, *(part for part in (cascade.parts if cascade else ()) if part in lanes))


def periods_of(
    lanes: dict[str, Lane], traffic: Traffic, outages: Sequence[Outage]
) -> list[tuple[slice, NDArray[np.bool_], bool]]:
    """Stretches of requests with the same lanes: rows, eligible lanes (L,), and whether any outage holds."""
    enabled = np.array([lane.enabled for lane in lanes.values()])
    struck = [struck_by(lanes, outage) for outage in outages]
    times = sorted({0.0, *(time for outage in outages for time in (outage.start_hour, outage.end_hour))})
    bounds = [*np.searchsorted(traffic.hour, times).tolist(), len(traffic)]
    periods = []
    for time, start, stop in zip(times, bounds[:-1], bounds[1:], strict=True):
        holding = [
            dark for outage, dark in zip(outages, struck, strict=True) if outage.start_hour <= time < outage.end_hour
        ]
        dark = np.any(holding, axis=0) if holding else np.zeros(len(lanes), dtype=bool)
        periods.append((slice(start, stop), enabled & ~dark, bool(holding)))
    return periods
