"""Made-up studies, near enough to real ones, for whatever shows them. No number in them was simulated."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from router_ml.offline.simulation.counting.results import (
    ClassResult,
    Curve,
    Difference,
    Exploration,
    Interval,
    Latencies,
    Result,
    Reviews,
    Series,
    Study,
    Trouble,
)

NAN = float("nan")
NOTHING = Interval(NAN, NAN, NAN)


class Company(NamedTuple):
    """Lanes with USD per request, mean quality and typical milliseconds; ``dark``: those of the main vendor."""

    lanes: tuple[str, ...]
    usd: tuple[float, ...]
    quality: tuple[float, ...]
    ms: tuple[float, ...]
    dark: tuple[int, ...]


COMPANY = Company(
    ("private", "balanced", "fast", "premium", "code", "extraction", "openai", "anthropic"),
    (0.00004, 0.0009, 0.0012, 0.0058, 0.00009, 0.00005, 0.0042, 0.0075),
    (0.71, 0.79, 0.80, 0.86, 0.72, 0.69, 0.84, 0.87),
    (1900.0, 3600.0, 1300.0, 4100.0, 2500.0, 1500.0, 3300.0, 4600.0),
    (2, 3),
)
LANES = COMPANY.lanes
SHARE = (0.16, 0.20, 0.38, 0.09, 0.05, 0.04, 0.05, 0.03)
CLASSES = (("batch", 0.15, 0.60), ("regulated", 0.25, 0.75), ("default", 0.60, 0.70))
DARK = (60.0, 108.0)
HOURS = 168.0


def _series(
    requests: int, shares: np.ndarray, *, falls_back: bool, buckets: int, seed: int, company: Company
) -> Series:
    """A week with days and nights; lanes 2 and 3 are dark for two days: what they served goes elsewhere or is lost."""
    random = np.random.default_rng(seed)
    edges = np.linspace(0, HOURS, buckets + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    weight = 0.15 + np.clip(np.sin((middle % 24 - 7) / 12 * np.pi), 0, None) + 0.1 * random.random(buckets)
    count = random.multinomial(requests, weight / weight.sum())
    dark = (middle >= DARK[0]) & (middle < DARK[1])
    left = shares.copy()
    left[list(company.dark)] = 0
    left = left / left.sum() if falls_back and left.sum() else left
    expected = np.where(dark[:, None], left, shares * 0.9995) * count[:, None]
    by_lane = np.floor(expected + random.random(expected.shape)).astype(np.int64)
    over = np.maximum(by_lane.sum(axis=1) - count, 0)
    by_lane[np.arange(buckets), by_lane.argmax(axis=1)] -= over
    served = by_lane.sum(axis=1)
    with np.errstate(invalid="ignore"):
        quality = (by_lane @ np.array(company.quality)) / np.where(
            served > 0, served, NAN
        ) + 0.01 * random.standard_normal(buckets)
        p95 = (
            2.1
            * (by_lane @ np.array(company.ms))
            / np.where(served > 0, served, NAN)
            * np.exp(0.08 * random.standard_normal(buckets))
        )
    due = np.stack([np.floor(count * share) for _, share, _ in CLASSES], axis=1).astype(np.int64)
    due[:, -1] += count - due.sum(axis=1)
    kept = np.floor(due * (served / np.maximum(count, 1))[:, None]).astype(np.int64)
    kept[:, -1] += served - kept.sum(axis=1)
    kept = np.minimum(kept, due)
    office = (middle % 24 > 8) & (middle % 24 < 18)
    waiting = np.maximum.accumulate(np.where(office, 0, count * 0.01)) * ~office
    return Series(
        edges, count, count.copy(), served, by_lane @ np.array(company.usd), quality, p95, waiting, by_lane, due, kept
    )


def _classes(series: Series, spend: float, quality: float, latency: Latencies) -> tuple[ClassResult, ...]:
    due, served = series.classes_due.sum(axis=0), series.classes_served.sum(axis=0)
    found = []
    for place, (name, share, floor) in enumerate(CLASSES):
        lost = int(due[place] - served[place])
        centre = quality - 0.01 * place
        verdict = "kept" if centre - 0.012 >= floor else "missed" if centre + 0.012 < floor else "not shown"
        dark = float(5 * (series.classes_served[:, place] == 0).sum()) if lost > 0.2 * due[place] else 0.0
        found.append(
            ClassResult(
                name=name,
                requests=int(due[place]),
                due=int(due[place]),
                served=int(served[place]),
                spend_usd=spend * share,
                quality=Interval(centre, centre - 0.012, centre + 0.012),
                floor=floor,
                floor_verdict=verdict,  # type: ignore[arg-type]
                latency=latency,
                dark_minutes=dark,
                budget_usd=9.0 if name == "batch" else None,
                over_budget_days=2 if name == "batch" and spend > 500 else 0,
                no_lane={"failed": lost} if lost else {},
            )
        )
    return tuple(found)


def a_result(
    policy: str,
    shares: tuple[float, ...] = SHARE,
    *,
    requests: int = 100_000,
    company: Company = COMPANY,
    lift: float = 0.0,
    falls_back: bool = True,
    buckets: int = 168,
    seed: int = 0,
) -> Result:
    """A policy that gives these shares to the lanes while all is well; ``lift`` is added to its quality."""
    series = _series(requests, np.array(shares), falls_back=falls_back, buckets=buckets, seed=seed, company=company)
    served, due = int(series.served.sum()), int(series.due.sum())
    spend = float(series.spend_usd.sum())
    quality = float(series.by_lane.sum(axis=0) @ np.array(company.quality)) / max(served, 1) + lift
    mean = float(series.by_lane.sum(axis=0) @ np.array(company.ms)) / max(served, 1)
    latency = Latencies(0.8 * mean, 2.1 * mean, 3.4 * mean)
    cost = spend / max(due, 1)
    explores = len([share for share in shares if share]) > 1
    return Result(
        policy=policy,
        lanes=company.lanes,
        requests=requests,
        due=due,
        served=served,
        spend_usd=spend,
        cost=Interval(cost, 0.96 * cost, 1.04 * cost),
        quality=Interval(quality, quality - 0.008, quality + 0.008),
        latency=latency,
        lane_requests=dict(zip(company.lanes, series.by_lane.sum(axis=0).tolist(), strict=True)),
        calls=int(1.004 * due),
        failed_calls=int(1.004 * due) - served,
        violations=0,
        exploration=Exploration(int(0.02 * requests), 0.31, 0.0011) if explores else Exploration(0, 0.0, 0.0),
        reviews=Reviews(842, 779, 21, 64, 0.4, 13.2),
        refused=120,
        asked_back=950,
        no_lane={"failed": due - served} if due > served else {},
        dark_minutes=0.0 if falls_back else 2880.0 * (served < due),
        classes=_classes(series, spend, quality, latency),
        series=series,
    )


def _difference(result: Result, champion: Result) -> Difference:
    def around(value: float, half: float) -> Interval:
        return Interval(value, value - half, value + half)

    return Difference(
        policy=result.policy,
        against=champion.policy,
        quality=around(result.quality.value - champion.quality.value, 0.004),
        usd_per_1000=around(result.usd_per_1000 - champion.usd_per_1000, 0.04 * result.usd_per_1000),
        success=around(result.success - champion.success, 0.0004),
    )


def a_study(*results: Result, **changes: object) -> Study:
    """A vendor outage of 48 hours under the champion, a challenger and the usual company; or under ``results``."""
    if not results:
        only = [tuple(float(place == lane) for place in range(len(LANES))) for lane in range(len(LANES))]
        dear = tuple(share + extra for share, extra in zip(SHARE, (-0.1, 0, -0.1, 0.1, 0, 0, 0.05, 0.05), strict=True))
        results = (
            a_result("champion"),
            a_result("challenger runs/next", dear, lift=0.012),
            *(a_result(f"always {lane}", only[place], falls_back=False) for place, lane in enumerate(LANES)),
            a_result("nearest 50", dear, lift=-0.006),
            a_result("shuffled", lift=-0.014),
            a_result("oracle", lift=0.085),
        )
    order = np.argsort(COMPANY.usd)
    cost, quality = np.array(COMPANY.usd)[order], np.array(COMPANY.quality)[order]
    best = quality >= np.maximum.accumulate(quality)
    hull = Curve(cost[best], quality[best])
    study = Study(
        scenario="vendor_outage_48h",
        description="The provider that serves most goes dark for two days, from Wednesday noon to Friday noon.",
        start=datetime(2026, 3, 2, tzinfo=UTC),
        hours=HOURS,
        results=results,
        differences=tuple(_difference(result, results[0]) for result in results[1:]),
        curves={
            "hull": hull,
            "oracle": Curve(np.array([5e-5, 2e-4, 9e-4, 4e-3]), np.array([0.78, 0.86, 0.91, 0.93])),
            "shuffled": Curve(np.array([4e-5, 3e-4, 1.2e-3, 7e-3]), np.array([0.71, 0.745, 0.80, 0.868])),
        },
        troubles=(Trouble(*DARK, "fast, premium: no answers", ("fast", "premium")),),
        truth="believed",
        in_sample=False,
        source="300 example requests in 1,910 circumstances",
        kinds=1910,
        seed=0,
        versions={
            "bundle": "r-2026-11-26-4f1c",
            "config": "9be07d11c3aa",
            "scenario": "51c2f0de77b4",
            "router_ml": "0.1.0",
        },
    )
    return replace(study, **changes)  # type: ignore[arg-type]


def a_crowd(lanes: int = 30, policies: int = 40) -> Study:
    """So many of both that neither colours nor room suffice, with long names."""
    random = np.random.default_rng(5)
    company = Company(
        tuple(f"lane-{index:02d}-of-a-vendor-with-a-long-name" for index in range(lanes)),
        tuple(np.geomspace(0.00003, 0.01, lanes).tolist()),
        tuple(np.linspace(0.68, 0.88, lanes).tolist()),
        tuple(random.uniform(900, 5000, lanes).tolist()),
        (0, 1, 2),
    )
    played = (a_result("champion", tuple(random.dirichlet(np.ones(lanes)).tolist()), company=company),)
    for index in range(1, policies):
        name = f"challenger models:/router-of-a-long-name@candidate-{index:02d}"
        shares = tuple(random.dirichlet(np.full(lanes, 0.3)).tolist())
        played += (a_result(name, shares, company=company, requests=20_000, seed=index),)
    names = ("slow answers of a vendor", "error burst", "region eu lost", "price of lane-02 halves", "a wave of pii")
    troubles = tuple(
        Trouble(8.0 * index, 8.0 * index + 30 if index % 3 else None, names[index % 5], ()) for index in range(14)
    )
    return a_study(*played, troubles=troubles)


def a_silence() -> Study:
    """Nothing came: one policy, nothing due, nothing known."""
    zeros = np.zeros(2, dtype=np.int64)
    nothing = np.full(2, NAN)
    no_lanes, no_classes = np.zeros((2, len(LANES)), dtype=np.int64), np.zeros((2, 1), dtype=np.int64)
    series = Series(
        np.array([0.0, 1.0, 2.0]),
        zeros,
        zeros,
        zeros,
        np.zeros(2),
        nothing,
        nothing,
        np.zeros(2),
        no_lanes,
        no_classes,
        no_classes,
    )
    unknown = Latencies(NAN, NAN, NAN)
    silent = ClassResult("default", 0, 0, 0, 0.0, NOTHING, 0.7, "not shown", unknown, 0.0, None, 0, {})
    result = replace(
        a_result("champion"),
        requests=0,
        due=0,
        served=0,
        spend_usd=0.0,
        cost=NOTHING,
        quality=NOTHING,
        latency=unknown,
        lane_requests=dict.fromkeys(LANES, 0),
        exploration=Exploration(0, 0.0, NAN),
        reviews=Reviews(0, 0, 0, 0, NAN, NAN),
        no_lane={},
        classes=(silent,),
        series=series,
    )
    return a_study(result, hours=2.0, curves={}, troubles=())
