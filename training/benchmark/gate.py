"""``python -m training.benchmark gate``: how often the gate promotes what it must not, and what it should.

Each gate is one replay of an outcome matrix as a log, judged by the function that ``router-ml evaluate`` judges with.
False promotion: the challenger is worse than the margin, by a hair, which is where a gate errs most.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from router_ml.config.schema import Release
from router_ml.offline.gate import Verdict, conclude, judge
from training.benchmark.gate_world import TURNS, Challenger, Fault, World, build, challengers, replay
from training.benchmark.routing import load
from training.outcomes import DEFAULT, ROOT, Pack

SIZES = (2_000, 5_000, 10_000)
GATES = 400
PROPENSITY_CHECKS = ("sample_ratio", "mean_weight", "agreement")  # left out one after the other
SESSIONS = {"sessions, by person": True, "sessions, as if each decision stood alone": False}
FAULTS: tuple[Fault, ...] = ("failures are lost", "a hidden override")
WORSE = 1.5  # times the margin, of challengers that a faulty log makes look good


@dataclass(frozen=True)
class Row:
    """One challenger at one size of log, over ``gates`` replays: its true differences, shares of verdicts, of checks
    that failed (or were not known) by name, and of promotions without the first, the first two and all three of
    ``PROPENSITY_CHECKS``; how often the 95% interval of quality covers, effective size, CPU milliseconds a gate."""

    kind: str
    challenger: str
    fault: Fault
    rated: int
    gates: int
    quality: float
    cost_usd: float
    promoted: float
    rejected: float
    failed: dict[str, float]
    promoted_without: tuple[float, ...]
    coverage: float
    effective: float
    ms: float

    @property
    def error(self) -> float:
        """Standard error of ``promoted``."""
        return float(np.sqrt(self.promoted * (1 - self.promoted) / self.gates))


def study(  # noqa: PLR0913 - what a log can be like
    world: World,
    challenger: Challenger,
    *,
    kind: str,
    rated: int,
    gates: int,
    release: Release,
    fault: Fault = "none",
    turns: int = 1,
    clustered: bool = True,
) -> Row:
    """Judge ``gates`` logs, of sessions of ``turns``, ``clustered`` as the gate does where it knows the persons."""
    rng = np.random.default_rng([rated, *challenger.name.encode(), *fault.encode()])
    found, took = list[Verdict](), 0.0
    for _ in range(gates):
        trial = replay(world, challenger, rated, fault=fault, rng=rng, turns=turns)
        trial = trial if clustered else replace(trial, cluster=None)
        started = time.process_time()
        found.append(judge(trial, release))
        took += time.process_time() - started
    names = [check.name for check in found[0].checks]
    covered = [
        each.comparison.dr.low <= challenger.quality <= each.comparison.dr.high for each in found if each.comparison
    ]
    return Row(
        kind=kind,
        challenger=challenger.name,
        fault=fault,
        rated=rated,
        gates=gates,
        quality=challenger.quality,
        cost_usd=challenger.cost_usd,
        promoted=_share(found, "promote"),
        rejected=_share(found, "reject"),
        failed={name: float(np.mean([not each.check(name).passed for each in found])) for name in names},
        promoted_without=tuple(
            _promoted_without(found, PROPENSITY_CHECKS[: count + 1], release) for count in range(len(PROPENSITY_CHECKS))
        ),
        coverage=float(np.mean(covered)) if covered else float("nan"),
        effective=float(np.mean([each.comparison.dr.effective_sample_size for each in found if each.comparison])),
        ms=1000 * took / gates,
    )


def _share(found: Sequence[Verdict], word: str) -> float:
    return float(np.mean([each.verdict == word for each in found]))


def _promoted_without(found: Sequence[Verdict], names: Sequence[str], release: Release) -> float:
    words = [
        conclude([check for check in each.checks if check.name not in names], each.comparison, release)
        for each in found
    ]
    return float(np.mean([word == "promote" for word in words]))


def benchmark(
    pack: Pack, *, gates: int, release: Release, step: Callable[[str], None] = lambda name: None
) -> list[Row]:
    """False promotions and power at each size, and what faulty logs do."""
    step("predictions of models that saw none of the prompts")
    world, rows = build(pack), list[Row]()
    worse, deserving = challengers(world, release.margin)
    for kind, some in (("worse than the margin", worse), ("deserves it", deserving)):
        for challenger in some:
            step(challenger.name)
            rows += [study(world, challenger, kind=kind, rated=n, gates=gates, release=release) for n in SIZES]
    for kind, clustered in SESSIONS.items():
        step(kind)
        for each in (*worse, *deserving):
            more = study(
                world,
                each,
                kind=kind,
                rated=SIZES[-1],
                gates=gates,
                release=release,
                turns=TURNS,
                clustered=clustered,
            )
            rows.append(more)
    bad = challengers(world, WORSE * release.margin)[0][0]
    for fault in FAULTS:
        step(fault)
        rows.append(study(world, bad, kind=fault, rated=SIZES[-1], gates=gates, release=release, fault=fault))
    return rows


def as_table(rows: list[Row], title: str) -> Table:
    """Verdicts on sound logs, for a terminal."""
    heads = ("challenger", "true quality", "USD per 1,000", "rated", "effective", "promoted %", "rejected %")
    table = Table(*heads, "95% covers %", "ms", title=title)
    for before, row in zip([None, *rows], rows, strict=False):
        if row.fault != "none":
            continue
        if before is None or row.kind != before.kind:
            table.add_section()
            table.add_row(f"[bold]{row.kind}[/bold]")
        cells = (row.challenger, f"{row.quality:+.4f}", f"{1000 * row.cost_usd:+.3f}", str(row.rated))
        shares = (f"{100 * row.promoted:.1f} ± {100 * row.error:.1f}", f"{100 * row.rejected:.1f}")
        table.add_row(*cells, f"{row.effective:.0f}", *shares, f"{100 * row.coverage:.1f}", f"{row.ms:.0f}")
    return table


def fault_table(rows: list[Row]) -> Table:
    """What faulty logs do, and which checks notice."""
    heads = ("fault", "true quality", "promoted %", "without SRM", r"and E\[w]", "and agreement")
    table = Table(*heads, "noticed by SRM %", r"by E\[w]", "by agreement")
    for row in rows:
        if row.fault != "none":
            shares = (row.promoted, *row.promoted_without, *(row.failed[name] for name in PROPENSITY_CHECKS))
            table.add_row(row.fault, f"{row.quality:+.4f}", *(f"{100 * share:.1f}" for share in shares))
    return table


def main(
    data: Annotated[Path, typer.Option(help="Outcome matrix (.parquet) or pack (path without ending).")] = DEFAULT,
    gates: Annotated[int, typer.Option(min=2, help="Simulated gates for each challenger and size.")] = GATES,
    margin: Annotated[float, typer.Option(min=0.001, help="How much lower quality may be and still be kept.")] = 0.01,
    bundle: Annotated[Path, typer.Option(help="Encoder and classifier for .parquet.")] = ROOT / "models" / "default",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")] = False,
) -> None:
    """Simulate gates: how often is a challenger promoted that is worse than the margin, and one that deserves it?"""
    pack, release = load(data, bundle), Release(margin=margin)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("fitting", total=12)
        rows = benchmark(
            pack, gates=gates, release=release, step=lambda name: progress.update(task, advance=1, description=name)
        )
    if as_json:
        report = {"data": data.name, "margin": margin, "gates": gates, "rows": [asdict(row) for row in rows]}
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
        return
    title = f"{data.name}: {len(pack.group)} prompts, margin {margin:g}, {gates} gates each"
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(as_table(rows, title), fault_table(rows))
