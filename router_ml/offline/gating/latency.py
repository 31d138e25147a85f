"""How long two routers take to decide the same requests, in turns, on one machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from router_ml.config.schema import Release
from router_ml.offline.gating.checks import Check
from router_ml.router import Router
from router_ml.storage.bundle import Bundle
from router_ml.storage.database.records import LoggedData

NAME = "latency"
ROUNDS = 5
LENGTHS = 12  # texts
_WORDS = "please say what the report of last week means for the plan of the next one and why it does".split()


def latency_check(ratio: float | None, release: Release, why: str = "") -> Check:
    """Is the challenger fast enough? ``ratio``: of its decision time to the champion's; None with ``why`` not known."""
    expected = f"<= {release.max_latency_ratio:g} times the champion's"
    if ratio is None:
        return Check(NAME, None, None, expected, why)
    said = f"Decisions take {ratio:.2f} times as long as the champion's."
    return Check(NAME, ratio <= release.max_latency_ratio, ratio, expected, said)


def decision_time_ratio(challenger: Bundle, champion: Bundle, data: LoggedData) -> float:
    """Decision time of the challenger over that of the champion, on texts as long as those that were logged."""
    routers = [Router(bundle.config, bundle=bundle) for bundle in (champion, challenger)]
    calls = [lambda text, router=router: router.predict_route(text, seed=0) for router in routers]
    return time_ratio(calls[0], calls[1], texts_like(data))


def texts_like(data: LoggedData) -> list[str]:
    """Neutral texts of lengths that spread as those of the log do; a decision takes as long as its text is."""
    tokens = data.features[np.isfinite(data.features).all(axis=1), -1:].ravel()
    wanted = np.quantile(tokens if len(tokens) else [60.0], np.linspace(0.05, 0.95, LENGTHS))
    return [" ".join(_WORDS[place % len(_WORDS)] for place in range(max(int(count), 1))) for count in wanted]


def time_ratio(
    first: Callable[[str], object],
    second: Callable[[str], object],
    texts: Sequence[str],
    *,
    rounds: int = ROUNDS,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Time of ``second`` over that of ``first``. They take turns at going first, and of each text the fastest round
    counts: what else the machine does only ever adds."""
    calls = (first, second)
    fastest = np.full((2, len(texts)), np.inf)
    for text in texts:  # caches and lazy parts
        first(text), second(text)
    for number in range(rounds):
        for place, text in enumerate(texts):
            for which in (0, 1) if (number + place) % 2 else (1, 0):
                start = clock()
                calls[which](text)
                fastest[which, place] = min(fastest[which, place], clock() - start)
    return float(fastest[1].sum() / max(fastest[0].sum(), 1e-12))
