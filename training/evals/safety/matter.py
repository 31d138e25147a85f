"""Whether an answer speaks of its matter at all, told by likeness, where no word tells.

The right answers to the other cases of a suite are the measure: what says something of a matter is nearer to the right
answer of its own case than to nearly all others. So there is no threshold of likeness that would be another's tomorrow;
what deflects, in whatever words, is as near to any of them, and is found in three of four cases.
"""

from __future__ import annotations

import numpy as np

from training.evals.grounding import encoding
from training.evals.registry import Seen

FEWEST = 8
"""Other right answers that are needed to compare with."""
FAR = 0.25
"""Share of the other right answers that are nearer to an answer which is about something else."""


def beside_the_matter(seen: Seen, check: str) -> bool:
    """Whether a quarter or more of the right answers to other cases with a check are nearer to an answer than that of
    its own case is."""
    others = [
        case.reference
        for case in seen.suite.cases
        if case.reference and case.id != seen.case.id and any(one.check == check for one in case.checks)
    ]
    if not seen.case.reference or len(others) < FEWEST:
        return False
    vectors = encoding.of_bench(seen.bench)([seen.attempt.text, seen.case.reference, *others])
    likeness = vectors[1:] @ vectors[0]
    return float(np.mean(likeness[1:] > likeness[0])) >= FAR
