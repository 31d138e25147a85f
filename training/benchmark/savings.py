"""``python -m training.benchmark savings``: what the router saves, on prompts that it has not learned from.

Cross-fitted by group: the outcome pack is cut into folds, each fold is routed by what was learned on the others, and
all folds together are judged against always taking one lane, as ``router-ml savings`` does.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from router_ml.cli.show.judged import savings_page
from router_ml.config import RouterConfig
from router_ml.offline.judging.judged import columns_of, from_pack, pack_policy
from router_ml.offline.judging.savings_words import to_record
from router_ml.offline.savings import MARGIN, Savings, savings
from router_ml.storage.bundle import Bundle
from training.allocation import Outcomes, fit
from training.outcomes import DEFAULT, ROOT, Pack, load_pack

FOLDS = 5


def cross_fitted(pack: Pack, config: RouterConfig, *, traffic_class: str, seed: int = 0) -> NDArray[np.float64]:
    """Propensities (n, configured lanes) of each prompt, by a router that saw neither it nor its group."""
    columns = columns_of(pack, config)
    lanes, order = {name: config.lanes[name] for name in columns}, list(columns.values())
    groups, member = np.unique(pack.group, return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(len(groups)) % FOLDS)[member]
    policy = np.zeros((len(fold), len(config.lanes)))
    for part in track(range(FOLDS), "fitting", console=Console(stderr=True), transient=True):
        train, mine = pack.take(fold != part), np.flatnonzero(fold == part)
        quality, cost = train.quality[:, order], train.cost_usd[:, order]
        learned = fit(Outcomes(train.contexts, quality, cost, np.ones_like(quality)), lanes, seed=seed)
        policy[mine] = pack_policy(pack.take(mine), learned, config, traffic_class=traffic_class)
    return policy


def held_out(
    pack: Pack, bundle: Bundle, *, traffic_class: str, baseline: str | None = None, margin: float = MARGIN
) -> Savings:
    """Savings of a router that is fitted anew on each part of the pack; of the bundle only configuration and labels."""
    spec = bundle.classifier.spec
    policy = cross_fitted(pack, bundle.config, traffic_class=traffic_class)
    labels = (tuple(spec.intent.labels), tuple(spec.domain.labels))
    judged = from_pack(pack, policy, bundle.config, labels=labels, traffic_class=traffic_class)
    return savings(judged, baseline=baseline, margin=margin)


def main(
    data: Annotated[Path, typer.Option(help="Outcome pack (path without ending).")] = DEFAULT,
    bundle: Annotated[Path, typer.Option(help="Whose router.yaml and labels.")] = ROOT / "models" / "default",
    traffic_class: Annotated[str, typer.Option("--class", help="Whose rule routes.")] = "default",
    baseline: Annotated[
        str | None, typer.Option(help="The lane to compare with; default: the best on average.")
    ] = None,
    margin: Annotated[float, typer.Option(help="How much lower quality may be and still be kept.")] = MARGIN,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")] = False,
) -> None:
    """What routing saves against always taking one lane, on held-out groups, and where quality is not kept."""
    opened = Bundle.load(bundle)
    pack = load_pack(data, encoder=opened.encoder.sha256)
    found = held_out(pack, opened, traffic_class=traffic_class, baseline=baseline, margin=margin)
    if as_json:
        sys.stdout.write(json.dumps({"data": data.name, **to_record(found)}, indent=1) + "\n")
        return
    Console(width=None if sys.stdout.isatty() else 132, highlight=False).print(savings_page(found))
