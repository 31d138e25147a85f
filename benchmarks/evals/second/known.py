"""All failures of the second set."""

from __future__ import annotations

from benchmarks.evals.second import calls, groundedness, minding, shapes, spending

FAILURES = (*shapes.FAILURES, *groundedness.FAILURES, *calls.FAILURES, *minding.FAILURES, *spending.FAILURES)
