"""The sentences at the top of a report: what was played, the answer, and what its numbers are not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta

from router_ml.offline.simulation.counting.results import Result, Study, Trouble
from router_ml.offline.simulation.counting.words import caveats
from router_ml.offline.simulation.page.charts import words
from router_ml.offline.simulation.page.stretches import Stretch, stretches

FATES = {
    "asked_back": "asked back",
    "review": "given to people",
    "refused": "refused",
    "refused_by_budget": "refused for want of money",
    "queued": "queued",
    "failed": "failed at every lane",
    "no_lane": "had no lane left",
}
"""Why a request got no answer, for people."""


def played(study: Study) -> str:
    """What was played, in a sentence."""
    champion = study.results[0]
    end = study.start + timedelta(hours=study.hours)
    others = len(study.results) - 1
    beside = (
        f", and the same requests with the same luck under {others} other {plural('policy', others)}" if others else ""
    )
    return (
        f"{words.count(champion.requests)} requests in {words.span(study.hours)} ({words.day(study.start)} to "
        f"{words.day(end)} {end.year}, UTC) under {champion.policy}{beside}. {_fates(champion)}"
    )


def _fates(result: Result) -> str:
    """What became of all requests."""
    lost = {FATES.get(reason, reason): count for reason, count in result.no_lane.items() if count}
    parts = [
        f"{words.count(result.served)} were answered by a lane",
        *(f"{words.count(n)} {why}" for why, n in lost.items()),
    ]
    return f"Of these, {', '.join(parts)}." if result.requests else ""


def answer(study: Study) -> str:
    """What came of it under the champion, in a few sentences of numbers."""
    champion = study.results[0]
    said = (headline(study, champion), _floors(champion), *_over_budget(champion), _violated(champion))
    return " ".join(part for part in said if part)


def headline(study: Study, result: Result) -> str:
    """What happened, and what came of it under a policy; of the whole run where nothing happened."""
    by_name = {part.name: part for part in stretches(study, result)}
    during, before = by_name.get("during"), by_name.get("before") or by_name.get("after")
    happened = _happened(study)
    if during is None or not happened:
        return _overall(result)
    compared = "" if before is None else f"; {_moved(before, during)}"
    return f"{happened}. Meanwhile {_answered(during.success)}{compared}."


def _overall(result: Result) -> str:
    if not result.due:
        return "No request was due an answer."
    said = _answered(result.success)
    known = math.isfinite(result.quality.value) or not result.served
    quality = f"a quality of {words.points(result.quality.value)}" if known else "a quality that is not known"
    return f"{said[:1].upper()}{said[1:]}, at {words.usd(result.usd_per_1000)} per 1,000 and {quality}."


def _happened(study: Study) -> str:
    """The troubles, by name and length."""
    inside = [trouble for trouble in study.troubles if trouble.start < study.hours]
    if len(inside) > 3:
        return f"{len(inside)} things went wrong or changed"
    return "; ".join(_lasting(trouble, study.hours) for trouble in inside)


def _lasting(trouble: Trouble, hours: float) -> str:
    if trouble.end is None or trouble.end > hours:
        return f"{trouble.what}, from hour {trouble.start:g} on"
    return f"{trouble.what}, for {words.span(trouble.end - trouble.start)}"


def _answered(success: float) -> str:
    return (
        "no request had to be answered"
        if math.isnan(success)
        else f"{words.share(success)} of the requests due an answer got one"
    )


def _moved(before: Stretch, during: Stretch) -> str:
    """Quality and spend, beside the time before."""
    parts = []
    if math.isfinite(before.quality) and math.isfinite(during.quality):
        was, now = words.points(before.quality), words.points(during.quality)
        verb = "fell" if during.quality < before.quality else "rose"
        parts.append(f"quality stayed at {now}" if was == now else f"quality {verb} from {was} to {now}")
    elif before.served and during.served:
        parts.append("what that did to quality is not known")
    if before.usd_per_1000 > 0:
        ratio = during.usd_per_1000 / before.usd_per_1000 - 1
        verb = "rose" if ratio > 0 else "fell"
        parts.append(
            f"spend per request {verb} {abs(ratio):.0%}" if abs(ratio) >= 0.005 else "spend per request stayed"
        )
    return "; ".join(parts)


def _floors(result: Result) -> str:
    """Which promises held over the whole run."""
    missed = [part.name for part in result.classes if part.floor_verdict == "missed"]
    unsure = [part.name for part in result.classes if part.floor_verdict == "not shown"]
    promised = [part for part in result.classes if part.floor_verdict != "no promise"]
    if not result.served:
        return ""
    if missed:
        return f"The quality floor was missed for {', '.join(missed)}."
    if unsure:
        return f"No quality floor was missed; for {', '.join(unsure)} it is not shown to be kept."
    return "Every quality floor was kept." if promised else ""


def _over_budget(result: Result) -> Iterator[str]:
    for part in result.classes:
        if part.over_budget_days:
            days = f"{part.over_budget_days} {plural('day', part.over_budget_days)}"
            yield f"More than the budget of {part.name} was spent on {days}."


def _violated(result: Result) -> str:
    if result.violations:
        return f"{words.count(result.violations)} {plural('call', result.violations)} went to an excluded lane."
    return "Nothing went to an excluded lane."


def small_print(study: Study) -> Iterator[str]:
    """What the numbers are not, and where they come from."""
    yield from caveats(study)
    yield f"Requests: {study.source.rstrip('.')}; {words.count(study.kinds)} distinct."
    yield "Intervals are 95%, by clusters of similar prompts; differences are on the same requests with the same luck."


def plural(noun: str, count: int) -> str:
    """The noun for so many.

    >>> plural("policy", 1), plural("policy", 2)
    ('policy', 'policies')
    """
    if count == 1:
        return noun
    return f"{noun[:-1]}ies" if noun.endswith("cy") else f"{noun}s"
