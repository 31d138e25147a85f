"""Lanes that take too long, too many tokens, or too many tries."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from benchmarks.evals.lanes.played import Asking, Played
from benchmarks.evals.planted.contract import under
from benchmarks.evals.planted.failure import ALL, THIRD, Bend, Planted
from router_ml.faults import Fault

_FILLER = "It may also be worth saying, for the sake of completeness, that there is more to this than meets the eye. "


def _budget(asking: Asking) -> dict[str, float]:
    return next((one.given for one in asking.case.checks if one.check == "budget"), {})


def _under(fits: Callable[[Asking], bool], fault: Fault) -> Bend:
    def bend(asking: Asking, played: Played, rng: random.Random) -> Played | None:
        return under(fault)(asking, played, rng) if fits(asking) else None

    return bend


def _passing(fault: Fault) -> Bend:
    """The first two tries of a case fail."""
    return lambda asking, played, rng: replace(played, first=(fault, fault))


def _loaded(asking: Asking) -> bool:
    return "load" in asking.case.tags


def _any(asking: Asking) -> bool:
    return True


def _short(asking: Asking) -> bool:
    return _budget(asking).get("latency_ms", 0) == 10_000


def _verbose(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    chars = _budget(asking)["tokens_out"] * 4 * 1.5
    text = played.text + " " + _FILLER * (1 + int(chars // len(_FILLER)))
    return replace(played, text=text, tokens_out=len(text) // 4)


def _thinks(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    return replace(played, tokens_out=len(played.text) // 4 + int(_budget(asking)["thinking"] * 1.4))


def _dear(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    """Tokens for half as much again as the case may cost, at the 8 dollars a million of the lane."""
    return replace(played, tokens_out=int(_budget(asking)["cost_usd"] * 1.5 / 8e-6))


def _calls(times: int) -> Bend:
    def bend(asking: Asking, played: Played, rng: random.Random) -> Played | None:
        return replace(played, batches=(played.calls[:1],) * times) if played.calls else None

    return bend


FAILURES: tuple[Planted, ...] = tuple(
    Planted(f"budgets: {name}", "budgets", catches, share, bend)
    for name, catches, share, bend in (
        ("verbose", ("verbose",), THIRD, _verbose),
        ("thinks too long", ("thinking_too_long",), THIRD, _thinks),
        ("expensive", ("too_expensive",), THIRD, _dear),
        ("too many calls", ("too_many_tool_calls",), ALL, _calls(4)),
        ("calls on and on", ("looped",), ALL, _calls(12)),
        ("slow where it has to be quick", ("too_slow",), ALL, _under(_short, Fault("good", delay_ms=11_000))),
        ("slow as a rule", ("slow_median",), 0.8, _under(_any, Fault("good", delay_ms=21_000))),
        ("a slow tail", ("slow_tail",), 0.3, _under(_any, Fault("good", delay_ms=46_000))),
        ("slow under load", ("slow_under_load",), ALL, _under(_loaded, Fault("good", delay_ms=16_000))),
        ("fails under load", ("failed_under_load",), 0.5, _under(_loaded, Fault("server_error"))),
        (
            "sends away under load",
            ("throttled_under_load",),
            ALL,
            _under(_loaded, Fault("rate_limit", retry_after=0.01)),
        ),
        ("rate limits", ("rate_limited",), THIRD, _under(_any, Fault("rate_limit", retry_after=0.01))),
        ("fails in passing", ("retried",), THIRD, _passing(Fault("server_error"))),
        ("server errors", ("error",), THIRD, _under(_any, Fault("server_error"))),
        ("empty answers", ("empty",), 0.1, _under(_any, Fault("empty_text"))),
        ("cut off", ("truncated",), 0.1, _under(_any, Fault("truncated"))),
    )
)
