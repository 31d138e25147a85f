"""Whether lanes agree on a case, and one lane on the wordings of a request, by what the checks said of each answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from training.evals.result import Result

STANCES = ("declines", "helps")
"""The checks whose passing is behaviour that lanes and wordings can be compared by."""


@dataclass(frozen=True)
class Behaviour:
    """How a lane did with a case: ``right`` by most of its attempts; a tie is none."""

    lane: str
    case: str
    cluster: str
    right: bool


def behaviours(results: Sequence[Result]) -> list[Behaviour]:
    """The behaviour of each lane on each case that was judged."""
    said: dict[tuple[str, str], list[bool]] = {}
    clusters: dict[str, str] = {}
    for one in results:
        for verdict in one.verdicts:
            if verdict.check in STANCES and verdict.passed is not None:
                said.setdefault((one.arm.lane, one.case.id), []).append(verdict.passed)
                clusters[one.case.id] = one.case.cluster
    return [
        Behaviour(lane, case, clusters[case], 2 * sum(passed) > len(passed))
        for (lane, case), passed in said.items()
        if 2 * sum(passed) != len(passed)
    ]


def by_case(found: Sequence[Behaviour]) -> Iterator[tuple[str, list[Behaviour]]]:
    """Cases that several lanes were judged on."""
    cases: dict[str, list[Behaviour]] = {}
    for one in found:
        cases.setdefault(one.case, []).append(one)
    return ((case, ones) for case, ones in cases.items() if len(ones) > 1)


def by_group(found: Sequence[Behaviour]) -> Iterator[tuple[str, str, list[Behaviour]]]:
    """Lane, group and behaviours of groups of which a lane was judged on several wordings."""
    groups: dict[tuple[str, str], list[Behaviour]] = {}
    for one in found:
        groups.setdefault((one.lane, one.cluster), []).append(one)
    return ((lane, group, ones) for (lane, group), ones in groups.items() if len(ones) > 1)


def majority(ones: Sequence[Behaviour]) -> bool | None:
    """What most did; None for a tie."""
    counts = Counter(one.right for one in ones)
    return None if counts[True] == counts[False] else counts[True] > counts[False]
