"""The tables of a report, as HTML. Every text is escaped here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape

from router_ml.offline.simulation.counting.results import ClassResult, Difference, Interval, Result, Study
from router_ml.offline.simulation.page.charts import words
from router_ml.offline.simulation.page.sentences import FATES
from router_ml.offline.simulation.page.stretches import Stretch

GOOD = 0.995  # share of requests that should be answered
_HEADS = (
    "policy",
    "USD per 1,000",
    "quality",
    "against champion",
    "floors kept",
    "answered",
    "p50 / p95 / p99",
    "dark",
    "exploring",
    "violations",
)
_CLASS_HEADS = (
    "class",
    "requests",
    "answered",
    "quality",
    "floor",
    "",
    "USD",
    "per 1,000",
    "p95",
    "dark",
    "budget a day",
    "without an answer",
)
_COUNT_HEADS = (
    "policy",
    "USD",
    "calls",
    "failed",
    "refused",
    "asked back",
    "to people",
    "granted",
    "expired",
    "longest queue",
    "waited p50 / p95",
    "explored",
    "quality given up",
)
_VERDICTS = {"kept": "good", "not shown": "unsure", "missed": "bad", "no promise": "quiet"}
_GRADES = {"kept": 0, "no promise": 0, "not shown": 1, "missed": 2}


def cell(said: str, kind: str = "", *, tag: str = "td") -> str:
    """A cell; ``kind`` is its look."""
    look = f' class="{kind}"' if kind else ""
    return f"<{tag}{look}>{escape(said)}</{tag}>"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, kind: str = "") -> str:
    """A table of finished cells; the first column is text, the others are numbers."""
    head = "".join(cell(name, "" if place else "name", tag="th") for place, name in enumerate(heads))
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def ranged(value: Interval, said: Callable[[float], str] = words.points, *, times: float = 1.0) -> str:
    """A number with its interval below it."""
    low, high = said(times * value.low), said(times * value.high)
    known = math.isfinite(value.low) and math.isfinite(value.high)
    around = f"<small>{escape(low)} – {escape(high)}</small>" if known else ""
    return f"<td>{escape(said(times * value.value))}{around}</td>"


def policies(study: Study) -> str:
    """All policies, one row each."""
    by_name = {found.policy: found for found in study.differences}
    far = ("extrapolated",) if study.extrapolated else ()
    rows = []
    for place, result in enumerate(study.results):
        row = [*_policy(result, by_name.get(result.policy), first=not place)]
        if far:
            row.append(cell(words.share(study.extrapolated.get(result.policy, 0.0))))
        rows.append(row)
    return table((*_HEADS, *far), rows, kind="policies")


def _policy(result: Result, found: Difference | None, *, first: bool) -> Iterator[str]:
    name = escape(result.policy)
    yield f'<td class="name">{f"<b>{name}</b>" if first else name}</td>'
    yield ranged(result.cost, words.usd, times=1000)
    yield ranged(result.quality)
    yield _against(found)
    yield _floors(result)
    yield cell(answered(result), "" if result.success >= GOOD else "bad")
    quantiles = (result.latency.p50, result.latency.p95, result.latency.p99)
    yield cell(" / ".join(words.seconds(part) for part in quantiles), "tight")
    yield cell(minutes(result.dark_minutes), "bad" if result.dark_minutes else "quiet")
    yield cell(words.usd(result.exploration.usd), "" if result.exploration.requests else "quiet")
    yield cell(words.count(result.violations), "bad strong" if result.violations else "good")


def _against(found: Difference | None) -> str:
    if found is None:
        return cell(words.NONE, "quiet")
    quality, cost = found.quality, found.usd_per_1000
    kind = "good" if quality.low > 0 else "bad" if quality.high < 0 else ""
    dear = "bad" if cost.low > 0 else "good" if cost.high < 0 else ""
    return (
        f'<td><span class="{kind}">{words.signed(words.points(quality.value))}</span>'
        f'<small class="{dear}">{words.signed(words.usd(cost.value))}</small></td>'
    )


def _floors(result: Result) -> str:
    promised = [part for part in result.classes if part.floor_verdict != "no promise"]
    if not promised:
        return cell(words.NONE, "quiet")
    kept = sum(part.floor_verdict == "kept" for part in promised)
    worst = max(_GRADES[part.floor_verdict] for part in promised)
    return cell(f"{kept} of {len(promised)}", ("good", "unsure", "bad")[worst])


def answered(part: Result | ClassResult) -> str:
    """Share of what was due."""
    return words.share(part.success, 2) if part.due else "nothing due"


def minutes(value: float) -> str:
    """Time without service."""
    if not value:
        return "0 min"
    return f"{value:,.0f} min" if value < 180 else f"{value / 60:,.1f} h"


def moments(parts: Sequence[Stretch]) -> str:
    """Before, during and after: a column each."""
    rows: list[tuple[str, Iterator[str]]] = [
        ("hours", (f"{part.hours:g}" for part in parts)),
        ("requests", (words.count(part.due) for part in parts)),
        ("answered", (words.share(part.success, 2) for part in parts)),
        ("quality", (words.points(part.quality) for part in parts)),
        ("USD per 1,000", (words.usd(part.usd_per_1000) for part in parts)),
        ("latency, typical p95", (words.seconds(part.p95_ms) for part in parts)),
        ("who answers", (_who(part) for part in parts)),
    ]
    body = [[cell(name, "name"), *(cell(said, "wrap") for said in values)] for name, values in rows]
    return table(["", *(part.name for part in parts)], body, kind="moments")


def _who(part: Stretch) -> str:
    most = list(part.shares.items())[:4]
    return ", ".join(f"{lane} {words.share(value, 0)}" for lane, value in most) or words.NONE


def classes(result: Result) -> str:
    """One row per traffic class."""
    return table(_CLASS_HEADS, [_class(part) for part in result.classes], kind="classes")


def _class(part: ClassResult) -> list[str]:
    promised = part.floor_verdict != "no promise"
    budget = "none" if part.budget_usd is None else words.usd(part.budget_usd)
    over = f" (over on {part.over_budget_days} days)" if part.over_budget_days else ""
    why = ", ".join(
        f"{FATES.get(reason, reason)}: {words.count(count)}" for reason, count in part.no_lane.items() if count
    )
    return [
        cell(part.name, "name"),
        cell(words.count(part.requests)),
        cell(answered(part), "" if part.success >= GOOD else "bad"),
        ranged(part.quality),
        cell(words.points(part.floor, 2) if promised else words.NONE, "" if promised else "quiet"),
        cell(part.floor_verdict, _VERDICTS[part.floor_verdict]),
        cell(words.usd(part.spend_usd)),
        cell(words.usd(1000 * part.spend_usd / part.due) if part.due else words.NONE),
        cell(words.seconds(part.latency.p95)),
        cell(minutes(part.dark_minutes), "bad" if part.dark_minutes else "quiet"),
        cell(budget + over, "bad" if over else "quiet" if budget == "none" else ""),
        cell(why or "none", "wrap" if why else "quiet"),
    ]


def counts(study: Study) -> str:
    """What else was counted: calls, people, exploration, spend."""
    return table(_COUNT_HEADS, [list(_counted(result)) for result in study.results], kind="counts")


def _counted(result: Result) -> Iterator[str]:
    people, tried = result.reviews, result.exploration
    yield cell(result.policy, "name")
    yield cell(words.usd(result.spend_usd))
    for number in (result.calls, result.failed_calls, result.refused, result.asked_back):
        yield cell(words.count(number))
    for number in (people.asked, people.granted, people.expired, people.longest):
        yield cell(words.count(number))
    yield cell(" / ".join(_hours(part) for part in (people.p50_hours, people.p95_hours)))
    yield cell(words.count(tried.requests))
    yield cell(words.points(tried.quality, 4))


def _hours(value: float) -> str:
    return f"{value:.1f} h" if math.isfinite(value) else words.NONE
