"""How fast made-up traffic comes, and the most that it holds in memory at a time.

``python -m benchmarks.arrivals [--requests 10000 1000000 10000000]``: seconds of one core, rows per second and peak of
what is allocated (in a second run, since looking costs time), of single requests and with four of five in sessions of
eight turns.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from pathlib import Path

from rich.console import Console
from rich.table import Table

from router_ml.offline.judging.packs import read_pack
from router_ml.offline.simulation.scenarios.loading import load_scenario
from router_ml.offline.simulation.traffic.arrivals import Arrivals, arrivals
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.offline.simulation.traffic.reading import kinds_from_pack
from router_ml.storage.bundle import Bundle
from router_ml.storage.loading import shipped_bundle

PACK = Path(__file__).parents[1] / "data" / "outcomes" / "judged"
SCENARIOS = {"single": "quiet_week", "in sessions": "prompt_cache_sessions"}
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)


def stream_of(scenario: str, requests: int, kinds: Kinds) -> Arrivals:
    """The traffic of a scenario of the library, with so many requests."""
    made = load_scenario(scenario)
    traffic = made.traffic.model_copy(update={"requests": requests})
    return arrivals(made.model_copy(update={"traffic": traffic}), kinds, seed=0)


def seconds(stream: Arrivals) -> float:
    """Seconds of one core that playing it takes."""
    began = time.process_time()
    for _ in stream.batches():
        pass
    return time.process_time() - began


def peak_mb(stream: Arrivals) -> float:
    """The most that is allocated at a time, MB."""
    tracemalloc.start()
    try:
        seconds(stream)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def main() -> None:
    """Measure each size, and show a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, nargs="+", default=SIZES)
    asked = parser.parse_args()
    kinds = kinds_from_pack(read_pack(PACK), Bundle.load(shipped_bundle()), in_sample=True)
    table = Table("requests", "come", "seconds (CPU)", "rows per second", "peak MB")
    for come, scenario in SCENARIOS.items():
        for requests in asked.requests:
            stream = stream_of(scenario, requests, kinds)
            took = seconds(stream)
            rate = requests / max(took, 1e-9)
            table.add_row(f"{requests:,}", come, f"{took:.2f}", f"{rate:,.0f}", f"{peak_mb(stream):.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
