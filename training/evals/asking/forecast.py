"""What an attempt at a case is expected to cost, before it is made: by lengths, then by what came of others."""

from __future__ import annotations

from collections import defaultdict

from router_ml.config import RouterConfig
from router_ml.execution.allowance import size
from training.evals.asking.prompts import decoding_of, shaped_for
from training.evals.case import Case
from training.evals.suite import Suite

_BYTES_PER_TOKEN = 3
_LEAST_OUT = 200
_MTOK = 1e6
_WORTH = 3.0


def expected_tokens(config: RouterConfig, suite: Suite, case: Case, lane: str) -> tuple[int, int]:
    """Tokens in and out of all calls of an attempt: those in at three bytes each, again with each round of tools; those
    out as twice the reference, at least ``200``, and never above ``max_tokens``."""
    place = config.lanes[lane]
    once = -(-size(shaped_for(place, suite, case)) // _BYTES_PER_TOKEN)
    rounds = 1 + (min(max(len(case.calls), 1), config.execution.max_tool_rounds) if case.tools else 0)
    most = decoding_of(config, place, case).max_tokens or place.max_output_tokens
    written = 2 * len((case.reference or "").encode()) // _BYTES_PER_TOKEN
    return once * rounds, min(max(written, _LEAST_OUT), most) * rounds


def expected_usd(config: RouterConfig, suite: Suite, case: Case, lane: str) -> float:
    """USD of an attempt by the price of its lane."""
    price, (tokens_in, tokens_out) = config.lanes[lane].price, expected_tokens(config, suite, case, lane)
    return (tokens_in * price.input_per_mtok + tokens_out * price.output_per_mtok) / _MTOK


class Forecast:
    """Corrects expectations by what attempts of the same lane and suite came to, judges included; an expectation is
    never corrected down below a half."""

    def __init__(self) -> None:
        self._paid: dict[tuple[str, str], float] = defaultdict(float)
        self._said: dict[tuple[str, str], float] = defaultdict(float)
        self._judged: dict[str, tuple[float, int]] = {}

    def of(self, suite: str, lane: str, plain_usd: float) -> float:
        """USD that are expected of an attempt and of judging it, given those by lengths alone."""
        paid, said = self._paid[suite, lane], self._said[suite, lane]
        ratio = (paid + _WORTH * plain_usd) / (said + _WORTH * plain_usd) if plain_usd > 0 else 1.0
        judged, n = self._judged.get(suite, (0.0, 0))
        return plain_usd * max(ratio, 0.5) + (judged / n if n else 0.0)

    def learn(self, suite: str, lane: str, *, plain_usd: float, paid_usd: float) -> None:
        """Take in what an attempt came to."""
        self._paid[suite, lane] += paid_usd
        self._said[suite, lane] += plain_usd

    def judged(self, suite: str, usd: float) -> None:
        """Take in what judging an attempt came to."""
        before, n = self._judged.get(suite, (0.0, 0))
        self._judged[suite] = (before + usd, n + 1)
