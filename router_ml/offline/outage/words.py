"""An outage report in plain words: the same for the terminal and for the page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from router_ml.offline.outage.report import ClassOutage, OutageReport, Service, Situation
from router_ml.offline.simulation.counting.results import Interval

_LEAST_SHARE = 0.005
_LEAST_LANE = 0.03
_SHOWN = 3
_FINALLY = {
    "human_review": "go to a person",
    "error": "end with an error",
    "static_answer": "get the answer that router.yaml has for that",
}
_FLOOR = {"kept": "kept", "missed": "missed", "not shown": "not shown", "no promise": "-"}


def title(report: OutageReport) -> str:
    """The question."""
    return f"If {report.place} were dark for {report.hours:g} hours"


def headline(report: OutageReport) -> Iterator[str]:
    """What it means for the whole, in a few sentences."""
    yield report.verdict
    if not report.moves and not report.stops:
        return
    after = report.after
    if after is None:
        yield f"Nothing that a lane should answer is answered: about {report.requests * report.due:,.0f} requests."
        return
    due = report.requests * report.due
    left, before = due * (1 - report.stops), report.compared
    these = " (today, of the same requests)" if report.stops else ""
    yield (
        f"Of about {due:,.0f} requests in that time {left:,.0f} are answered, for ${report.usd_after:,.2f} instead of "
        f"${before.usd_per_1000 / 1000 * left:,.2f}{these}."
    )
    yield (
        f"Quality of an answer: {quality(after.quality)} instead of {quality(before.quality)}; "
        f"it takes {milliseconds(after.latency_ms)} instead of {milliseconds(before.latency_ms)}{these}."
    )
    missed = [item.name for item in report.classes if item.floor_after == "missed" and item.floor_before != "missed"]
    unsure = [item.name for item in report.classes if (item.floor_before, item.floor_after) == ("kept", "not shown")]
    if missed:
        yield f"The floor of {', '.join(missed)} is missed while it lasts."
    if unsure:
        yield f"The floor of {', '.join(unsure)} is not shown to be kept while it lasts."


def first_words(report: OutageReport) -> Iterator[str]:
    """The first seconds, and how one finds out that it is back."""
    first, many = report.first, report.first.processes > 1
    if not first.requests:
        yield "None of this traffic calls it."
        return
    it = "it" if first.breakers == 1 else f"each of the {first.breakers} vendors or lanes that are dark"
    when = "expected" if first.breakers == 1 else "the last expected"
    yield (
        f"{'Each process' if many else 'The process'} leaves {it} alone after {first.failures} failed calls, {when} "
        f"{first.seconds:.1f} s into the busiest hour: about {first.requests:.0f} requests{' in all' * many} meet a "
        "dead lane first."
    )
    yield (
        f"If it hangs instead of failing, that takes {first.seconds_hanging:.0f} s and {first.requests_hanging:.0f} "
        f"requests, each of which waits up to {first.wait_ms / 1000:.0f} s."
    )
    rescued = "All" if first.rescued > 1 - _LEAST_SHARE else f"{first.rescued:.0%}"
    rest = "" if rescued == "All" else f"; the others {_FINALLY[report.finally_]}"
    yield (
        f"{rescued} of the requests that meet a dead lane fall back at once on one that is not dark{rest}. "
        f"About {first.probes} single requests try over {report.hours:g} hours whether it is back."
    )


def people_words(report: OutageReport) -> Iterator[str]:
    """What people and batches have to do with it."""
    if not report.stops:
        yield "No request goes to a person because of it; approvals and reviews go on as ever."
        return
    yield (
        "What stops goes to people (queue no-eligible-lane): up to "
        f"{report.to_people:,.0f} requests in the busiest hour."
    )
    if report.batch:
        yield f"{report.batch:.0%} of what stops came in batches, and can be sent again when it is over."


def because_words(each: Situation) -> str:
    """What sets a situation apart: the rules that hold for all of it, then those that hold for some."""
    told = [name if share > 1 - _LEAST_SHARE else f"{name} ({share:.0%})" for name, share in each.because.items()]
    return ", ".join(told) or "any request"


def lanes_words(service: Service | None) -> str:
    """Who serves, by share."""
    if service is None:
        return "nobody"
    found = sorted(service.lanes.items(), key=lambda each: -each[1])
    shown = [(lane, share) for lane, share in found[:_SHOWN] if share >= _LEAST_LANE]
    rest = 1 - sum(share for _, share in shown)
    told = ", ".join(f"{lane} {share:.0%}" for lane, share in shown)
    return told + (f", others {rest:.0%}" if rest >= _LEAST_SHARE else "")


def quality(found: Interval) -> str:
    """A quality with its interval."""
    bounds = f" [{found.low:.2f}, {found.high:.2f}]" if math.isfinite(found.low + found.high) else ""
    return f"{found.value:.3f}{bounds}"


def milliseconds(value: float) -> str:
    """A latency, in seconds."""
    return "-" if math.isnan(value) else f"{value / 1000:.1f} s"


def changed(before: float, after: float | None, form: str) -> str:
    """Before and after."""
    told = "-" if after is None or math.isnan(after) else form.format(after)
    return f"{form.format(before)} -> {told}"


def usd(before: Service, after: Service | None) -> str:
    """USD per 1,000, before and after."""
    return changed(before.usd_per_1000, after.usd_per_1000 if after else None, "{:.3f}")


def worth(before: Service, after: Service | None) -> str:
    """Quality, before and after, without intervals."""
    return changed(before.quality.value, after.quality.value if after else None, "{:.3f}")


def waiting(before: Service, after: Service | None) -> str:
    """Seconds to an answer, before and after."""
    return changed(before.latency_ms / 1000, after.latency_ms / 1000 if after else None, "{:.1f} s")


def goes(item: ClassOutage) -> str:
    """What becomes of a class."""
    if item.stops:
        return "stops" if item.stops > 1 - _LEAST_SHARE else f"{item.stops:.1%} stops"
    return f"goes on, {item.moves:.0%} moves" if item.moves else "goes on"


def floor_words(item: ClassOutage) -> str:
    """Whether the floor is kept, before and during it."""
    return f"{item.floor:g}: {_FLOOR[item.floor_before]} -> {_FLOOR[item.floor_after]}"


def room(demand: float, capacity: float | None) -> str:
    """Demand against capacity, per minute."""
    return f"{demand:.1f} of {'no limit' if capacity is None else f'{capacity:.0f}'}"


def reasons_words(reasons: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Why lanes are gone, those that are for the same reasons together."""
    told: dict[tuple[str, ...], list[str]] = {}
    for lane, found in reasons.items():
        told.setdefault(found, []).append(lane)
    for found, lanes in told.items():
        yield f"{', '.join(lanes)}: {'; '.join(found)}"
