"""Which logged decisions a person should label next: those that the classifier is unsure of, a share from every cell.

Each is drawn with a known chance, which goes into the list and belongs into the outcome as ``rated_probability``: so
labels of uncertain requests still speak for all. No text is in the list unless the log keeps it.
"""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import OfflineDataError
from router_ml.offline.gating.champion import logged_contexts
from router_ml.storage.database.records import LoggedData
from router_ml.understanding.classifier import ClassifierSpec
from training.logged.outcomes import sizes_of

NEIGHBOURS = 10
MOST_COMPARED = 20_000
LEAST = 0.05  # of the uncertainty of others, so that a request it is sure of can be drawn too
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Wanted:
    """A decision to label. ``margin``: between its two likeliest classes, the smaller of intent and domain;
    ``abstained``: the classifier was below its threshold in one of them; ``disagreement``: the share of the most
    similar requests that it calls otherwise; ``chance`` of having been drawn from the whole log."""

    decision_id: str
    intent: str
    domain: str
    margin: float
    abstained: bool
    disagreement: float
    chance: float


def annotation_list(
    data: LoggedData, spec: ClassifierSpec, count: int, *, sampled: float = 1.0, seed: int = 0
) -> list[Wanted]:
    """About ``count`` decisions, by cell, those of higher uncertainty more likely.

    Args:
        data: of a larger log, a uniform sample. sampled: the chance of each decision to be in it.

    Raises:
        OfflineDataError: no decision is there to choose from.
    """
    if not len(data):
        raise OfflineDataError("No logged decision keeps what the classifier said. Log features first.")
    contexts = logged_contexts(data, sizes_of(spec))
    heads = {"intent": contexts.intent, "domain": contexts.domain}
    margin = np.min([_margin(each) for each in heads.values()], axis=0)
    abstained = np.any([each.max(axis=1) < getattr(spec, name).abstain_below for name, each in heads.items()], axis=0)
    disagreement = _disagreement(data.embeddings, contexts.intent.argmax(axis=1), seed)
    uncertain = LEAST + (1 - margin + abstained + disagreement) / 3
    cell = np.unique(np.stack([data.intent, data.domain], axis=1), axis=0, return_inverse=True)[1].ravel()
    chance = _chances(uncertain, cell, count)
    drawn = _systematic(chance, cell, np.random.default_rng([seed, *b"annotate"]))
    order = drawn[np.argsort(-uncertain[drawn], kind="stable")]
    return [
        Wanted(
            decision_id=str(data.decision_ids[row]),
            intent=str(data.intent[row]),
            domain=str(data.domain[row]),
            margin=round(float(margin[row]), 4),
            abstained=bool(abstained[row]),
            disagreement=round(float(disagreement[row]), 4),
            chance=float(chance[row]) * sampled,
        )
        for row in order
    ]


def write_list(wanted: list[Wanted], path: Path, *, texts: dict[str, str] | None = None) -> None:
    """Write the list as CSV, with empty columns for what is found out."""
    columns = [*Wanted.__dataclass_fields__, *(["text"] if texts else []), "true_intent", "true_domain", "true_risks"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        for each in wanted:
            writer.writerow(asdict(each) | ({"text": texts.get(each.decision_id, "")} if texts else {}))


def _margin(probabilities: NDArray[np.float32]) -> Floats:
    ranked = np.sort(probabilities, axis=1)
    result: Floats = (ranked[:, -1] - ranked[:, -2]).astype(np.float64)
    return result


def _disagreement(embeddings: NDArray[np.float32], found: NDArray[np.intp], seed: int) -> Floats:
    """Share of the nearest of up to ``MOST_COMPARED`` requests that are classified otherwise, (n,)."""
    result = np.zeros(len(found))
    known = np.flatnonzero(np.isfinite(embeddings).all(axis=1)) if embeddings.shape[1] else np.empty(0, np.intp)
    others = np.random.default_rng(seed).permutation(known)[:MOST_COMPARED]
    if len(others) <= NEIGHBOURS:
        return result
    for start in range(0, len(known), 2048):
        rows = known[start : start + 2048]
        likeness = embeddings[rows] @ embeddings[others].T
        likeness[rows[:, None] == others[None]] = -np.inf
        near = np.argpartition(-likeness, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        result[rows] = (found[others[near]] != found[rows][:, None]).mean(axis=1)
    return result


def _chances(uncertain: Floats, cell: NDArray[np.intp], count: int) -> Floats:
    """Chances (n,) that sum to ``count``: each cell by the root of its size, each row by its uncertainty."""
    size = np.bincount(cell)
    of_cell = np.sqrt(size) / np.sqrt(size).sum() * count
    chance = uncertain / np.bincount(cell, uncertain)[cell] * of_cell[cell]
    for _ in range(20):  # what is above 1 goes to the others
        over = chance >= 1
        left = min(count, len(chance)) - over.sum()
        if left <= 0 or not (~over).any():
            break
        chance = np.where(over, 1.0, chance * left / max(chance[~over].sum(), 1e-12))
    result: Floats = np.minimum(chance, 1.0)
    return result


def _systematic(chance: Floats, cell: NDArray[np.intp], random: np.random.Generator) -> NDArray[np.intp]:
    """Rows drawn with their chance, spread evenly over cells (systematic sampling, Madow 1949)."""
    order = np.lexsort((random.random(len(cell)), cell))
    upto, start = np.cumsum(chance[order]), random.random()
    before = np.concatenate([[0.0], upto[:-1]])
    result: NDArray[np.intp] = order[np.floor(upto + start) > np.floor(before + start)]
    return result
