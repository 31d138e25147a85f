"""``python -m training.evals.grounding.fit``: fit the weights to pairs of the documents that are not held out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.evals.grounding.entailing import Entailment, fitted
from training.evals.grounding.features import NAMES, Embed, features
from training.evals.grounding.pairs import Pair, with_derived, written
from training.evals.suite import Suite, load_suite

MISSED = 0.04
"""Share of right claims, phrased freely, of the documents fitted on that may fall below ``enough``."""


def rows_of(suite: Suite, pairs: Sequence[Pair], embed: Embed) -> NDArray[np.float64]:
    """Features (n, k) of pairs."""
    return np.array([features(one.claim, suite.passages[one.passage].text, embed) for one in pairs])


def fit(pairs: Sequence[Pair], rows: NDArray[np.float64], names: tuple[str, ...] = NAMES) -> Entailment:
    """Weights, and the threshold below which ``MISSED`` of the right claims that we wrote lie."""
    right = np.array([one.right for one in pairs])
    model = fitted(rows[:, : len(names)], right, names)
    free = np.array([one.kind == "supported" for one in pairs])
    enough = float(np.quantile(model.of(rows[free][:, : len(names)]), MISSED))
    return Entailment(model.names, model.weights, model.bias, enough)


def main() -> None:
    """Fit and write ``weights.json``."""
    from training.evals.grounding.encoding import shipped

    suite = load_suite("groundedness")
    pairs = [one for one in with_derived(suite, written()) if not one.held]
    fit(pairs, rows_of(suite, pairs, shipped())).save()


if __name__ == "__main__":
    main()
