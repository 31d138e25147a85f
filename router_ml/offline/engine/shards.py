"""Simulations in shards: one policy and one seed each, played wherever a worker is free, and added up.

Shards of seeds are runs of their own, which meet other traffic with other luck. The requests of one run may be dealt
out to several shards, by whole sessions, only where nothing is shared between them (``shared``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from router_ml.errors import OfflineDataError
from router_ml.offline.engine.dealing import Dealt, shared
from router_ml.offline.engine.opening import open_bundle
from router_ml.offline.engine.schemas import need
from router_ml.offline.simulation.counting.calm import Calm, with_budgets
from router_ml.offline.simulation.counting.lineup import Entry, Setting, lineup, playable
from router_ml.offline.simulation.counting.tally import Tally
from router_ml.offline.simulation.playing.play import play
from router_ml.offline.simulation.policies.policy import Policy
from router_ml.offline.simulation.scenarios.scenario import Scenario
from router_ml.offline.simulation.traffic.arrivals import arrivals
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.offline.simulation.traffic.rows import Stream
from router_ml.offline.simulation.world.building import build_world
from router_ml.offline.simulation.world.world import World
from router_ml.storage.bundle import Bundle

FAILED = 1  # place of failed calls among the counts of a tally


@dataclass(frozen=True)
class Simulate:
    """Shards (``policy``, ``seed``, ``slice`` of ``slices``) to the sums of their tallies, an array in each row.

    Args:
        bundle: the id of what ``model`` names. challengers: names and ids of bundles, by name. scenario: as JSON.
        kinds: the requests, which workers are sent and need not read again. calm: what the champion does while nothing
            happens. seed: of the choice of requests. notes: what a reader has to know of these.
    """

    model: str | None
    bundle: str
    scenario: str
    kinds: Kinds
    challengers: Mapping[str, tuple[str | None, str]]
    policies: tuple[str, ...]
    calm: Calm
    seed: int
    notes: tuple[str, ...] = ()
    name: str = field(default="simulate", init=False)

    def said(self) -> Mapping[str, Any]:
        """What the sums depend on."""
        return {
            "bundle": self.bundle,
            "scenario": hashlib.sha256(self.scenario.encode()).hexdigest(),
            "requests": self.kinds.sha256(),
            "challengers": {name: bundle for name, (_, bundle) in self.challengers.items()},
            "calm": hashlib.sha256(repr(self.calm).encode()).hexdigest(),
            "seed": self.seed,
        }

    def columns(self, schema: Any) -> list[str] | None:
        """Those of a shard."""
        wanted = {"policy": "text", "seed": "integer", "slice": "integer", "slices": "integer"}
        need(schema, wanted, what="simulate")
        return list(wanted)

    def open(self, schema: Any) -> Arena:
        """Bundle and world, once per worker."""
        return Arena(self)


class Arena:
    """``Simulate``, opened: bundle, requests, world and policies."""

    def __init__(self, task: Simulate) -> None:
        self.task, self.scenario = task, Scenario.model_validate_json(task.scenario)
        self.bundle = open_bundle(task.model, task.bundle)
        self.kinds = task.kinds
        self.config = with_budgets(self.bundle.config, self.scenario, task.calm)
        self.world: World = build_world(self.scenario, self.kinds, self.config, main=task.calm.shares)

    @cached_property
    def challengers(self) -> dict[str, Bundle]:
        """The bundles that are compared with the champion, by name."""
        return {name: open_bundle(*one) for name, one in self.task.challengers.items()}

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """The policies by name, the champion first."""
        return {entry.name: entry for entry in self._playable[0]}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know of requests and policies."""
        return (*self._playable[1], *self.task.notes)

    @cached_property
    def _playable(self) -> tuple[list[Entry], tuple[str, ...]]:
        return playable(lineup(self.kinds, self.challengers, self.task.policies), self.setting)

    @cached_property
    def setting(self) -> Setting:
        """What policies are built from."""
        task = self.task
        return Setting(self.bundle, self.config, self.scenario, task.calm, self.kinds, self.world, task.seed)

    def policy(self, name: str, seed: int) -> Policy:
        """A policy of its own for a run; what takes long to make is shared.

        Raises:
            OfflineDataError: there is no such policy.
        """
        if name not in self.entries:
            raise OfflineDataError(f"There is no policy {name!r}. Found {', '.join(self.entries)}.")
        assert self.setting.champion is not None  # made before it is copied
        setting = copy(self.setting)
        object.__setattr__(setting, "seed", seed)
        return self.entries[name].make(setting)

    def batch(self, batch: Any) -> Any:
        """Play shards."""
        import pyarrow as arrow

        rows = [row for shard in batch.to_pylist() for row in _kept(self.play(**shard), shard["policy"], shard["seed"])]
        return arrow.RecordBatch.from_pylist(rows, schema=_schema())

    def finish(self) -> None:
        """Nothing is left."""
        return

    def play(self, *, policy: str, seed: int, slice: int = 0, slices: int = 1) -> Tally:
        """One shard.

        Raises:
            OfflineDataError: there is no such policy, or the run cannot be dealt out.
        """
        chosen, stream = self.policy(policy, seed), self.stream(seed)
        if slices > 1:
            if problems := shared(chosen, self.world):
                raise OfflineDataError(
                    f"The requests of a run cannot be dealt out where they share something: {'; '.join(problems)}. "
                    "Shard by seeds."
                )
            stream = Dealt(stream, slice, slices)
        tally = Tally(chosen, stream, self.world, self.scenario)
        play(chosen, stream, self.world, self.scenario, count=tally.add)
        tally.flush()
        if slices > 1 and tally.sums["counts"][FAILED]:
            raise OfflineDataError(
                f"{int(tally.sums['counts'][FAILED])} calls failed in a part of a run, which others would have noticed "
                "by a breaker. Shard by seeds."
            )
        return tally

    def stream(self, seed: int) -> Stream:
        """The traffic of a seed."""
        return arrivals(self.scenario, self.kinds, seed=seed)

    def tally(self, policy: str, sums: Mapping[str, NDArray[Any]]) -> Tally:
        """A tally with sums that were kept."""
        empty = Tally(self.policy(policy, self.task.seed), self.stream(self.task.seed), self.world, self.scenario)
        if {name: one.shape for name, one in empty.sums.items()} != {name: one.shape for name, one in sums.items()}:
            raise OfflineDataError(f"The sums of {policy} were kept by another release. Remove them and play again.")
        empty.sums.update(sums)
        return empty


def _kept(tally: Tally, policy: str, seed: int) -> Iterator[dict[str, Any]]:
    for name, values in tally.sums.items():
        kind = "floats" if values.dtype.kind == "f" else "counts"
        yield {"policy": policy, "seed": seed, "name": name, "shape": list(values.shape), kind: values.ravel().tolist()}


def _schema() -> Any:
    import pyarrow as arrow

    many = {"shape": arrow.int64(), "floats": arrow.float64(), "counts": arrow.int64()}
    plain = {"policy": arrow.string(), "seed": arrow.int64(), "name": arrow.string()}
    return arrow.schema({**plain, **{name: arrow.list_(each) for name, each in many.items()}})
