"""What a retraining made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from router_ml.allocation.estimate import Allocation
from router_ml.storage.promises import Promises
from training.logged.data_checks import Check
from training.logged.held_out import LaneError
from training.logged.sample import Counts
from training.retraining.labels import Correction


@dataclass(frozen=True)
class Learned:
    """What retraining made, from how much, and how far it can be trusted. ``uncertified``: why classes have no
    certificate from the log; ``reused``: steps that an earlier run had done; ``report``: where it was written."""

    allocation: Allocation
    from_pack: int
    from_log: int
    left_out: dict[str, int]
    promises: Promises = field(default_factory=Promises)
    counts: Counts | None = None
    checks: tuple[Check, ...] = ()
    corrections: dict[str, Correction] = field(default_factory=dict)
    errors: tuple[LaneError, ...] = ()
    unknown: tuple[str, ...] = ()
    uncertified: dict[str, str] = field(default_factory=dict)
    lineage: dict[str, object] = field(default_factory=dict)
    reused: tuple[str, ...] = ()
    report: Path | None = None
