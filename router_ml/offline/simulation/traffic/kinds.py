"""The unique requests of a simulation: each is read, ruled and estimated once, however often it comes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts
from router_ml.contract import Constraints
from router_ml.guardrails.rules.conditions import Facts

if TYPE_CHECKING:
    from router_ml.offline.simulation.logged.truth import LoggedTruth

Floats = NDArray[np.float64]
Truth = Literal["measured", "believed", "logged"]


@dataclass(frozen=True)
class Kinds:
    """k unique requests: what is asked, by whom and where, and what every lane would make of it.

    contexts: (k,) as allocation sees them. facts, constraints, traffic_class (where the request names one): (k,) as
    rules see them. asks_back: (k,) whether the plan asks the user first. tokens_out (k, L), quality (k, L) in 0..1,
    cost_usd (k, L) and latency_ms (k, L): what each of ``lanes`` truly makes of it in expectation, at the prices of the
    configuration, without cached tokens or batch discount. cluster: (k,) equal for near-duplicates, which are no
    independent evidence. weight: (k,) shares, sum 1.

    truth: ``measured`` (an outcome matrix), ``believed`` (what the bundle predicts: says nothing on whether it is
    right), ``logged`` (a log, corrected for what was not chosen). in_sample: the bundle has learned from them.
    source: where they come from, for people. log: where the truth is a log's, what corrects it (``Watched``).
    encoder_sha256: of the encoder that read them, where that is known.
    """

    contexts: Contexts
    facts: tuple[Facts, ...]
    constraints: tuple[Constraints, ...]
    traffic_class: tuple[str | None, ...]
    asks_back: NDArray[np.bool_]
    lanes: tuple[str, ...]
    tokens_out: Floats
    quality: Floats
    cost_usd: Floats
    latency_ms: Floats
    cluster: NDArray[np.int64]
    weight: Floats
    truth: Truth
    in_sample: bool
    source: str
    log: LoggedTruth | None = None
    encoder_sha256: str = ""

    def __len__(self) -> int:
        return len(self.facts)

    def sha256(self) -> str:
        """Of what requests are, how often they come, and what lanes make of them; the same in every process."""
        facts = [[_ordered(value) for value in vars(each).values()] for each in self.facts]
        asked = [each.model_dump_json() for each in self.constraints]
        digest = hashlib.sha256(repr((self.lanes, facts, asked, self.traffic_class)).encode())
        for part in (
            self.contexts.embedding,
            self.contexts.tokens_in,
            self.quality,
            self.cost_usd,
            self.weight,
            self.cluster,
        ):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()


def _ordered(value: Any) -> Any:
    """A set has another order in every process."""
    return sorted(value) if isinstance(value, frozenset) else value
