"""``python -m training.benchmark switching``: do paraphrases and typos keep their lane, and what does that cost?

First on an outcome matrix, over 5 seeded 60/40 splits by group, for several margins and degrees of smoothing: gap
closed by the whole sweep, what is earned at each lambda of the bundle's classes, and flips. Then as the bundle serves:
flips by traffic class, by the router's own code. ``--data FILE.parquet`` also makes typos in its own prompts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from router_ml.allocation.select import Rule
from router_ml.storage.bundle import Bundle
from training.benchmark.routing import SPLITS, TRAIN_SHARE, load
from training.benchmark.rows import Repeats
from training.benchmark.switching_probe import (
    Pairs,
    Setting,
    as_served,
    on_outcomes,
    paraphrases,
    variants,
)
from training.outcomes import DEFAULT, ROOT, Pack, contexts_of

MARGINS = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05)
SETTINGS = (*map(Setting, MARGINS), Setting(0.0, 0.5), Setting(0.01, 0.5), Setting(0.02, 0.5))
SERVED = (0.0, 0.01, 0.02, 0.03)
PROMPTS = 300  # of the matrix, in which typos are made
SHIPPED = ROOT / "data" / "stability" / "paraphrases.jsonl"
TYPO = "misspelt"


@dataclass(frozen=True)
class Kept:
    """One setting on an outcome matrix: what it reaches (``Found``), the difference from keeping nothing with a 95%
    interval, and flips in percent by kind of rewording. ``quality_per_usd``: lambda; None for the whole sweep."""

    quality_per_usd: float | None
    setting: Setting
    reached: float
    difference: float
    low: float
    high: float
    flips: dict[str, float]


def measure(
    pack: Pack,
    pairs: Mapping[str, Pairs],
    *,
    splits: int,
    lambdas: Sequence[float] = (),
    settings: Sequence[Setting] = SETTINGS,
) -> list[Kept]:
    """All settings over ``splits`` splits; differences are paired with the first setting."""
    console = Console(stderr=True)
    found = [
        on_outcomes(pack, pairs, settings, lambdas=lambdas, share=TRAIN_SHARE, seed=seed)
        for seed in track(range(splits), "splits", console=console)
    ]
    repeats = Repeats(splits, (1 - TRAIN_SHARE) / TRAIN_SHARE)
    rows = []
    for price in (None, *lambdas):
        plain = [each[price, settings[0]].reached for each in found]
        for setting in settings:
            mine = [each[price, setting] for each in found]
            differences = [each.reached - other for each, other in zip(mine, plain, strict=True)]
            middle, half = float(np.mean(differences)), repeats.half_width(differences)
            flips = {kind: float(np.mean([each.flips[kind] for each in mine])) for kind in mine[0].flips}
            reached = float(np.mean([each.reached for each in mine]))
            rows.append(Kept(price, setting, reached, middle, middle - half, middle + half, flips))
    return rows


def served(bundle: Bundle, pairs: Mapping[str, Pairs]) -> list[dict[str, Any]]:
    """Flips by margin and by class of the bundle's configuration; of classes with the same floor and lambda only the
    first."""
    rows, done = [], set()
    for name, promise in bundle.config.traffic_classes.items():
        rule = Rule.of(promise, bundle.config.exploration, explore=False)
        if (rule.floor, rule.quality_per_usd) in done:
            continue
        done.add((rule.floor, rule.quality_per_usd))
        for margin, flips in as_served(bundle, pairs, SERVED, rule=rule).items():
            rows.append({"class": name, "floor": rule.floor, "margin": margin, "flips": flips})
    return rows


def _columns(flips: Mapping[str, float]) -> list[str]:
    """Paraphrases, typos, and the mean of the other kinds; of the matrix's own prompts where there are any."""
    own = {kind.removeprefix("own "): value for kind, value in flips.items() if kind.startswith("own ")}
    shipped = {kind: value for kind, value in flips.items() if not kind.startswith("own ")}
    others = np.mean([value for kind, value in shipped.items() if kind not in ("paraphrase", TYPO)])
    cells = [f"{shipped['paraphrase']:.1f}", f"{shipped[TYPO]:.1f}", f"{others:.1f}"]
    return cells + ([f"{own[TYPO]:.1f}", f"{np.mean([own[kind] for kind in own if kind != TYPO]):.1f}"] if own else [])


def as_tables(kept: Sequence[Kept], classes: Sequence[Mapping[str, Any]], source: str) -> list[Table]:
    """Both tables for a terminal."""
    own = any(kind.startswith("own ") for kind in kept[0].flips)
    kinds = ["paraphrase %", "typo %", "other noise %"] + (["own typo %", "own other %"] if own else [])
    title = f"{source}: lanes changed by other words; gap closed % of the sweep, or 100 (quality - lambda cost)"
    first = Table("lambda", "margin", "smoothing", "reached", "difference", *kinds, title=title, title_justify="left")
    for row in kept:
        price = "sweep" if row.quality_per_usd is None else f"{row.quality_per_usd:g}"
        against = f"{row.difference:+.2f} [{row.low:.2f}, {row.high:.2f}]"
        head = (price, f"{row.setting.margin:g}", f"{row.setting.smoothing:g}", f"{row.reached:.1f}", against)
        first.add_row(*head, *_columns(row.flips))
    title = "as the bundle serves: lanes changed by other words"
    second = Table("class", "floor", "margin", *kinds[:3], title=title, title_justify="left")
    for item in classes:
        second.add_row(item["class"], f"{item['floor']:g}", f"{item['margin']:g}", *_columns(item["flips"]))
    return [first, second]


def main(
    data: Annotated[Path, typer.Option(help="Outcome matrix (.parquet) or pack (path without ending).")] = DEFAULT,
    texts: Annotated[Path, typer.Option(help="Paraphrases: JSON lines with group and text.")] = SHIPPED,
    bundle: Annotated[Path, typer.Option(help="Folder of a bundle.")] = ROOT / "models" / "default",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")] = False,
) -> None:
    """How often paraphrases and typos change the lane, and what keeping it costs."""
    opened, pack = Bundle.load(bundle), load(data, bundle)
    read = partial(contexts_of, encoder=opened.encoder, classifier=opened.classifier)
    reworded, first = paraphrases(texts, read)
    pairs = {"paraphrase": reworded, **variants(first, read, seed=0)}
    own: dict[str, Pairs] = {}
    if data.suffix == ".parquet":
        import pandas

        prompts = pandas.read_parquet(data, columns=["prompt"])["prompt"].tolist()
        chosen = np.random.default_rng(0).permutation(len(prompts))[:PROMPTS]
        noisy = variants([prompts[row] for row in chosen], read, seed=0, group=pack.group[chosen])
        own = {f"own {kind}": each for kind, each in noisy.items()}
    lambdas = sorted({promise.quality_per_usd for promise in opened.config.traffic_classes.values()})
    kept = measure(pack, {**pairs, **own}, splits=SPLITS, lambdas=lambdas)
    classes = served(opened, pairs)
    if as_json:
        report = {"data": data.name, "splits": SPLITS, "rows": [asdict(row) for row in kept], "served": classes}
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
        return
    console = Console(width=None if sys.stdout.isatty() else 132)
    for table in as_tables(kept, classes, data.name):
        console.print(table)
