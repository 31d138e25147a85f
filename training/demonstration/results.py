"""What the demo shows at its end: held-out cost and quality beside baselines, and a vendor outage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from router_ml.allocation.estimate import estimate
from router_ml.allocation.select import best
from router_ml.cli.show.simulation import study_page
from router_ml.offline import curves
from router_ml.offline.gating.champion import class_rule
from router_ml.offline.report import cost_quality_plot
from router_ml.offline.simulate import sized
from router_ml.offline.simulation.counting.studying import study
from router_ml.offline.simulation.page.page import page
from router_ml.offline.simulation.page.pictures import outage_picture
from router_ml.offline.simulation.scenarios.loading import load_scenario
from router_ml.offline.simulation.traffic.reading import kinds_from_pack
from router_ml.storage.bundle import Bundle
from training.outcomes import Pack

Floats = NDArray[np.float64]
NEIGHBOURS = 50
REQUESTS = 20_000


def nearest_neighbours(train: Pack, test: Pack, k: int = NEIGHBOURS) -> tuple[Floats, Floats]:
    """A kNN router's predicted quality and cost (n, L): the mean over the k most similar evaluated prompts."""
    near = np.argsort(-(test.contexts.embedding @ train.contexts.embedding.T), axis=1)[:, :k]
    return train.quality[near].mean(axis=1), train.cost_usd[near].mean(axis=1)


def held_out(console: Console, bundle: Bundle, test: Pack, train: Pack, lanes: dict[str, int], plot: Path) -> None:
    """Cost and quality on held-out prompts at the class's own lambda, beside each fixed lane, the hull and kNN."""
    names = list(lanes)
    quality, cost = test.quality[:, list(lanes.values())], test.cost_usd[:, list(lanes.values())]
    config = bundle.config
    known = estimate(bundle.allocation, {name: config.lanes[name] for name in names}, test.contexts)
    predicted = known.belief.quality
    knn_quality, knn_cost = (part[:, list(lanes.values())] for part in nearest_neighbours(train, test))
    rule = class_rule(config, "default")
    eligible = np.ones(quality.shape, dtype=bool)
    policies = {
        "router_ml (its own trade-off)": best(known.belief, known.cost_usd, eligible, rule)[None],
        "kNN 50 (same trade-off)": (knn_quality - rule.quality_per_usd * knn_cost).argmax(axis=1)[None],
        "router_ml, all trade-offs": curves.sweep(predicted, known.cost_usd),
        "kNN 50, all trade-offs": curves.sweep(knn_quality, knn_cost),
    }
    found = curves.evaluate(quality, cost, {name: rows.astype(np.uint8) for name, rows in policies.items()})
    reference = found.reference
    hull_cost, hull_quality = curves.hull(reference.lane_cost, reference.lane_quality)

    table = Table("policy", "USD per 1,000", "quality", "above the fixed-lane hull at its cost", "gap closed")
    fixed = {}
    for column, name in enumerate(names):
        at = float(reference.lane_cost[column]), float(reference.lane_quality[column])
        fixed[name] = at
        above = at[1] - float(np.interp(at[0], hull_cost, hull_quality))
        table.add_row(f"always {name}", f"{1000 * at[0]:.3f}", f"{at[1]:.4f}", f"{above:+.4f}", "")
    points = {}
    for name, score in found.routers.items():
        if score.point is None:
            table.add_row(name, "", "", "", f"{score.gap_closed:.1f}%")
        else:
            points[name] = score.point.cost, score.point.quality
            table.add_row(
                name,
                f"{1000 * score.point.cost:.3f}",
                f"{score.point.quality:.4f}",
                f"{score.point.minus_hull:+.4f}",
                "",
            )
    console.print(table)
    console.print(
        f"{len(quality)} held-out prompts of other groups. "
        "Gap closed: 0% = mixing the right fixed lanes, 100% = an oracle."
    )
    shuffled = np.random.default_rng(0).permutation(len(quality))
    swept = {name: curves.means(quality, cost, policies[f"{name}, all trade-offs"]) for name in ("router_ml", "kNN 50")}
    cost_quality_plot(
        plot,
        fixed=fixed,
        hull=(hull_cost, hull_quality),
        oracle=tuple(curves.hull(*curves.means(quality, cost, curves.sweep(quality, cost)))),
        shuffled=tuple(curves.hull(*curves.means(quality, cost, policies["router_ml, all trade-offs"][:, shuffled]))),
        curves={name: tuple(curves.hull(*part)) for name, part in swept.items()},
        points={"router_ml, default class": points["router_ml (its own trade-off)"]},
        title="Held-out prompts: what quality costs",
    )


def outages(console: Console, bundle: Bundle, test: Pack, folder: Path) -> None:
    """Five days of traffic under the router and under each fixed lane, with the main vendor dark for 48 hours.

    The requests are the held-out prompts, so that what each lane makes of them was measured. Rules, fallbacks and
    breakers are the router's own.
    """
    scenario = sized(load_scenario("vendor_outage_48h"), count=REQUESTS)
    kinds = kinds_from_pack(test, bundle, in_sample=False, mix=scenario.traffic.mix)
    played = study(bundle, scenario, kinds, policies=("fixed", "shuffled"))
    console.print(study_page(played))
    outage_picture(folder / "outage.svg", played)
    (folder / "outage.html").write_text(page(played), encoding="utf-8")
    violations = sum(result.violations for result in played.results)
    console.print(f"{violations} requests went to a dark lane that the router knew of, or to one that a rule excludes.")
    shown = f"{folder.parent.name}/{folder.name}"
    console.print(f"Who answers, hour by hour: {shown}/outage.svg; everything: {shown}/outage.html.")
