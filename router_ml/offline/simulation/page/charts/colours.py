"""Which colour a lane has, everywhere; told apart by people who see few colours, and on white as on black."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from router_ml.offline.simulation.counting.results import Result

PALETTE = ("#2d4ed1", "#8fd0f0", "#016a55", "#d8d85d", "#d5326e", "#8a3ea6", "#948d4f", "#f28c0e", "#961037")
"""At least 18 apart in CIE L*a*b*, also for people who see red and green alike."""
OTHERS = "#a3a3a3"
OTHER_LANES = "other lanes"
POLICIES = ("#c2410c", "#0e7490", "#7e22ce", "#4d7c0f", "#be185d")
"""Of policies beside the champion, which is drawn in the colour of text."""


def lane_colours(results: Sequence[Result]) -> Mapping[str, str]:
    """Colours by lane: in the order in which lanes come, for those that serve most under the champion;
    the rest share a grey."""
    lanes = list(dict.fromkeys(lane for result in results for lane in result.lanes))
    first = results[0].lane_requests
    served = {lane: sum(result.lane_requests.get(lane, 0) for result in results) for lane in lanes}
    most = set(sorted(lanes, key=lambda lane: (-first.get(lane, 0), -served[lane]))[: len(PALETTE)])
    colours = iter(PALETTE)
    return {lane: next(colours) if lane in most else OTHERS for lane in lanes}
