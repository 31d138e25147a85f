"""A summary in the words and columns that every view of it shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from training.evals.reporting.alarms import FALSE, LEVEL, Failure
from training.evals.reporting.comparing import Difference
from training.evals.reporting.rows import Part, Row
from training.evals.reporting.shares import Share
from training.evals.reporting.summary import Summary
from training.evals.running.record import NO_MONEY, RunRecord

COLUMNS = ("suite", "lane", "passed", "95% interval", "of", "alarms", "USD", "judges", "p50", "p95", "tokens")
OF_FAILURES = ("suite", "lane", "failure", "count", "tolerated", "", "what it means", "cases")
OF_PARTS = ("suite", "lane", "passed", "95% interval", "of", "failures")
OF_DIFFERENCES = ("suite", "lane", "before", "after", "difference", "95% interval", "p", "broke", "fixed")
METHOD = (
    "Intervals hold 95%: Wilson's where each case stands for itself, over clusters where cases or repeats belong "
    "together. An alarm: any failure that is not tolerated at all; of others, more than the tolerated share explains "
    f"(exact binomial test at {LEVEL:.0%}, and at most {FALSE:.0%} of the alarms of a lane are expected to be chance)."
)
_MOST = 4


def verdict(summary: Summary) -> str:
    """The summary in one sentence."""
    if not summary.rows:
        return "Nothing was evaluated."
    alarms, silent = summary.alarms, summary.unheard
    lanes, suites = {row.lane for row in summary.rows}, {row.suite for row in summary.rows}
    asked = f"{_many(len(lanes), 'lane')}, {_many(len(suites), 'suite')}"
    unheard = f" Nothing could be judged of {some([f'{suite} on {lane}' for suite, lane in silent])}." if silent else ""
    if not alarms:
        return f"No alarm ({asked}).{unheard}"
    first = "; ".join(f"{row.lane}: {one.name} in {row.suite}" for row, one in alarms[:3])
    others = "; and others" if len(alarms) > 3 else ""
    return f"{_many(len(alarms), 'alarm')} ({asked}): {first}{others}.{unheard}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def row_cells(row: Row) -> tuple[str, ...]:
    """A row under ``COLUMNS``."""
    costs = row.costs
    return (
        row.suite,
        row.lane,
        percent(row.share),
        span(row.share),
        f"{row.share.n}{'*' if row.share.method == 'clusters' else ''}",
        str(len(row.alarms)) if row.alarms else "-",
        f"{costs.usd:.4f}{'+' if costs.unpriced else ''}",
        f"{costs.judges_usd:.4f}",
        _ms(costs.p50_ms),
        _ms(costs.p95_ms),
        f"{costs.tokens_in:,} / {costs.tokens_out:,}",
    )


def failure_cells(row: Row, one: Failure) -> tuple[str, ...]:
    """A failure under ``OF_FAILURES``."""
    said = "ALARM" if one.alarm else "tolerated"
    return (
        row.suite,
        row.lane,
        one.name,
        f"{one.count} of {one.of}",
        f"{one.tolerated:.0%}",
        said,
        one.means,
        some(one.cases),
    )


def part_cells(row: Row, part: Part) -> tuple[str, ...]:
    """A route, cell, class or tier under ``OF_PARTS``."""
    how = ", ".join(f"{name} {count}" for name, count in part.failures.items())
    return (row.suite, row.lane, percent(part.share), span(part.share), str(part.share.n), how)


def difference_cells(one: Difference) -> tuple[str, ...]:
    """A difference under ``OF_DIFFERENCES``."""
    return (
        one.suite,
        one.lane,
        f"{one.before:.1%}",
        f"{one.after:.1%}",
        f"{100 * one.difference:+.1f} points",
        f"{100 * one.low:+.1f} to {100 * one.high:+.1f}",
        f"{one.p_value:.3f}",
        some(one.broke),
        some(one.fixed),
    )


def notes(summary: Summary) -> Iterator[str]:
    """What a reader has to know beside the numbers."""
    yield f"{METHOD} Such tests here: {summary.tests}."
    if any(row.share.method == "clusters" for row in summary.rows):
        yield "* Cases or repeats that belong together: the interval is over clusters."
    if any(row.costs.unpriced for row in summary.rows):
        yield "+ Some attempts did not say what they cost; they are not in the sum."
    left = {} if summary.record is None else summary.record.left_out
    for row in summary.rows:
        missing = []
        if row.not_judged:
            missing.append(f"{row.not_judged} could not be judged")
        if row.left_out and not left.get(row.suite, {}).get(row.lane):
            missing.append(f"{row.left_out} cases were not asked")
        missing += [f"{count} without an answer: {why}" for why, count in row.errors.items()]
        if len(row.digests) > 1:
            missing.append("the suite changed between its results")
        if len(row.arms) > 1:
            missing.append(f"the lane was {len(row.arms)} things meanwhile ({some([_arm(arm) for arm in row.arms])})")
        if missing:
            yield f"{row.suite}, {row.lane}: {'; '.join(missing)}."
    if summary.record is not None:
        yield from _of_run(summary.record)


def _of_run(record: RunRecord) -> Iterator[str]:
    """What the record of a run knows that its results do not."""
    if record.status == "running":
        yield "The run has not ended, or was killed: this is a part of it. The same command goes on."
    for suite, by_lane in record.left_out.items():
        for lane, reasons in by_lane.items():
            yield f"Left out of {suite} on {lane}: {', '.join(f'{n} ({why})' for why, n in reasons.items())}."
    for lane, n in record.not_allowed.items():
        yield f"The rules keep {n} attempts from lane {lane}."
    for why, n in record.put_off.items():
        money = ", with money for the judge" if why == NO_MONEY else ""
        yield f"{n} answers wait to be judged ({why}): the same command goes on with them{money}."
    for name, n in record.broken.items():
        yield f"Check {name} broke {n} times; what it looked at is not judged by it."


def percent(share: Share) -> str:
    """A share in percent."""
    return "-" if share.value is None else f"{share.value:.1%}"


def span(share: Share) -> str:
    """Its interval."""
    return "-" if share.value is None else f"{share.low:.1%} to {share.high:.1%}"


def some(names: Sequence[str]) -> str:
    """The first few of some names, and how many more there are."""
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more


def _arm(arm: object) -> str:
    parts = (getattr(arm, name) for name in ("model", "version", "served_model", "fingerprint"))
    return " ".join(str(part) for part in parts if part)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms" if value < 10_000 else f"{value / 1000:,.1f} s"
