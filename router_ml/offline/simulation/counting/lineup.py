"""Which policies a study plays, in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from router_ml.config import RouterConfig
from router_ml.errors import InvalidRequestError
from router_ml.offline.simulation.counting.calm import Calm, with_budgets
from router_ml.offline.simulation.policies.others import Fixed, nearest, oracle
from router_ml.offline.simulation.policies.policy import Policy
from router_ml.offline.simulation.policies.routed import Routed
from router_ml.offline.simulation.policies.shuffled import Shuffled
from router_ml.offline.simulation.scenarios.scenario import Scenario
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.offline.simulation.world.world import World
from router_ml.storage.bundle import Bundle

CHAMPION, LEARNING, BEST = "champion", "champion, learning", "always the best"
GROUPS = ("challengers", "fixed", "premium", "nearest", "shuffled", "oracle", "learning")
USUAL = GROUPS[:-1]
"""What is compared with the champion if nothing else is asked for; ``learning`` is the champion that learns from the
ratings of the run."""


@dataclass(frozen=True)
class Setting:
    """What all policies are built from. ``config``: the champion's, with the budgets of the scenario."""

    bundle: Bundle
    config: RouterConfig
    scenario: Scenario
    calm: Calm
    kinds: Kinds
    world: World
    seed: int

    @cached_property
    def champion(self) -> Routed:
        """The champion; whoever plays has a twin of it, since it remembers what it has probed."""
        return Routed(CHAMPION, self.bundle, self.kinds, self.world, config=self.config)

    def learning(self, name: str) -> Routed:
        """A champion that learns; it has a bandit of its own."""
        return Routed(name, self.bundle, self.kinds, self.world, config=self.config, learns=True)

    def challenger(self, *, name: str, bundle: Bundle) -> Routed:
        """Another bundle under its own rules, with the budgets of the scenario."""
        config = with_budgets(bundle.config, self.scenario, self.calm)
        return Routed(name, bundle, self.kinds, self.world, config=config)

    def fixed(self, *, name: str, lane: str) -> Fixed:
        """One lane for everything."""
        return Fixed(name, lane, self.champion, self.kinds, self.world)


@dataclass(frozen=True)
class Entry:
    """A policy that is to be played; ``make`` builds it when it is its turn, so that one is in memory at a time.
    ``lane``: the one lane of a fixed policy."""

    name: str
    make: Callable[[Setting], Policy]
    lane: str | None = None


def check_groups(policies: Sequence[str]) -> None:
    """Refuse what is no group of policies.

    Raises:
        InvalidRequestError: with what there is.
    """
    unknown = [name for name in policies if name not in GROUPS]
    if unknown:
        raise InvalidRequestError(
            f"There are no policies {', '.join(unknown)}. Choose from {', '.join(GROUPS)}; the champion always plays."
        )


def lineup(kinds: Kinds, challengers: Mapping[str, Bundle], policies: Sequence[str]) -> list[Entry]:
    """The champion first, then what is asked for.

    Raises:
        InvalidRequestError: a challenger has the name of another policy, or as ``check_groups``.
    """
    check_groups(policies)
    entries = [Entry(CHAMPION, lambda setting: setting.champion.twin(CHAMPION))]
    for group in GROUPS:
        if group in policies:
            entries.extend(_group(group, kinds, challengers))
    names = [entry.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidRequestError(f"Two policies are named {', '.join(twice)}. Give the challenger another name.")
    return entries


def playable(entries: Sequence[Entry], setting: Setting) -> tuple[list[Entry], tuple[str, ...]]:
    """The entries without fixed lanes that no request may ever go to, which would be the champion by another name; and
    a note of these."""
    closed = {entry.lane for entry in entries if entry.lane is not None}
    champion, world = setting.champion.twin(CHAMPION), setting.world
    for phase in world.phases:
        if closed:
            champion.enter(phase)
            may = champion.permitted()[setting.kinds.weight > 0]
            closed -= {lane for at, lane in enumerate(world.lanes) if may[:, at].any()}
    left = [entry.name for entry in entries if entry.lane in closed]
    note = (f"Not played, since rules and ceilings keep all requests from there: {', '.join(left)}.",) if left else ()
    return [entry for entry in entries if entry.lane not in closed], note


def _group(group: str, kinds: Kinds, challengers: Mapping[str, Bundle]) -> Iterator[Entry]:
    match group:
        case "learning":
            yield Entry(LEARNING, lambda setting: setting.learning(LEARNING))
        case "challengers":
            for name, bundle in challengers.items():
                yield Entry(name, partial(Setting.challenger, name=name, bundle=bundle))
        case "fixed":
            for lane in kinds.lanes:
                name = f"always {lane}"
                yield Entry(name, partial(Setting.fixed, name=name, lane=lane), lane)
        case "premium":
            yield Entry(BEST, partial(Setting.fixed, name=BEST, lane=best_lane(kinds)))
        case "nearest":
            yield Entry("kNN", lambda setting: nearest(setting.champion, setting.kinds, setting.world))
        case "shuffled":
            yield Entry("shuffled", lambda setting: Shuffled(setting.champion, setting.seed))
        case "oracle":
            yield Entry("oracle", lambda setting: oracle(setting.champion, setting.kinds, setting.world))


def best_lane(kinds: Kinds) -> str:
    """The lane whose answers are truly best on average over the requests where that is known, whatever they cost."""
    known = np.isfinite(kinds.quality) & (kinds.weight > 0)[:, None]
    total, weight = kinds.weight @ np.where(known, kinds.quality, 0.0), kinds.weight @ known
    return kinds.lanes[int(np.where(weight > 0, total / np.maximum(weight, 1e-300), -1.0).argmax())]
