"""``python -m training.benchmark online``: how routers cope with lanes that change, on one seeded stream.

Regret is utility (quality - lambda * cost) lost per request against an oracle that knows every answer beforehand. The
floor is kept in a window of ``WINDOW`` requests when their mean quality reaches it. Time to adapt counts requests from
an event until the share of the lane it concerns has gone 80% of the way from the old to the new steady state, as seen
over the next ``AHEAD`` requests; 0 is the next decision.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from router_ml.config.schema import Probe
from training.benchmark.contestants import Contestant, Ours, contestants
from training.benchmark.online_tables import as_table, report
from training.benchmark.routing import load
from training.benchmark.stream import RATED, World, make_world
from training.outcomes import DEFAULT, ROOT
from training.reading.plots import shares_over_time

Floats = NDArray[np.float64]

WINDOW = 100  # requests
AHEAD, STEADY = 40, 300  # requests that a share is read from: while it moves, and before and after
MOVED = 0.1  # a share that ends less far from where it was has not moved
WAY = 0.8
AT_ONCE = 20  # requests that are decided before the ratings of any of them arrive
PANEL = 60  # prompts on which beliefs are read


@dataclass(frozen=True)
class Run:
    """One router on one stream: per request (T,) the lane as index into the world's names, its true quality, cost and
    regret; and by event how long the belief in the lane took to go 80% of the way to the truth, where it was read."""

    lane: NDArray[np.intp]
    quality: Floats
    cost_usd: Floats
    regret: Floats
    belief: Mapping[str, float | None] = field(default_factory=dict)


def play(world: World, contestant: Contestant, *, step: Callable[[int], None] = lambda count: None) -> Run:
    """One router over a whole stream."""
    names = list(world.names)
    lane = np.zeros(len(world.row), dtype=np.intp)
    quality, cost, best = np.zeros((3, len(world.row)))
    belief: dict[str, float | None] = {}
    for number, (phase, end) in enumerate(zip(world.phases, world.ends(), strict=True)):
        look = _Belief(world, number, contestant)
        if number:
            contestant.configure(phase.lanes)
        there = [names.index(name) for name in phase.lanes]
        utility = phase.quality - world.quality_per_usd * phase.cost_usd
        for begin in range(phase.start, end, AT_ONCE):
            look.at(begin)
            times = np.arange(begin, min(begin + AT_ONCE, end))
            chosen = contestant.choose(world.row[times], world.draw[times])
            lane[times] = [names.index(name) for name, _ in chosen]
            quality[times] = phase.quality[world.row[times], lane[times]]
            cost[times] = phase.cost_usd[world.row[times], lane[times]]
            best[times] = utility[world.row[times]][:, there].max(axis=1)
            for t, (name, probability) in zip(times.tolist(), chosen, strict=True):
                if world.rated[t]:
                    contestant.learn(int(world.row[t]), name, quality=float(quality[t]), probability=probability)
            step(len(times))
        if look.active and phase.event:
            belief[phase.event] = look.requests
    return Run(lane, quality, cost, best - (quality - world.quality_per_usd * cost), belief)


class _Belief:
    """How long what ``ours`` expects of the lane of an event takes to go 80% of the way to the truth."""

    def __init__(self, world: World, number: int, contestant: Contestant) -> None:
        phase = world.phases[number]
        self.requests: float | None = None
        self.active = False
        if not isinstance(contestant, Ours) or phase.lane is None or phase.event not in {"regression", "upgrade"}:
            return
        self.active = True
        self._ours, self._lane, self._start = contestant, phase.lane, phase.start
        index = world.names.index(phase.lane)
        self._panel = world.prompts.contexts.take(slice(0, PANEL))
        change = phase.quality[:PANEL, index] - world.phases[number - 1].quality[:PANEL, index]
        self._before, self._change = contestant.believed(self._panel, phase.lane), float(change.mean())

    def at(self, t: int) -> None:
        if not self.active or self.requests is not None:
            return
        moved = self._ours.believed(self._panel, self._lane) - self._before
        if moved / self._change >= WAY:
            self.requests = float(t - self._start)


def time_to_adapt(used: NDArray[np.bool_], start: int, end: int) -> float | None:
    """Requests after ``start`` until the share of a lane has gone 80% of the way to where it is at ``end``.

    Args:
        used: (T,) whether each request went to the lane.

    Returns:
        None where the share has not moved by ``MOVED``.
    """
    steady = min(STEADY, (end - start) // 2)
    old, new = used[max(0, start - steady) : start].mean(), used[end - steady : end].mean()
    if abs(new - old) < MOVED:
        return None
    total = np.concatenate([[0], np.cumsum(used[start:end])])
    ahead = min(AHEAD, end - start)
    share = (total[ahead:] - total[:-ahead]) / ahead
    there = (share - old) / (new - old) >= WAY
    return float(there.argmax()) if there.any() else None


def summarise(world: World, run: Run) -> dict[str, Any]:
    """A run's numbers: per request regret and quality, USD per 1,000, share of windows that kept the floor, by event
    the time to adapt, and how often a removed lane was used."""
    windows = len(run.quality) // WINDOW
    kept = run.quality[: windows * WINDOW].reshape(windows, WINDOW).mean(axis=1) >= world.floor
    adapt: dict[str, float | None] = {}
    removed_used = 0
    for phase, end in zip(world.phases[1:], world.ends()[1:], strict=True):
        used = run.lane == world.names.index(str(phase.lane))
        if phase.event == "removal":
            removed_used = int(used[phase.start : end].sum())
        adapt[str(phase.event)] = time_to_adapt(used, phase.start, end)
    return {
        "regret": float(run.regret.mean()),
        "regret_by_phase": [
            float(run.regret[phase.start : end].mean()) for phase, end in zip(world.phases, world.ends(), strict=True)
        ],
        "cost_usd_per_1000": float(1000 * run.cost_usd.mean()),
        "quality": float(run.quality.mean()),
        "floor_kept": float(kept.mean()),
        "adapt": adapt,
        "belief": dict(run.belief),
        "removed_used": removed_used,
    }


def study(
    worlds: list[World], *, step: Callable[[int], None] = lambda count: None
) -> tuple[dict[str, list[dict[str, Any]] | None], dict[str, Run]]:
    """Every router on every world: its numbers by world, None where it is not installed; and the runs of the first."""
    table: dict[str, list[dict[str, Any]] | None] = {}
    first: dict[str, Run] = {}
    for seed, world in enumerate(worlds):
        for name, make in contestants(world, seed=seed).items():
            if make is None:
                table[name] = None
                continue
            run = play(world, make(), step=step)
            rows = table.setdefault(name, [])
            assert rows is not None
            rows.append(summarise(world, run))
            if seed == 0:
                first[name] = run
    return table, first


def upgrade_bound(probe: Probe) -> float:
    """Requests until the probes of a new version are answered, where every request may be sent to the lane: after these
    the router has ``RATED`` of them as ratings."""
    return probe.requests / probe.share


def main(
    data: Annotated[Path, typer.Option(help="Outcome matrix (.parquet) or pack (path without ending).")] = DEFAULT,
    requests: Annotated[int, typer.Option(help="Length of a stream.")] = 8000,
    seeds: Annotated[int, typer.Option(help="Streams.")] = 5,
    quality_per_usd: Annotated[float, typer.Option(help="Lambda: quality that a dollar has to buy.")] = 30.0,
    bundle: Annotated[Path, typer.Option(help="Encoder and classifier for .parquet.")] = ROOT / "models" / "default",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")] = False,
    plot_to: Annotated[Path | None, typer.Option("--plot", help="Save lane shares of the first stream.")] = None,
) -> None:
    """Compare routers on a stream with a price cut, a silent regression, a new lane, an upgrade and a removal."""
    pack = load(data, bundle)
    worlds = [make_world(pack, requests=requests, quality_per_usd=quality_per_usd, seed=seed) for seed in range(seeds)]
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("requests", total=None)
        table, first = study(worlds, step=lambda count: progress.update(task, advance=count))
    rows = [report(name, runs) for name, runs in table.items()]
    bound = upgrade_bound(next(iter(worlds[0].phases[0].lanes.values())).probe)
    if plot_to:
        events = [(phase.start, f"{phase.event}: {phase.lane}") for phase in worlds[0].phases[1:]]
        lanes = {
            name: run.lane for name, run in first.items() if name in {"ours", "ParetoBandit", "epsilon-greedy on cells"}
        }
        shares_over_time(plot_to, lanes, worlds[0].names, events, window=WINDOW, title="Lane shares over a stream")
    if as_json:
        about = {"data": data.name, "requests": requests, "seeds": seeds, "rated": RATED, "upgrade_bound": bound}
        sys.stdout.write(json.dumps({**about, "rows": rows}, indent=1) + "\n")
        return
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(as_table(rows, f"{data.name}: {seeds} streams of {requests} requests, {RATED:.0%} rated; median"))
    console.print(f"Probes of an upgraded lane are answered within {bound:.0f} requests that it may serve.")
