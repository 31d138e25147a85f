"""Fewer cases: whole clusters, each cell in proportion, the same with the same seed."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from training.evals.case import Case
from training.evals.running.sampling import sampled


def case(at: int, *, intent: str = "qa", group: str | None = None) -> Case:
    """A case of a cell and a cluster."""
    return Case(id=f"c{at}", intent=intent, domain="general", group=group, ask="?")


@given(
    st.lists(st.tuples(st.sampled_from(["qa", "coding"]), st.integers(0, 6)), min_size=1, max_size=40),
    st.integers(1, 50),
    st.integers(0, 5),
)
def test_clusters_are_taken_whole_and_enough_of_them(drawn: list[tuple[str, int]], n: int, seed: int) -> None:
    """At least ``n`` cases, and fewer without the last cluster; none is cut in two; order and repetition hold."""
    cases = [case(at, intent=intent, group=f"{intent}{group}") for at, (intent, group) in enumerate(drawn)]
    taken = sampled(cases, n, seed=seed)
    assert taken == sampled(cases, n, seed=seed)
    assert list(taken) == [one for one in cases if one in taken]
    groups = Counter(one.cluster for one in taken)
    assert all(groups[one.cluster] in (0, sum(other.cluster == one.cluster for other in cases)) for one in cases)
    assert len(taken) >= min(n, len(cases))
    assert len(taken) - max(groups.values()) < n


def test_each_cell_has_its_share() -> None:
    """Of nine in ten cases of one cell, nine in ten of the sample are."""
    cases = [case(at, intent="qa" if at % 10 else "coding") for at in range(200)]
    for seed in range(5):
        counts = Counter(one.intent for one in sampled(cases, 40, seed=seed))
        assert abs(counts["coding"] - 4) <= 1


def test_nothing_asked_for_is_all_there_is() -> None:
    """No number, or one that is too high, leaves every case."""
    cases = [case(at) for at in range(5)]
    assert sampled(cases, None, seed=0) == sampled(cases, 9, seed=0) == tuple(cases)
