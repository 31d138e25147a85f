"""``python -m benchmarks.simulation speed|scaling``: how long a simulation takes, and how much memory.

The shipped bundle with its lanes, the example requests as kinds, a week of traffic. ``speed``: a million requests,
frozen and learning, in calm and with a provider dark for 48 hours. ``scaling``: 10^4 to 10^7 requests, frozen. Each run
has a process of its own, which says its peak memory. Seconds are those of the processor; wall seconds tell more of what
else the machine does.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from typing import Annotated

import numpy as np
import typer

from router_ml.offline.simulation.playing.carried import Carried
from router_ml.offline.simulation.playing.play import play
from router_ml.offline.simulation.policies.routed import Routed
from router_ml.offline.simulation.scenarios.loading import load_scenario
from router_ml.offline.simulation.traffic.arrivals import arrivals
from router_ml.offline.simulation.traffic.reading import example_requests, kinds_from_requests
from router_ml.offline.simulation.world.building import build_world
from router_ml.storage.bundle import Bundle
from router_ml.storage.loading import shipped_bundle

app = typer.Typer(help=__doc__, add_completion=False)
KINDS = 2_000
SCENARIOS = {"calm": "quiet_week", "outage": "vendor_outage_48h"}


def measure(scenario_name: str, requests: int, *, learns: bool) -> dict[str, object]:
    """One run: seconds by part, peak memory, and what came of it."""
    bundle, scenario = Bundle.load(shipped_bundle()), load_scenario(scenario_name)
    traffic = scenario.traffic.model_copy(update={"requests": requests, "days": 7.0})
    scenario = scenario.model_copy(update={"traffic": traffic})
    kinds = kinds_from_requests(example_requests(), bundle, size=KINDS)
    world = build_world(scenario, kinds, bundle.config, main={"balanced": 0.7, "fast": 0.3})
    began = time.process_time()
    policy = Routed("champion", bundle, kinds, world, learns=learns)
    ready = time.process_time()
    stream = arrivals(scenario, kinds, seed=0)
    for _ in stream.batches():
        pass
    came, wall = time.process_time(), time.perf_counter()
    counted = dict.fromkeys(("requests", "calls", "failed_calls", "violations"), 0)

    def count(carried: Carried) -> None:
        counted["requests"] += len(carried.fate)
        for name in ("calls", "failed_calls", "violations"):
            counted[name] += int(np.sum(getattr(carried, name)))

    play(policy, stream, world, scenario, count=count)
    return {
        "kinds": len(kinds),
        "policy_s": ready - began,
        "traffic_s": came - ready,
        "play_s": time.process_time() - came,
        "play_wall_s": time.perf_counter() - wall,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **counted,
    }


def apart(scenario: str, requests: int, *, learns: bool, runs: int) -> dict[str, object]:
    """Medians of some runs, each in a process of its own; with the least and the most."""
    command = [sys.executable, "-m", "benchmarks.simulation", "one", scenario, str(requests), *["--learns"] * learns]
    found = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(runs)]
    seconds = [one["play_s"] for one in found]
    middle = {name: statistics.median(one[name] for one in found) for name in found[0]}
    return middle | {"play_s_least": min(seconds), "play_s_most": max(seconds)}


@app.command()
def one(scenario: str, requests: int, learns: Annotated[bool, typer.Option("--learns")] = False) -> None:
    """One run in this process, as JSON."""
    typer.echo(json.dumps(measure(scenario, requests, learns=learns)))


@app.command()
def speed(requests: int = 1_000_000, runs: int = 3) -> None:
    """A week of requests: frozen and learning, in calm and with a provider dark for 48 hours."""
    for label, scenario in SCENARIOS.items():
        for learns in (False, True):
            _say({"scenario": label, "learns": learns} | apart(scenario, requests, learns=learns, runs=runs))


@app.command()
def scaling(most: int = 10_000_000, runs: int = 1) -> None:
    """From 10,000 requests on, ten times as many each, frozen."""
    requests = 10_000
    while requests <= most:
        _say({"scenario": "outage"} | apart(SCENARIOS["outage"], requests, learns=False, runs=runs))
        requests *= 10


def _say(found: dict[str, object]) -> None:
    typer.echo(
        json.dumps({key: round(value, 3) if isinstance(value, float) else value for key, value in found.items()})
    )


if __name__ == "__main__":
    app()
