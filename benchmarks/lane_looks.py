"""How often looks at a lane cry wolf, and how much has to change before they see it.

python -m benchmarks.lane_looks --looks 100           on a fault server, over HTTP: one baseline, many looks
python -m benchmarks.lane_looks --alone --looks 2000  the same lanes without a server: a baseline per look
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator
from functools import partial

from benchmarks.execution.setting import config_on
from router_ml.execution.lanes.calls import LiteLLMLanes
from router_ml.faults import FaultServer
from router_ml.faults.configured import model_of
from training.evals.watching.behaviour import confirmed
from training.evals.watching.looking import AT_BASELINE, AT_CONFIRMED, AT_LOOK
from training.evals.watching.planted import PlantedLane
from training.evals.watching.probes import PROBES, ask_probes

LANE = "openai-us"
NOISES = (0.0, 0.2, 0.5, 0.8)
CHANGES = (0.1, 0.2, 0.35, 0.5, 1.0)
Heard = dict[str, list[str]]


def main() -> None:
    """Print one line of JSON per lane."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--looks", type=int, default=100, help="of each lane that does not change")
    arguments.add_argument("--seen", type=int, default=20, help="of each lane that does")
    arguments.add_argument("--alone", action="store_true", help="no server; every look has a baseline of its own")
    asked = arguments.parse_args()
    rows = alone(asked.looks, asked.seen) if asked.alone else served(asked.looks, asked.seen)
    for row in rows:
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()


def alone(looks: int, seen: int) -> Iterator[dict[str, object]]:
    """Lanes that are asked without a server."""
    for noise in NOISES:
        for changed in (0.0, *CHANGES):
            count, alarms = (looks if changed == 0 else seen), 0
            for seed in range(count):
                lane = PlantedLane(noise=noise, seed=seed)
                before = _said(lane, AT_BASELINE)
                lane.changed = changed
                heard = _said(lane, AT_LOOK)
                alarms += confirmed(before, heard, partial(_said, lane, AT_CONFIRMED), seed=seed).changed
            probes = sum(PlantedLane(changed=changed).moves(probe) for probe in PROBES)
            yield {"noise": noise, "prompts_changed": probes, "looks": count, "alarms": alarms}


def served(looks: int, seen: int) -> Iterator[dict[str, object]]:
    """Lanes on a fault server: one baseline, and many looks at it."""
    with FaultServer(bodies=False) as server:
        config = config_on(server)
        patient = config.lanes[LANE].endpoint.model_copy(update={"timeout_ms": 60_000.0})
        lane = config.lanes[LANE].model_copy(update={"endpoint": patient})
        config = config.model_copy(update={"lanes": {**config.lanes, LANE: lane}})
        calls = LiteLLMLanes(config.lanes)

        def hear(times: int) -> Heard:
            return asyncio.run(ask_probes(calls, config, LANE, times=times)).answers

        for noise in NOISES:
            planted = PlantedLane(noise=noise, seed=7)
            server.play(model_of(lane), planted.play)
            before = hear(AT_BASELINE)
            for changed in (0.0, 0.35):
                planted.changed, alarms = changed, 0
                for seed in range(looks if changed == 0 else seen):
                    heard = hear(AT_LOOK)
                    alarms += confirmed(before, heard, partial(hear, AT_CONFIRMED), seed=seed).changed
                probes = sum(planted.moves(probe) for probe in PROBES)
                count = looks if changed == 0 else seen
                yield {"noise": noise, "prompts_changed": probes, "looks": count, "alarms": alarms}


def _said(lane: PlantedLane, times: int) -> Heard:
    return {probe: [lane.say(probe) for _ in range(times)] for probe in PROBES}


if __name__ == "__main__":
    main()
