"""What this request would cost and how long it would take on each lane, before it is sent.

Tokens in are counted; tokens out are predicted per lane, because the same prompt gets 80 tokens from one lane and 1,200
from another. Prices come from the configuration, so that a price cut counts from the next decision on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts, Floats
from router_ml.allocation.similarity import Similarity
from router_ml.config import Lane

TYPICAL_TOKENS_OUT = 300.0
_MTOK = 1e6


@dataclass(frozen=True)
class CostModel:
    """Regression of log tokens out on nearness: offset (L,), weights (m, L) of the landmarks, and the mean of
    exp(residual) on held-out rows that unlogs it without bias (Duan's smearing estimate, 1983); cells: (i, k, L) the
    mean of the predicted logs by intent and domain; pace: (L,) a high quantile of observed over expected latency, 1
    where too little was observed."""

    lanes: tuple[str, ...]
    similarity: Similarity
    offset: Floats
    weights: Floats
    smear: Floats
    cells: Floats
    pace: Floats

    def of_cell(self, contexts: Contexts) -> Floats:
        """Expected tokens out of a typical request in the cell, (n, L)."""
        return self._unlogged(contexts.in_cells(self.cells))

    def tokens_out(self, contexts: Contexts, near: Floats | None = None) -> Floats:
        """Expected tokens out, (n, L).

        Args:
            near: (n, m) what ``similarity.near`` says of the contexts, where it is known already.
        """
        near = self.similarity.near(contexts) if near is None else near
        return self._unlogged(near @ self.weights + self.offset)

    def _unlogged(self, log: Floats) -> Floats:
        result: Floats = np.exp(np.clip(log, 0, 11)) * self.smear
        return result


def expected_tokens_out(
    known: Floats | None, contexts: Contexts, lanes: Mapping[str, Lane], observed: Sequence[str]
) -> NDArray[np.float64]:
    """Tokens out per request and configured lane, (n, L), at most the lane's limit.

    Args:
        known: (n, l) expected of the lanes that were ``observed``; None where nothing has been learned: every lane then
            writes ``TYPICAL_TOKENS_OUT``. A lane without observations writes as much as the others do (geometric mean).
    """
    if known is None:
        result = np.full((len(contexts), len(lanes)), TYPICAL_TOKENS_OUT)
    else:
        tokens = known.astype(np.float64)
        typical = np.exp(np.log(np.maximum(tokens, 1)).mean(axis=1))
        column = {lane: index for index, lane in enumerate(observed)}
        result = np.stack([tokens[:, column[lane]] if lane in column else typical for lane in lanes], axis=1)
    limits = np.array([lane.max_output_tokens for lane in lanes.values()], np.float64)
    capped: NDArray[np.float64] = np.minimum(result, limits)
    return capped


def price(
    lanes: Sequence[Lane],
    tokens_in: NDArray[np.int64],
    tokens_out: NDArray[np.float64],
    *,
    cached_in: NDArray[np.float64] | None = None,
    batch: bool = False,
) -> NDArray[np.float64]:
    """USD per request and lane, (n, L).

    Args:
        tokens_in: (n,). tokens_out: (n, L).
        cached_in: (n, L) tokens of the prompt that the lane still holds in its cache; they cost the cached price.
        batch: whether the batch discount of the lane applies.
    """
    tokens = np.broadcast_to(tokens_in[:, None].astype(np.float64), tokens_out.shape)
    held = np.zeros_like(tokens_out) if cached_in is None else np.minimum(cached_in, tokens)
    fresh = np.array([lane.price.input_per_mtok for lane in lanes])
    cached = np.array(
        [
            lane.price.input_per_mtok if lane.price.cached_input_per_mtok is None else lane.price.cached_input_per_mtok
            for lane in lanes
        ]
    )
    output = np.array([lane.price.output_per_mtok for lane in lanes])
    discount = np.array([1 - lane.price.batch_discount if batch else 1.0 for lane in lanes])
    result: NDArray[np.float64] = ((tokens - held) * fresh + held * cached + tokens_out * output) * discount / _MTOK
    return result


def latency(
    lanes: Sequence[Lane], tokens_out: NDArray[np.float64], pace: NDArray[np.floating] | None = None
) -> NDArray[np.float64]:
    """Milliseconds until the last token, (n, L): what is configured as typical, times the ``pace`` (L,) that was
    observed, so that a ceiling is kept by nearly all answers of a lane that has been watched."""
    base = np.array([lane.latency.base_ms for lane in lanes])
    per_token = np.array([lane.latency.ms_per_output_token for lane in lanes])
    result: NDArray[np.float64] = (base + per_token * tokens_out) * (1.0 if pace is None else pace)
    return result
