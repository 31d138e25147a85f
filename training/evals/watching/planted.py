"""Lanes of known behaviour on a fault server, for tests of looks and for measuring them.

A planted lane answers each prompt with a text of its own, and like a real one not always the same: with probability
``noise`` it says a few words otherwise. It can change what it calls itself, or how it answers.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field

from router_ml.faults.answers import Said
from router_ml.faults.asked import Asked
from router_ml.faults.fault import Fault

_WORDS = (
    "river stone lamp garden letter window market harvest bridge silver quiet morning paper train button island "
    "copper meadow ladder signal winter basket candle anchor velvet thunder orchard compass lantern pebble saddle "
    "teapot violin whistle"
).split()
_LENGTH = 14
_OTHERWISE = 4


@dataclass
class PlantedLane:
    """``noise``: probability of other words; ``changed``: share of prompts that it answers as another model would, 0
    for none; ``seed`` of the noise. Attributes may be changed while it serves."""

    noise: float = 0.2
    changed: float = 0.0
    served_model: str | None = None
    fingerprint: str | None = None
    seed: int = 0
    _rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)

    def moves(self, prompt: str) -> bool:
        """Whether it answers a prompt as another model would."""
        return _place(prompt) < self.changed

    def say(self, prompt: str) -> str:
        """An answer to a prompt."""
        words = _words(f"first {prompt}")
        if self.moves(prompt):
            words = _words(f"second {prompt}")
        if self._rng.random() < self.noise:
            for _ in range(_OTHERWISE):
                words[self._rng.randrange(_LENGTH)] = self._rng.choice(_WORDS)
        return " ".join(words)

    def play(self, asked: Asked) -> tuple[Fault, Said]:
        """As a model on a fault server."""
        said = Said(self.say(asked.task), served_model=self.served_model, fingerprint=self.fingerprint)
        return Fault("good"), said


def _words(key: str) -> list[str]:
    rng = random.Random(key)
    return [rng.choice(_WORDS) for _ in range(_LENGTH)]


def _place(prompt: str) -> float:
    return int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:4], "big") / 2**32
