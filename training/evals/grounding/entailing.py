"""How likely a text bears a claim: a logistic regression over ``features``, in numpy, with weights as JSON.

Signs are bound: a number that is missing can only speak against a claim and words that are found only for it, so that
nothing odd in a few hundred pairs turns a doubt into a reason. Fitted by ``python -m training.evals.grounding.fit``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import OfflineDataError
from training.evals.grounding.features import LEXICAL, NAMES, Embed, features

WEIGHTS = Path(__file__).parent / "weights.json"
_FOR = frozenset(("support", "window", "whole", "likeness"))


@dataclass(frozen=True)
class Entailment:
    """``names`` of the features, ``weights`` (k,) and ``bias`` of the logit; from ``enough`` on a claim is borne."""

    names: tuple[str, ...]
    weights: NDArray[np.float64]
    bias: float
    enough: float = 0.5

    @property
    def encodes(self) -> bool:
        """Whether it needs an encoder."""
        return self.names == NAMES

    def of(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities (n,) of feature rows (n, k)."""
        result: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-(rows @ self.weights + self.bias)))
        return result

    def probability(
        self,
        claim: str,
        text: str,
        embed: Embed | None = None,
        *,
        excused: frozenset[str] = frozenset(),
        denied: bool = False,
    ) -> float:
        """How likely a text bears a claim, 0..1. ``excused``, ``denied``: as of ``features.lexical``."""
        encoder = embed if self.encodes else None
        return float(self.of(features(claim, text, encoder, excused=excused, denied=denied)[None])[0])

    def save(self, path: Path = WEIGHTS) -> None:
        """Write the weights."""
        said = {
            "enough": round(self.enough, 3),
            "bias": round(self.bias, 4),
            "weights": {name: round(float(one), 4) for name, one in zip(self.names, self.weights, strict=True)},
        }
        path.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


def load(path: Path = WEIGHTS) -> Entailment:
    """Read the weights.

    Raises:
        OfflineDataError: they are of other features than the code knows.
    """
    said = json.loads(path.read_text(encoding="utf-8"))
    names = tuple(said["weights"])
    if names not in (LEXICAL, NAMES):
        raise OfflineDataError(
            f"{path} has weights of {', '.join(names)}, expected {', '.join(NAMES)}. "
            "Fit them again: python -m training.evals.grounding.fit."
        )
    return Entailment(names, np.array(list(said["weights"].values())), said["bias"], said["enough"])


def fitted(
    rows: NDArray[np.float64], right: NDArray[np.bool_], names: tuple[str, ...], *, ridge: float = 0.003
) -> Entailment:
    """Fit to feature rows (n, k) with bound signs by projected gradient steps; both classes weigh the same.

    Args:
        right: (n,) whether the text bears the claim.
        ridge: strength of the penalty on squared weights.
    """
    signs = np.array([1.0 if name in _FOR else -1.0 for name in names])
    weight = np.where(right, 0.5 / right.mean(), 0.5 / (~right).mean()) / len(right)
    beta, bias = np.zeros(rows.shape[1]), 0.0
    step = 4.0 / (1.0 + float((rows**2).sum(axis=1).max()))  # 1 / Lipschitz constant of the logistic loss
    for _ in range(6000):
        error = weight * (1.0 / (1.0 + np.exp(-(rows @ beta + bias))) - right)
        beta = beta - step * (rows.T @ error + ridge * beta)
        beta = np.where(beta * signs > 0, beta, 0.0)
        bias -= step * float(error.sum())
    return Entailment(names, beta, bias)
