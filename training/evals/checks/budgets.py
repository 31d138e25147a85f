"""Checks of the suite ``budgets``: tokens, calls of tools, money and time of each answer, and of many at once.

A ceiling is the lower one of the case's own and that of its traffic class, where the configuration has this class.
Quantiles are held by exact binomial tests at 1 %: a ceiling of the 95th percentile fails where more answers are above
it than 5 % explains, so that a few slow ones on a busy machine ring no alarm, and a few answers prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from router_ml.config.schema import ClassLimits
from training.evals.attempt import Attempt
from training.evals.bench import Bench
from training.evals.registry import Seen, across, check
from training.evals.result import Result, Verdict
from training.evals.suite import Suite

LEVEL = 0.01
_PER_TOKEN = 3.0  # characters of text per token, at least; of scripts with more tokens per letter, one
_TRIES = ("rate_limit",)
_ERRORS = {"rate_limit": "rate_limited", "timeout": "timed_out", "empty": "empty", "truncated": "truncated"}


def limits_of(seen: Seen) -> ClassLimits:
    """The limits of the traffic class of a case; none of money, time and tokens where there is no such class."""
    found = seen.bench.config.traffic_classes.get(seen.case.traffic_class or "default")
    return ClassLimits() if found is None else found.limits


def least(*ceilings: float | None) -> float | None:
    """The lowest of some ceilings, None where there is none."""
    given = [one for one in ceilings if one is not None]
    return min(given) if given else None


@check("spent")
def spent(seen: Seen) -> list[Verdict]:
    """Whether there is an answer, at the first try, that came to its end."""
    attempt, failed = seen.attempt, []
    if attempt.error is not None or attempt.reply is None:
        failed.append(_ERRORS.get(attempt.error or "", "error"))
    elif attempt.reply.stop == "length":
        failed.append("truncated")
    elif not attempt.text.strip() and not attempt.looped:
        failed.append("empty")
    if attempt.retries:
        failed.append("retried")
    if attempt.looped:
        failed.append("looped")
    return [Verdict("spent", False, name, detail=attempt.detail) for name in failed] or [Verdict("spent", True)]


@check("budget")
def budget(
    seen: Seen,
    *,
    tokens_out: int | None = None,
    thinking: int | None = None,
    tool_calls: int | None = None,
    cost_usd: float | None = None,
    latency_ms: float | None = None,
) -> list[Verdict]:
    """Whether an answer stays within the ceilings of its case and of its class. What a lane does not tell (its price)
    is not judged; an attempt without an answer is judged by what it cost all the same, but not by its time.

    Args:
        tokens_out: of what is shown. thinking: of what is not. tool_calls, cost_usd, latency_ms: of the whole attempt.
    """
    attempt, limits = seen.attempt, limits_of(seen)
    calls = int(least(tool_calls, limits.max_tool_calls) or 0)
    said = list(_tokens(attempt, least(tokens_out, limits.max_output_tokens), thinking))
    said.append(_within("too_many_tool_calls", float(len(attempt.turns)), float(calls), "calls"))
    said.append(_within("too_expensive", attempt.cost_usd, least(cost_usd, limits.max_cost_usd), "USD"))
    took = attempt.latency_ms if attempt.error is None else None
    said.append(_within("too_slow", took, least(latency_ms, limits.deadline_ms), "ms"))
    return said


def _within(failure: str, value: float | None, most: float | None, unit: str) -> Verdict:
    if value is None or most is None:
        return Verdict("budget", None, detail=f"{unit} not known, or without a ceiling")
    right = value <= most
    return Verdict("budget", right, "" if right else failure, detail=f"{value:.6g} of at most {most:.6g} {unit}")


def _tokens(attempt: Attempt, most: float | None, thinking: int | None) -> Iterator[Verdict]:
    """What is shown, and what is not, apart. The latter is what the usage has more than the text explains, so it is
    not known where a provider tells no usage."""
    shown, told = shown_tokens(attempt), attempt.tokens_out
    yield _within("verbose", min(shown, told) if told > 0 else shown, most, "tokens shown")
    yield _within("thinking_too_long", max(told - shown, 0.0) if told > 0 else None, thinking, "tokens not shown")


def shown_tokens(attempt: Attempt) -> float:
    """About how many tokens the text and the calls of an attempt take, rather too many than too few."""
    shown = attempt.text + "".join(one.tool + one.raw for one in attempt.turns)
    return sum(1.0 / _PER_TOKEN if letter.isascii() else 1.0 for letter in shown)


def above(count: int, of: int, *, share: float, level: float = LEVEL) -> bool:
    """Whether ``count`` of ``of`` is more than a ``share`` explains: an exact binomial test, one-sided."""
    from scipy.stats import binom

    return of > 0 and count > 0 and bool(binom.sf(count - 1, of, share) < level)


def _by_lane(results: Sequence[Result], *, tag: str | None = None) -> Iterator[tuple[str, list[Attempt]]]:
    lanes: dict[str, list[Attempt]] = {}
    for one in results:
        if one.attempt is not None and (tag is None or tag in one.case.tags):
            lanes.setdefault(one.arm.lane, []).append(one.attempt)
    yield from sorted(lanes.items())


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _told(name: str, lane: str, values: Sequence[float], wrong: bool, failure: str) -> Verdict:
    middle, tail = _quantile(values, 0.5), _quantile(values, 0.95)
    detail = f"{lane}: {len(values)} answers, p50 {middle:.0f} ms, p95 {tail:.0f} ms"
    return Verdict(name, not wrong, failure if wrong else "", detail=detail)


@across("latency")
def latency(
    suite: Suite, results: Sequence[Result], bench: Bench, *, median_ms: float, tail_ms: float
) -> list[Verdict]:
    """Per lane: whether the median and the 95th percentile of its answers are within their ceilings."""
    said = []
    for lane, attempts in _by_lane(results):
        times = [one.latency_ms for one in attempts if one.error is None]
        if not times:
            said.append(Verdict("latency", None, detail=f"{lane}: no answers"))
            continue
        for share, most, failure in ((0.5, median_ms, "slow_median"), (0.05, tail_ms, "slow_tail")):
            over = sum(one > most for one in times)
            said.append(_told("latency", lane, times, above(over, len(times), share=share), failure))
    return said


@across("load")
def load(
    suite: Suite,
    results: Sequence[Result],
    bench: Bench,
    *,
    latency_ms: float,
    failures: float,
    throttled: float,
    tag: str = "load",
) -> list[Verdict]:
    """Per lane, over the cases with a ``tag`` that were asked many at once: failures, calls that the lane put off, and
    the 95th percentile. ``failures`` and ``throttled`` are the shares that are tolerated."""
    said = []
    for lane, attempts in _by_lane(results, tag=tag):
        n = len(attempts)
        broken = sum(one.error is not None for one in attempts)
        put_off = sum(one.retries > 0 or one.error in _TRIES for one in attempts)
        shares: tuple[tuple[int, float, Literal["failed_under_load", "throttled_under_load"]], ...] = (
            (broken, failures, "failed_under_load"),
            (put_off, throttled, "throttled_under_load"),
        )
        for count, share, failure in shares:
            wrong = above(count, n, share=share)
            said.append(Verdict("load", not wrong, failure if wrong else "", detail=f"{lane}: {count} of {n} calls"))
        if times := [one.latency_ms for one in attempts if one.error is None]:
            over = sum(one > latency_ms for one in times)
            said.append(_told("load", lane, times, above(over, len(times), share=0.05), "slow_under_load"))
    return said
