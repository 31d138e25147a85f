"""``python -m training.benchmark switching``: do paraphrases and typos keep their lane, and what does that cost?

First on an outcome matrix: gap closed and flips over 5 seeded 60/40 splits by group, for several margins and degrees
of smoothing. Then as the bundle serves: flips by traffic class, where the floor looks at the lower bound of the
request, of its cell, or is left out: a lower bound that crosses the floor changes the lane whatever the margin is.
``--data FILE.parquet`` also makes typos in its own prompts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
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
    Found,
    Pairs,
    Setting,
    as_served,
    on_outcomes,
    paraphrases,
    variants,
)
from training.outcomes import DEFAULT, ROOT, Pack, contexts_of

MARGINS = (0.0, 0.005, 0.01, 0.02, 0.05)
SETTINGS = tuple(Setting(margin, smoothing) for smoothing in (0.0, 0.5) for margin in MARGINS)
SERVED = (Setting(), Setting(0.01), Setting(0.02), Setting(0.02, 0.5))
PROMPTS = 300  # of the matrix, in which typos are made
SHIPPED = ROOT / "data" / "stability" / "paraphrases.jsonl"
TYPO = "misspelt"


@dataclass(frozen=True)
class Kept:
    """One setting on an outcome matrix: gap closed in percent with its difference from changing nothing and a 95%
    interval, and flips in percent by kind of rewording."""

    setting: Setting
    gap_closed: float
    difference: float
    low: float
    high: float
    flips: dict[str, float]


def measure(
    pack: Pack, pairs: Mapping[str, Pairs], *, splits: int, settings: Sequence[Setting] = SETTINGS
) -> list[Kept]:
    """All settings over ``splits`` splits; differences are paired with the first setting."""
    console = Console(stderr=True)
    found = [
        on_outcomes(pack, pairs, settings, share=TRAIN_SHARE, seed=seed)
        for seed in track(range(splits), "splits", console=console)
    ]
    repeats = Repeats(splits, (1 - TRAIN_SHARE) / TRAIN_SHARE)
    return [
        _kept(setting, [each[setting] for each in found], [each[settings[0]] for each in found], repeats)
        for setting in settings
    ]


def _kept(setting: Setting, mine: Sequence[Found], plain: Sequence[Found], repeats: Repeats) -> Kept:
    differences = [a.gap_closed - b.gap_closed for a, b in zip(mine, plain, strict=True)]
    middle, half = float(np.mean(differences)), repeats.half_width(differences)
    flips = {kind: float(np.mean([each.flips[kind] for each in mine])) for kind in mine[0].flips}
    return Kept(
        setting, float(np.mean([each.gap_closed for each in mine])), middle, middle - half, middle + half, flips
    )


def served(bundle: Bundle, pack: Pack, pairs: Mapping[str, Pairs]) -> list[dict[str, Any]]:
    """Flips by setting, by what the floor looks at, and by class of the bundle's configuration; of classes with the
    same floor and lambda only the first."""
    rows, done = [], set()
    for name, promise in bundle.config.traffic_classes.items():
        rule = Rule.of(promise, bundle.config.exploration, explore=False)
        if (rule.floor, rule.quality_per_usd) in done:
            continue
        done.add((rule.floor, rule.quality_per_usd))
        for looks_at in ("request", "cell", "nothing"):
            applied = replace(rule, floor=0.0 if looks_at == "nothing" else rule.floor)
            settings = [replace(setting, cell_floor=looks_at == "cell") for setting in SERVED]
            flips = as_served(bundle, pack.contexts, pairs, settings, rule=applied)
            head = {"class": name, "floor": rule.floor, "floor_looks_at": looks_at}
            rows += [{**head, **asdict(setting), "flips": flips[setting]} for setting in settings]
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
    title = f"{source}: lanes changed by other words, mean over budgets and splits"
    first = Table("margin", "smoothing", "gap closed %", "against none", *kinds, title=title, title_justify="left")
    for row in kept:
        numbers = f"{row.difference:+.1f} [{row.low:.1f}, {row.high:.1f}]"
        head = (f"{row.setting.margin:g}", f"{row.setting.smoothing:g}", f"{row.gap_closed:.1f}", numbers)
        first.add_row(*head, *_columns(row.flips))
    title = "as the bundle serves: lanes changed by other words"
    second = Table("class", "floor of", "margin", "smoothing", *kinds[:3], title=title, title_justify="left")
    for item in classes:
        head = (item["class"], item["floor_looks_at"], f"{item['margin']:g}", f"{item['smoothing']:g}")
        second.add_row(*head, *_columns(item["flips"]))
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
    kept, classes = measure(pack, {**pairs, **own}, splits=SPLITS), served(opened, pack, pairs)
    if as_json:
        report = {"data": data.name, "splits": SPLITS, "rows": [asdict(row) for row in kept], "served": classes}
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
        return
    console = Console(width=None if sys.stdout.isatty() else 132)
    for table in as_tables(kept, classes, data.name):
        console.print(table)
