"""Logs with and without drift, made from an outcome pack: what ``drift`` is measured on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.judging.packs import Pack
from router_ml.storage.database.records import LoggedData

Floats = NDArray[np.float64]

EXPLORED, RATED = 0.2, 0.5
START = np.datetime64("2026-05-01T00:00:00", "us")
SESSION, ALIKE = 8, 10  # mean length of a burst of requests that are alike, and among how many prompts it stays


@dataclass(frozen=True)
class Change:
    """What is otherwise in the recent window. ``topic``: share of requests that are of a kind never seen before;
    ``mix``: share that moves to one intent; ``quality``: by how much the lane used most gets worse, 0..1, from
    ``begins`` (share of the window) on; ``cost``, ``latency``: factors of that lane; ``bursts``: requests come in
    sessions, in both windows."""

    topic: float = 0.0
    mix: float = 0.0
    quality: float = 0.0
    begins: float = 0.0
    cost: float = 1.0
    latency: float = 1.0
    bursts: bool = False


@dataclass(frozen=True)
class World:
    """A pack, cut into what is usual and one topic that is not; ``expected``: (n, L) quality that was estimated."""

    pack: Pack
    usual: NDArray[np.intp]
    topic: NDArray[np.intp]
    expected: Floats
    expected_cost: Floats

    @classmethod
    def of(cls, pack: Pack, *, seed: int = 0) -> World:
        """The topic: the tenth of the prompts nearest to one of them; estimates are those of ridge regression."""
        random = np.random.default_rng(seed)
        embedding = pack.contexts.embedding.astype(np.float64)
        nearness = embedding @ embedding[random.integers(len(embedding))]
        topic = np.argsort(-nearness)[: len(embedding) // 10]
        usual = np.setdiff1d(np.arange(len(embedding)), topic)
        known = np.concatenate([embedding, np.ones((len(embedding), 1))], axis=1)
        gram = known[usual].T @ known[usual] + 3 * np.eye(known.shape[1])
        learned = np.linalg.solve(
            gram, known[usual].T @ np.concatenate([pack.quality, np.log(pack.cost_usd)], axis=1)[usual]
        )
        quality, cost = np.split(known @ learned, 2, axis=1)
        return cls(pack, usual, topic, np.clip(quality, 0, 1), np.exp(cost))

    def windows(
        self, reference: int, recent: int, change: Change, random: np.random.Generator
    ) -> tuple[LoggedData, LoggedData]:
        """Two windows of so many decisions each."""
        calm = Change(bursts=change.bursts)
        days = 28 * recent / max(reference, 1)
        return self._log(reference, calm, random, 0.0, 28.0), self._log(recent, change, random, 28.0, days)

    def _log(self, n: int, change: Change, random: np.random.Generator, day: float, days: float) -> LoggedData:
        pack, lanes = self.pack, len(self.pack.lanes)
        rows = self._requests(n, change, random)
        moment = np.sort(random.random(n)) * days + day
        policy = np.full((n, lanes), EXPLORED / lanes)
        policy[np.arange(n), (self.expected[rows] - 20 * self.expected_cost[rows]).argmax(axis=1)] += 1 - EXPLORED
        action = (random.random((n, 1)) > policy.cumsum(axis=1)[:, :-1]).sum(axis=1)
        at = rows, action
        hit = (action == np.bincount(action).argmax()) & (moment >= day + change.begins * days)
        quality = np.clip(pack.quality[at] - np.where(hit, change.quality, 0.0), 0, 1)
        cost = pack.cost_usd[at] * np.where(hit, change.cost, 1.0)
        latency = 800 * random.lognormal(0, 0.5, n) * np.where(hit, change.latency, 1.0)
        contexts = pack.contexts.take(rows)
        words = np.array([f"label {i}" for i in range(64)])
        unsure = contexts.intent.max(axis=1) < 0.6
        return LoggedData(
            lanes=pack.lanes,
            encoder=pack.encoder,
            decision_ids=np.arange(n).astype(str),
            created_at=START + (moment * 86_400e6).astype("timedelta64[us]"),
            traffic_class=np.full(n, "default"),
            floor=np.full(n, 0.7),
            intent=words[contexts.intent.argmax(axis=1)],
            domain=words[contexts.domain.argmax(axis=1)],
            language=np.full(n, "en"),
            org=np.full(n, ""),
            action=action,
            executed=action,
            randomised=np.ones(n, bool),
            propensities=policy,
            eligible=np.ones((n, lanes), bool),
            estimated_quality=self.expected[rows],
            estimated_cost_usd=self.expected_cost[rows],
            quality=np.where(random.random(n) < RATED, quality, np.nan),
            rated_probability=np.full(n, RATED),
            cost_usd=cost,
            latency_ms=latency,
            embeddings=contexts.embedding,
            features=np.concatenate(
                [contexts.surface, contexts.intent, contexts.domain, contexts.tokens_in[:, None]], axis=1
            ).astype(np.float32),
            model=np.array(pack.lanes)[action],
            lane_version=np.full(n, "1"),
            prices=np.full(n, "one"),
            risk_tier=np.where(unsure, "medium", "low"),
            abstained=unsure,
        )

    def _requests(self, n: int, change: Change, random: np.random.Generator) -> NDArray[np.intp]:
        """Rows of the pack; in bursts, a session asks what is near to what it asked first."""
        rows = random.choice(self.usual, n)
        if change.bursts:
            opens = random.random(n) < 1 / SESSION
            opens[0] = True
            first = rows[np.maximum.accumulate(np.where(opens, np.arange(n), 0))]
            rows = self._near(first, random)
        if change.mix:
            one = self.usual[self.pack.contexts.intent[self.usual].argmax(axis=1) == self._rarer()]
            rows = np.where(random.random(n) < change.mix, random.choice(one, n), rows)
        return np.where(random.random(n) < change.topic, random.choice(self.topic, n), rows)

    def _rarer(self) -> int:
        """An intent that is neither the most frequent nor hardly there."""
        counts = np.bincount(self.pack.contexts.intent[self.usual].argmax(axis=1))
        return int(np.argsort(-counts)[1])

    @cached_property
    def _nearest(self) -> NDArray[np.intp]:
        """The usual prompts nearest to each usual prompt, (u, ``ALIKE``), as places among the usual ones."""
        embedding = self.pack.contexts.embedding[self.usual]
        return np.argpartition(-(embedding @ embedding.T), ALIKE, axis=1)[:, :ALIKE]

    def _near(self, first: NDArray[np.intp], random: np.random.Generator) -> NDArray[np.intp]:
        """For each prompt one of those nearest to it."""
        place = np.searchsorted(self.usual, first)
        return self.usual[self._nearest[place, random.integers(0, ALIKE, len(first))]]
