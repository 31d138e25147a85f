"""One policy, played and counted; on the requests of a log also corrected by what the log knows of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from router_ml.offline.simulation.counting.counted import difference_of
from router_ml.offline.simulation.counting.results import Difference, Result
from router_ml.offline.simulation.counting.tally import Tally
from router_ml.offline.simulation.logged import source as logged
from router_ml.offline.simulation.playing.carried import Carried
from router_ml.offline.simulation.playing.play import play
from router_ml.offline.simulation.policies.policy import Policy
from router_ml.offline.simulation.scenarios.scenario import Scenario
from router_ml.offline.simulation.traffic.rows import Stream
from router_ml.offline.simulation.world.world import World


@dataclass(frozen=True)
class Played:
    """What was counted of a policy; ``finding``: what a log says of it, where the requests are a log's."""

    tally: Tally
    finding: logged.Finding | None = None

    @property
    def result(self) -> Result:
        """What came of it."""
        result = self.tally.result()
        return result if self.finding is None else self.finding.corrected(result)

    def less(self, against: Played) -> Difference:
        """This policy less another that met the same requests."""
        if self.finding is None or against.finding is None:
            return difference_of(self.tally, against.tally)
        return logged.difference(self.finding, against.finding)


def run(
    policy: Policy,
    stream: Stream,
    world: World,
    scenario: Scenario,
    *,
    progress: Callable[[int], None] | None = None,
) -> Played:
    """Play a policy and count what becomes of the requests."""
    tally, truth = Tally(policy, stream, world, scenario), stream.kinds.log
    if truth is None:
        play(policy, stream, world, scenario, count=tally.add, progress=progress)
        return Played(tally)
    watched = logged.Watched(policy, truth)

    def count(carried: Carried) -> None:
        tally.add(carried)
        watched.add(carried)

    play(watched, stream, world, scenario, count=count, progress=progress)
    return Played(tally, watched.finding())
