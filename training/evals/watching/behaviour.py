"""Whether a lane agrees with its own earlier answers less than these agree with each other: a permutation test.

A provider is not deterministic at temperature 0, so an answer that differs proves nothing. What a lane's answers to one
prompt have in common among themselves is learned at the baseline; a later look asks again. If nothing has changed,
old and new answers to a prompt are exchangeable, so that any of them could as well have been the new ones: the share
of such relabellings that look at least as different as what was seen is an exact p-value (Fisher 1935; the statistic is
that of the energy test of Szekely and Rizzo 2004, per prompt, added up).

What it does not know: a provider may be less like itself between days than within one, as where traffic changes how
requests are batched. Then answers of one sitting are not exchangeable with those of another. So a change has to be of a
size too (``SMALLEST``), and it triggers suites: it is no verdict.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import OfflineDataError

LEVEL = 0.001
"""How often, at most, one comparison says of a lane that has not changed that it has; a look takes two to say so."""
SMALLEST = 0.03
"""Of agreement (0..1) that has to be lost, on average over the prompts."""
DRAWS = 4_999
FEWEST = 10
Grams = frozenset[str | tuple[str, str]]


@dataclass(frozen=True)
class Behaviour:
    """What a look found. ``own``: mean agreement of the baseline's answers with each other, ``now``: of the new ones
    with them, both 0..1; ``probes`` that could be compared; ``moved``: those whose answers agree least, worst first."""

    own: float
    now: float
    p_value: float
    probes: int
    moved: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether the lane answers differently, beyond its own noise."""
        return self.p_value <= LEVEL and self.own - self.now >= SMALLEST


def compare_answers(
    before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]], *, seed: int = 0
) -> Behaviour:
    """Compare a look with the baseline.

    Args:
        before, after: answers by prompt; a prompt needs two before and one after to count.
        seed: of the relabellings.

    Raises:
        OfflineDataError: fewer than ten prompts can be compared.
    """
    names = [name for name in before if len(before[name]) >= 2 and after.get(name)]
    if len(names) < FEWEST:
        raise OfflineDataError(
            f"Found answers to {len(names)} prompts before and now, expected at least {FEWEST}. See why the lane does "
            "not answer, then look again."
        )
    tables = [_splits(before[name], after[name]) for name in names]
    own, now = (float(np.mean([table[0, column] for table in tables])) for column in (0, 1))
    rng = np.random.default_rng(seed)
    seen = sum(float(table[0, 0] - table[0, 1]) for table in tables)
    drawn = np.zeros(DRAWS)
    for table in tables:
        lost = table[:, 0] - table[:, 1]
        drawn += lost[rng.integers(len(lost), size=DRAWS)]
    p_value = (1 + int((drawn >= seen - 1e-9).sum())) / (1 + DRAWS)
    order = sorted(range(len(names)), key=lambda index: float(tables[index][0, 1] - tables[index][0, 0]))
    moved = tuple(names[index] for index in order[:5] if tables[index][0, 1] < tables[index][0, 0])
    return Behaviour(own, now, p_value, len(names), moved)


def confirmed(
    before: Mapping[str, Sequence[str]],
    after: Mapping[str, Sequence[str]],
    again: Callable[[], Mapping[str, Sequence[str]]],
    *,
    seed: int = 0,
) -> Behaviour:
    """``compare_answers``, and where that finds a change once more with fresh answers, which alone count then.

    All looks share one baseline. One that by chance agrees with itself too well makes every look at it suspicious, so
    that false alarms come in bunches; asking again costs calls only where there is something to confirm.

    Args:
        again: asks the lane once more.
    """
    first = compare_answers(before, after, seed=seed)
    return compare_answers(before, again(), seed=seed + 1) if first.changed else first


def agreement(one: str, other: str) -> float:
    """How alike two answers are, 0..1: the share of words and pairs of words that they have in common (Dice 1945).

    >>> agreement("The answer is 391.", "the answer is  391"), agreement("yes", "no")
    (1.0, 0.0)
    """
    return _dice(_grams(one), _grams(other))


def _dice(one: Grams, other: Grams) -> float:
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 1.0


def _grams(text: str) -> Grams:
    words = re.findall(r"\w+", text.casefold())
    return frozenset({*words, *pairwise(words)})


def _splits(before: Sequence[str], after: Sequence[str]) -> NDArray[np.float64]:
    """For each way to call as many of all answers new, the real one first: mean agreement among the old ones, and of
    the new ones with these. Shape (ways, 2)."""
    answers = [*before, *after]
    grams = [_grams(answer) for answer in answers]
    alike = np.eye(len(answers))
    for one, other in combinations(range(len(answers)), 2):
        alike[one, other] = alike[other, one] = _dice(grams[one], grams[other])
    new = _ways(len(before), len(after))  # (ways, answers), 1 for a new one
    old = 1 - new
    among = (np.einsum("wi,ij,wj->w", old, alike, old) - len(before)) / (len(before) * (len(before) - 1))
    across = np.einsum("wi,ij,wj->w", old, alike, new) / (len(before) * len(after))
    return np.column_stack([among, across])


@cache
def _ways(before: int, after: int) -> NDArray[np.float64]:
    real = tuple(range(before, before + after))
    chosen = [real, *(new for new in combinations(range(before + after), after) if new != real)]
    ways = np.zeros((len(chosen), before + after))
    for row, new in zip(ways, chosen, strict=True):
        row[list(new)] = 1
    return ways
