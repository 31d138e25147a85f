"""Which policies a study plays, in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property

from router_ml.config import RouterConfig
from router_ml.errors import InvalidRequestError
from router_ml.offline.simulation.kinds import Kinds
from router_ml.offline.simulation.others import Fixed, Shuffled, nearest, oracle
from router_ml.offline.simulation.policies import Policy
from router_ml.offline.simulation.routed import Routed
from router_ml.offline.simulation.world import World
from router_ml.storage.bundle import Bundle

CHAMPION, LEARNING, BEST = "champion", "champion, learning", "always the best"
GROUPS = ("challengers", "fixed", "premium", "nearest", "shuffled", "oracle", "learning")
USUAL = GROUPS[:-1]
"""What is compared with the champion if nothing else is asked for; ``learning`` is the champion that learns from the
ratings of the run."""


@dataclass(frozen=True)
class Entry:
    """A policy that is to be played; ``make`` builds it when it is its turn, so that one is in memory at a time."""

    name: str
    make: Callable[[], Policy]


@dataclass(frozen=True)
class Setting:
    """What all policies are built from. ``config``: the champion's, with the budgets of the scenario."""

    bundle: Bundle
    config: RouterConfig
    kinds: Kinds
    world: World
    seed: int

    @cached_property
    def _unplayed(self) -> Routed:
        return Routed(CHAMPION, self.bundle, self.kinds, self.world, config=self.config)

    def champion(self) -> Routed:
        """A champion of its own for whoever asks, since it remembers what it has probed.

        It is a copy of one that never plays: tables of rules and look-ups of models, which take longer than a short
        run, are shared, and all that a run changes begins anew with ``enter``.
        """
        one = copy(self._unplayed)
        one.enter(self.world.phases[0])
        return one

    def learning(self, name: str) -> Routed:
        """A champion that learns; it has a bandit of its own."""
        return Routed(name, self.bundle, self.kinds, self.world, config=self.config, learns=True)


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


def lineup(
    setting: Setting, challengers: Mapping[str, tuple[Bundle, RouterConfig]], policies: Sequence[str]
) -> list[Entry]:
    """The champion first, then what is asked for.

    Raises:
        InvalidRequestError: a challenger has the name of another policy, or as ``check_groups``.
    """
    check_groups(policies)
    entries = [Entry(CHAMPION, setting.champion)]
    for group in GROUPS:
        if group in policies:
            entries.extend(_group(group, setting, challengers))
    names = [entry.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidRequestError(f"Two policies are named {', '.join(twice)}. Give the challenger another name.")
    return entries


def _group(group: str, setting: Setting, challengers: Mapping[str, tuple[Bundle, RouterConfig]]) -> Iterator[Entry]:
    kinds, world = setting.kinds, setting.world
    match group:
        case "learning":
            yield Entry(LEARNING, lambda: setting.learning(LEARNING))
        case "challengers":
            for name, (bundle, config) in challengers.items():
                yield Entry(name, _challenger(setting, name, bundle, config))
        case "fixed":
            for lane in kinds.lanes:
                yield Entry(f"always {lane}", _fixed(setting, f"always {lane}", lane))
        case "premium":
            yield Entry(BEST, _fixed(setting, BEST, best_lane(kinds)))
        case "nearest":
            yield Entry("kNN", lambda: nearest(setting.champion(), kinds, world))
        case "shuffled":
            yield Entry("shuffled", lambda: Shuffled(setting.champion(), setting.seed))
        case "oracle":
            yield Entry("oracle", lambda: oracle(setting.champion(), kinds, world))


def _challenger(setting: Setting, name: str, bundle: Bundle, config: RouterConfig) -> Callable[[], Policy]:
    return lambda: Routed(name, bundle, setting.kinds, setting.world, config=config)


def _fixed(setting: Setting, name: str, lane: str) -> Callable[[], Policy]:
    return lambda: Fixed(name, lane, setting.champion(), setting.kinds, setting.world)


def best_lane(kinds: Kinds) -> str:
    """The lane whose answers are truly best on average, whatever they cost."""
    return kinds.lanes[int((kinds.weight @ kinds.quality).argmax())]
