"""What people said of answers, read from a file and put beside what a judge said of the same ones in a run.

A CSV with a header, or JSONL, with ``case`` and ``human``, and where they are needed ``lane`` and ``repeat``; ``judge``
where the file holds the judge's verdicts itself. A verdict is pass or fail (also right, wrong, true, false, yes, no, 1,
0), or, with grades, a number.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router_ml.errors import OfflineDataError
from training.evals.judges.agreement import Agreement, Grades, Measured, PositionBias, agreement, grades, position_bias
from training.evals.judges.corrected import prediction_powered, rogan_gladen
from training.evals.result import Result, Verdict

_RIGHT = frozenset({"pass", "passed", "right", "correct", "true", "yes", "1", "1.0"})
_WRONG = frozenset({"fail", "failed", "wrong", "incorrect", "false", "no", "0", "0.0"})
_ORDERS = "orders "
Key = tuple[str, str | None, int | None]


@dataclass(frozen=True)
class Label:
    """What people, and perhaps the judge, said of one answer; ``lane`` and ``repeat`` None: of any."""

    case: str
    lane: str | None
    repeat: int | None
    human: float
    judge: float | None


@dataclass(frozen=True)
class JudgeReport:
    """A judge against people. ``corrected``: the share of right answers of all that it judged, those that people
    judged being a random part of them; ``judged_share``: as the judge says; ``unjudged``: labelled answers that it
    could not judge; ``cost_usd``: of all its verdicts."""

    verdicts: Agreement | None
    grades: Grades | None
    position: PositionBias | None
    corrected: Measured | None
    judged_share: float | None
    unjudged: int
    cost_usd: float


def read_labels(path: Path, *, graded: bool = False) -> list[Label]:
    """The labels of a file.

    Raises:
        OfflineDataError: there is no such file, or a row of it is no label; names the row.
    """
    if not path.is_file():
        raise OfflineDataError(f"{path} is not there. Give a CSV or JSONL file with case and human.")
    found = [_label(row, f"{path}, row {n}", graded=graded) for n, row in enumerate(_rows(path), start=1)]
    if not found:
        raise OfflineDataError(f"{path} holds no labels.")
    return found


def _rows(path: Path) -> Iterable[dict[str, Any]]:
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix.lower() == ".csv":
        return list(csv.DictReader(text.splitlines()))
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise OfflineDataError(f"{path} is not JSONL: {error}.") from None


def _label(row: Any, where: str, *, graded: bool) -> Label:
    if not isinstance(row, dict) or not row.get("case") or row.get("human") in (None, ""):
        raise OfflineDataError(f"{where} has to have case and human.")
    said = row.get("judge")
    repeat = row.get("repeat")
    if repeat not in (None, "") and not str(repeat).isdigit():
        raise OfflineDataError(f"{where}: repeat has to be a number from 0.")
    return Label(
        case=str(row["case"]),
        lane=row.get("lane") or None,
        repeat=int(repeat) if repeat not in (None, "") else None,
        human=_value(row["human"], where, graded=graded),
        judge=None if said in (None, "") else _value(said, where, graded=graded),
    )


def _value(said: Any, where: str, *, graded: bool) -> float:
    text = str(said).strip().lower()
    if not graded:
        if text in _RIGHT | _WRONG:
            return float(text in _RIGHT)
        raise OfflineDataError(f"{where}: a verdict is pass or fail. For grades give --grades.")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise OfflineDataError(f"{where}: a grade is a number.")
    return value


def judge_report(
    labels: Sequence[Label], results: Sequence[Result] = (), *, check: str, graded: bool = False
) -> JudgeReport:
    """A judge against people.

    Args:
        results: of runs in which the judge judged; verdicts in the file itself count before them.
        check: the name of the judge as a check. graded: points (1 to 5, as ``rubric`` gives) instead of verdicts.

    Raises:
        OfflineDataError: no answer was judged by both.
    """
    said = [(one, verdict) for one in results for verdict in one.verdicts if verdict.check == check]
    by_key: dict[Key, Verdict] = {}
    for one, verdict in said:
        for key in _keys(one):
            by_key.setdefault(key, verdict)
    judged = [_judged(label, by_key, graded=graded) for label in labels]
    both = [(label.human, value) for label, value in zip(labels, judged, strict=True) if value is not None]
    if not both:
        raise OfflineDataError(f"No answer was judged both by people and by {check}. Compare the ids of the cases.")
    human, judge = map(list, zip(*both, strict=True))
    seen = {_found(label, by_key) for label in labels} - {None}
    rest = [float(v.passed) for _, v in said if v.passed is not None and id(v) not in seen] if not graded else []
    everything = rest + ([] if graded else judge)
    orders = [
        tuple(v.detail.removeprefix(_ORDERS).split(":")[0].split()) for _, v in said if v.detail.startswith(_ORDERS)
    ]
    return JudgeReport(
        verdicts=None if graded else agreement(human, judge),
        grades=grades(human, judge) if graded else None,
        position=position_bias([(one[0], one[1]) for one in orders if len(one) == 2]) if orders else None,
        corrected=prediction_powered(human, judge, rest) if rest and len(human) > 1 else None,
        judged_share=sum(everything) / len(everything) if everything else None,
        unjudged=len(labels) - len(both),
        cost_usd=sum(verdict.cost_usd for _, verdict in said),
    )


def applied(found: Agreement, results: Iterable[Result], *, check: str) -> dict[str, Measured]:
    """Shares of right answers by lane in runs that nobody labelled, corrected by how the judge errs where people did.
    That holds as far as it errs alike here and there.

    Raises:
        OfflineDataError: the judge judged nothing there, or it is no better than chance.
    """
    lanes: dict[str, list[bool]] = {}
    for one in results:
        said = [verdict.passed for verdict in one.verdicts if verdict.check == check and verdict.passed is not None]
        lanes.setdefault(one.arm.lane, []).extend(said)
    if not any(lanes.values()):
        raise OfflineDataError(f"No answer of these runs was judged by {check}. Name a judge that was asked there.")
    right, wrong = found.sensitivity.n, found.specificity.n
    hits, caught = found.table["both right"], found.table["both wrong"]
    return {
        lane: rogan_gladen(passed=sum(said), of=len(said), sensitivity=(hits, right), specificity=(caught, wrong))
        for lane, said in sorted(lanes.items())
        if said
    }


def _keys(one: Result) -> Iterable[Key]:
    case, lane = one.case.id, one.arm.lane
    return (case, lane, one.repeat), (case, lane, None), (case, None, one.repeat), (case, None, None)


def _found(label: Label, by_key: dict[Key, Verdict]) -> int | None:
    verdict = by_key.get((label.case, label.lane, label.repeat))
    return None if verdict is None else id(verdict)


def _judged(label: Label, by_key: dict[Key, Verdict], *, graded: bool) -> float | None:
    if label.judge is not None:
        return label.judge
    verdict = by_key.get((label.case, label.lane, label.repeat))
    if verdict is None:
        return None
    if graded:
        return None if verdict.score is None else 1 + 4 * verdict.score
    return None if verdict.passed is None else float(verdict.passed)
