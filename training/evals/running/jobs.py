"""What a run has to ask: each case of each suite, of each lane, as often as it is repeated."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from router_ml.config import RouterConfig
from router_ml.errors import OfflineDataError
from router_ml.router import Router
from training.evals.asking.lane import askable
from training.evals.case import Case
from training.evals.result import ROUTER, Result
from training.evals.running.record import RunArm, RunSettings
from training.evals.running.sampling import sampled
from training.evals.suite import Suite

Key = tuple[str, str, str, str, str, int]


@dataclass(frozen=True)
class Job:
    """One attempt to make. ``answered``: a result that is there and was not judged: only that is to be done."""

    suite: Suite
    case: Case
    arm: RunArm
    repeat: int
    answered: Result | None = None

    @property
    def key(self) -> Key:
        """What a result of it is known by."""
        return (self.suite.digest, self.case.digest, self.arm.lane, self.arm.model, self.arm.version, self.repeat)


def key_of(result: Result) -> Key:
    """Which job a result is of."""
    arm = result.arm
    return (result.suite_digest, result.case.digest, arm.lane, arm.model, arm.version, result.repeat)


def arms_of(config: RouterConfig, lanes: Sequence[str], router: Router | None, *, target: str) -> tuple[RunArm, ...]:
    """The lanes as they are configured; the router itself where the route is the target.

    Raises:
        OfflineDataError: a lane cannot be asked, or there is no router.
    """
    if target == "route":
        return (arm_of_router(router),)
    known = askable(config)
    if wrong := [lane for lane in lanes if lane not in known]:
        raise OfflineDataError(f"Found lanes {', '.join(wrong)}, expected some of {', '.join(known)}.")
    return tuple(RunArm(lane=one, model=config.lanes[one].model, version=config.lanes[one].version) for one in lanes)


def arm_of_router(router: Router | None) -> RunArm:
    """The router as a lane: its version is that of its bundle and its configuration.

    Raises:
        OfflineDataError: there is none.
    """
    if router is None:
        raise OfflineDataError("Cases of a suite are for the router itself. Give --config or --model.")
    versions = router.rules.base.versions
    return RunArm(lane=ROUTER, model=ROUTER, version=f"{versions.bundle}/{versions.config_sha256[:12]}")


def jobs_of(
    suites: Iterable[Suite], arms: Sequence[RunArm], router: Router | None, settings: RunSettings
) -> tuple[Job, ...]:
    """All jobs, the same cases in the same order for each lane, in a random order of cases: what a budget cuts off is a
    random part of every suite."""
    asked = [(suite, case) for suite in suites for case in sampled(suite.cases, settings.sample, seed=settings.seed)]
    random.Random(f"order {settings.seed}").shuffle(asked)
    found: list[Job] = []
    for repeat in range(settings.repeat):
        for suite, case in asked:
            if case.decided is None:
                found.extend(Job(suite, case, arm, repeat) for arm in arms)
            elif repeat == 0:
                found.append(Job(suite, case, arm_of_router(router), repeat))
    return tuple(found)
