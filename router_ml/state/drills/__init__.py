"""Drills: for a share of the sessions of running routers a vendor counts as down, so that one knows before it is.

A drill is an audit event, which every router that reads the same log follows within seconds. It narrows only: lanes are
taken away as if they had been reported down, and nothing else changes. It ends by itself. Sessions are drawn by the
same keyed hash as the arms of a rollout, so one stays in or out in every process and no caller can choose; each
decision records which it was. While anything is known to be really down, nothing counts as down for a drill.
"""

from router_ml.state.drills.events import LONGEST, Drill, begin, drills_of, end, running_drill
from router_ml.state.drills.following import Drills, as_recorded

__all__ = [
    "LONGEST",
    "Drill",
    "Drills",
    "as_recorded",
    "begin",
    "drills_of",
    "end",
    "running_drill",
]
