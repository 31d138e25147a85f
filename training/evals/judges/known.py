"""The judges under their names as checks.

Each says ``failure`` of what it finds, ``wrong_value`` or another by default, so that a suite may call it by what it
means there. An empty answer is not judged: that there has to be one is another check's to say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from router_ml.errors import OfflineDataError
from router_ml.execution.validation.labels import label_in
from router_ml.execution.validation.reading import NotJsonError, read_json
from training.evals.judges.lanes import Rating, compare, rate
from training.evals.judges.normal import normal
from training.evals.judges.numbers import Locale, Number, numbers_in
from training.evals.judges.patterns import TooSlowError, found
from training.evals.judges.sandbox import run_tests
from training.evals.judges.similar import likeness
from training.evals.judges.values import differences
from training.evals.registry import Seen, check
from training.evals.result import Verdict


def _empty(name: str, seen: Seen) -> Verdict | None:
    return None if seen.attempt.text.strip() else Verdict(name, None, detail="no answer to look at")


def _said(name: str, right: bool, failure: str, detail: str = "", score: float | None = None) -> Verdict:
    return Verdict(name, right, failure="" if right else failure, detail=detail, score=score)


@check("exact")
def exact(
    seen: Seen,
    *,
    any_of: Sequence[str] = (),
    case: bool = True,
    space: bool = True,
    marks: bool = True,
    failure: str = "wrong_value",
) -> Verdict:
    """Whether the answer is the reference, or ``any_of`` some texts; ``case``, ``space``, ``marks`` make no difference
    unless they are turned off (see ``normal``). Of an answer that has to be a label, the label counts: lanes that are
    held to a schema say ``{"label": "bug"}``."""
    how = {"case": case, "space": space, "marks": marks}
    wanted = any_of or ((seen.case.reference,) if seen.case.reference is not None else ())
    if not wanted:
        raise OfflineDataError(f"Case {seen.case.id}: exact needs any_of, or a reference.")
    said, spec = seen.attempt.text, seen.case.output_contract
    if spec is not None and spec.type == "label":
        said = label_in(said, spec.labels) or said
    right = normal(said, **how) in {normal(one, **how) for one in wanted}
    return _empty("exact", seen) or _said("exact", right, failure)


@check("regex")
def regex(
    seen: Seen, *, pattern: str, whole: bool = False, absent: bool = False, failure: str = "wrong_value"
) -> Verdict:
    """Whether a pattern is in the answer, is the ``whole`` of it, or is ``absent``; not judged after a second."""
    if (empty := _empty("regex", seen)) is not None:
        return empty
    try:
        right = found(pattern, seen.attempt.text.strip(), whole=whole) != absent
    except TooSlowError as error:
        return Verdict("regex", None, detail=str(error))
    return _said("regex", right, failure)


@check("json")
def json_(
    seen: Seen,
    *,
    value: Any = None,
    free: Mapping[str, Any] | None = None,
    unordered: Sequence[str] = (),
    failure: str | None = None,
) -> Verdict | list[Verdict]:
    """Whether the JSON of the answer is ``value``, or the reference, but for the freedom at some places."""
    if (empty := _empty("json", seen)) is not None:
        return empty
    if value is None and seen.case.reference is None:
        raise OfflineDataError(f"Case {seen.case.id}: json needs a value, or a reference.")
    wanted = value if value is not None else json.loads(seen.case.reference or "null")
    try:
        said = read_json(seen.attempt.text)
    except NotJsonError as error:
        return Verdict("json", False, failure=failure or "not_json", detail=str(error))
    wrong = list(differences(said, wanted, free=free, unordered=tuple(unordered)))
    return [
        Verdict("json", False, failure=failure or kind, detail=", ".join(d.path for d in wrong if d.kind == kind))
        for kind in dict.fromkeys(one.kind for one in wrong)
    ] or Verdict("json", True)


@check("numeric")
def numeric(  # noqa: PLR0913 - a number has as many sides
    seen: Seen,
    *,
    value: float,
    within: float = 0.0,
    relative: float = 0.0,
    percent: bool = False,
    unit: str | None = None,
    locale: Locale = "any",
    which: Literal["any", "only", "first", "last"] = "any",
    failure: str = "wrong_value",
) -> Verdict:
    """Whether a number of the answer is ``value``, give or take ``within`` or a share ``relative``.

    Args:
        percent: 12 % and 0.12 are both right for a value of 12. unit: how the word or sign behind it begins.
        which: any number of the answer, its only one, its first or its last.
    """
    if (empty := _empty("numeric", seen)) is not None:
        return empty
    numbers = numbers_in(seen.attempt.text, locale=locale)
    looked = {"first": numbers[:1], "last": numbers[-1:], "only": numbers if len(numbers) == 1 else []}.get(
        which, numbers
    )

    def right(one: Number) -> bool:
        if unit is not None and not one.unit.casefold().startswith(unit.casefold()):
            return False
        share = percent and not one.percent and one.near(value / 100, within=within / 100, relative=relative)
        return share or one.near(value, within=within, relative=relative)

    return _said("numeric", any(map(right, looked)), failure, f"{len(numbers)} numbers in the answer")


@check("code")
def code(seen: Seen, *, tests: str, wall_s: float = 10.0, failure: str = "wrong_code") -> Verdict:
    """Whether the Python of the answer passes tests, run behind the fence of ``judges/sandbox.py``."""
    if (empty := _empty("code", seen)) is not None:
        return empty
    ran = run_tests(seen.attempt.text, tests, wall_s=wall_s)
    return _said("code", ran.status == "passed", failure, ran.status)


@check("similar")
def similar(
    seen: Seen, *, references: Sequence[str] = (), least: float | None = None, failure: str = "dissimilar"
) -> Verdict:
    """Whether the answer means about what the reference does, or one of several ``references``. What it cannot tell is
    in ``judges/similar.py``; ``least`` is the likeness that is enough, by default the one that was calibrated."""
    from training.evals.judges.similar import calibrated

    if (empty := _empty("similar", seen)) is not None:
        return empty
    wanted = references or ((seen.case.reference,) if seen.case.reference else ())
    if not wanted:
        raise OfflineDataError(f"Case {seen.case.id}: similar needs references, or a reference.")
    value = max(likeness(seen.bench.embed, seen.attempt.text, one) for one in wanted)
    enough = calibrated().threshold if least is None else least
    return _said(
        "similar", value >= enough, failure, f"likeness {value:.2f} of {enough:.2f}", min(max(value, 0.0), 1.0)
    )


@check("pairwise")
def pairwise(
    seen: Seen, *, judge: str | None = None, criteria: str = "", ties: bool = True, failure: str = "worse"
) -> Verdict:
    """Whether the answer is at least as good as the reference, as a lane says that sees them in both orders. A judge
    that goes with the order is a tie; ``score``: 1 better, 0.5 a tie, 0 worse. ``ties`` False: a tie is not enough."""
    if (empty := _empty("pairwise", seen)) is not None:
        return empty
    if seen.case.reference is None:
        raise OfflineDataError(f"Case {seen.case.id}: pairwise needs a reference to compare with.")
    said = compare(seen.bench, _asked(seen), seen.attempt.text, seen.case.reference, judge=judge, criteria=criteria)
    if said.winner is None:
        return Verdict("pairwise", None, detail=said.detail, cost_usd=said.cost_usd)
    score = {"first": 1.0, "tie": 0.5, "second": 0.0}[said.winner]
    right = score == 1.0 or (ties and score == 0.5)
    return Verdict("pairwise", right, "" if right else failure, score, said.detail, said.cost_usd)


@check("rubric")
def rubric(
    seen: Seen, *, criteria: str, judge: str | None = None, least: int = 4, failure: str = "below_rubric"
) -> Verdict:
    """Whether a lane gives the answer ``least`` of 5 points under some criteria; ``score``: 0 for 1, 1 for 5."""
    if (empty := _empty("rubric", seen)) is not None:
        return empty
    said: Rating = rate(
        seen.bench, _asked(seen), seen.attempt.text, criteria=criteria, reference=seen.case.reference, judge=judge
    )
    if said.points is None:
        return Verdict("rubric", None, detail=said.detail, cost_usd=said.cost_usd)
    right = said.points >= least
    detail = f"{said.points} of 5 points, {least} wanted"
    return Verdict("rubric", right, "" if right else failure, (said.points - 1) / 4, detail, said.cost_usd)


def _asked(seen: Seen) -> str:
    return seen.case.ask or "\n".join(f"{one.role}: {one.content}" for one in seen.case.messages)
