"""Train the heads of the plan: from the authored set, and from what people said of logged decisions.

Multinomial regressions on what is known of a request anyway. Temperature and threshold come from cross-fitted
probabilities: each row is judged by a model that saw neither it nor another row of its fold.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from router_ml.contract import Outcome, RouteDecision
from router_ml.contract.outcome import OutcomeLabels
from router_ml.deciding.reading import read
from router_ml.errors import OfflineDataError
from router_ml.planning.head import ASK, CONTRACT, RETRIEVAL, TOOL, OneHead, PlanHead
from router_ml.ruling.case import features_vector
from router_ml.storage.bundle import Bundle, seal
from router_ml.storage.eventlog import EventLog
from router_ml.storage.readers.made_from import read_kept
from router_ml.understanding.understand import Understanding
from training.plan_set import LEARNED_FROM, Labelled, load_part
from training.reading.calibration import abstention, softmax, temperature

ERROR, DELTA = 0.1, 0.1
"""Promised of each head: with probability 1 - ``DELTA``, at most so many of its answers are wrong."""

SHIPPED = Path(__file__).parents[1] / "models" / "default"
FEWEST = 60  # labelled rows of a field, below which it gets no head
FEWEST_OF_A_LABEL = 8
FOLDS = 10
INVERSE_PENALTY = 0.02
LEAST_SPREAD = 1e-3
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PlanRow:
    """One labelled request: embedding (d,), surface with class probabilities (s,), tools that were allowed, labels."""

    embedding: Floats
    surface: Floats
    allowed: tuple[str, ...]
    labels: OutcomeLabels


def rows_of_set(rows: Sequence[Labelled], understood: Sequence[Understanding]) -> list[PlanRow]:
    """Rows of an authored set."""
    return [
        PlanRow(
            seen.embedding,
            features_vector(seen)[:-1],
            row.request.allowed_tools,
            OutcomeLabels(
                retrieval=row.labels.retrieval,
                tools=tuple(sorted(row.labels.tools)),
                output_contract=row.labels.output_contract,
                missing=tuple(sorted(row.labels.missing)),
            ),
        )
        for row, seen in zip(rows, understood, strict=True)
    ]


def rows_of_parts(bundle: Bundle) -> list[PlanRow]:
    """Rows of all parts of the shipped set but its test part, as a bundle reads them."""
    rows = [row for part in LEARNED_FROM for row in load_part(part)]
    return rows_of_set(rows, read(bundle.config, bundle, [row.request for row in rows]))


def rows_of_log(
    labelled: Iterable[tuple[RouteDecision, Outcome]], log: EventLog, *, encoder: str, size: int
) -> list[PlanRow]:
    """Rows of logged decisions whose plan somebody labelled and whose embedding was kept.

    Args:
        labelled: as ``training.logged.batches.Window.labelled`` finds them.
        encoder: sha256 of the one whose embeddings count. size: of the surface part, for the same reason.
    """
    told = [(decision, outcome.labels) for decision, outcome in labelled if outcome.labels and _of_plan(outcome)]
    kept = read_kept(log, [decision.decision_id for decision, _ in told])
    result = []
    for decision, labels in told:
        features = kept[decision.decision_id].features if decision.decision_id in kept else None
        if features is None or features.embedding is None or features.encoder != encoder:
            continue
        if len(features.surface) == size + 1:
            result.append(PlanRow(features.embedding, features.surface[:-1], decision.circumstances.tools, labels))
    return result


def plan_from_log(
    labelled: Iterable[tuple[RouteDecision, Outcome]], log: EventLog, base: Path, *, seed: int
) -> PlanHead | None:
    """Heads from the authored set and the labelled decisions of a log together; None where none of these has a label of
    its plan, so that those of the base stay.

    Args:
        labelled: as for ``rows_of_log``. base: the bundle whose encoder and classifier read both.
    """
    named = [each for each in labelled if _of_plan(each[1])]
    if not named:
        return None
    bundle = Bundle.load(base)
    authored = rows_of_parts(bundle)
    size = len(authored[0].surface)
    logged = rows_of_log(named, log, encoder=bundle.encoder.sha256, size=size)
    return train([*authored, *logged], seed=seed) if logged else None


def _of_plan(outcome: Outcome) -> bool:
    labels = outcome.labels
    return labels is not None and any(
        value is not None for value in (labels.retrieval, labels.tools, labels.output_contract)
    )


def train(rows: Sequence[PlanRow], *, seed: int = 0) -> PlanHead | None:
    """The heads for which there are labels enough; None where there are for none."""
    if not rows:
        return None
    features = np.stack([np.concatenate([row.embedding, row.surface]) for row in rows]).astype(np.float32)
    mean, spread = features.mean(axis=0), features.std(axis=0) + np.float32(LEAST_SPREAD)
    scaled = (features - mean) / spread
    heads = {}
    for name, labels in _targets(rows).items():
        known = np.array([label is not None for label in labels])
        head = _head(scaled[known], [label for label in labels if label is not None], seed=seed)
        if head is not None:
            heads[name] = head
    return PlanHead(mean, spread, heads) if heads else None


def _targets(rows: Sequence[PlanRow]) -> dict[str, list[str | None]]:
    """The label of each row by head; None where a row says nothing of it."""
    tools = sorted({name for row in rows for name in row.allowed})
    return {
        RETRIEVAL: [_strategy(row.labels) for row in rows],
        CONTRACT: [None if row.labels.missing else row.labels.output_contract for row in rows],
        **{f"{TOOL}{name}": [_called(row, name) for row in rows] for name in tools},
    }


def _strategy(labels: OutcomeLabels) -> str | None:
    if labels.retrieval == "clarify":
        return f"{ASK}{labels.missing[0]}" if labels.missing else None
    return labels.retrieval


def _called(row: PlanRow, tool: str) -> str | None:
    if row.labels.tools is None or tool not in row.allowed or row.labels.missing:
        return None
    return "yes" if tool in row.labels.tools else "no"


def _head(features: Floats, labels: Sequence[str], *, seed: int) -> OneHead | None:
    """One head over the labels that are frequent enough."""
    names, counts = np.unique(np.array(labels), return_counts=True)
    names = names[counts >= FEWEST_OF_A_LABEL]
    rows = np.isin(labels, names)
    if len(names) < 2 or rows.sum() < FEWEST:
        return None
    features, truth = features[rows], np.searchsorted(names, np.array(labels)[rows])
    scores = _cross_fitted(features, truth, len(names), seed=seed)
    heat = temperature(scores, truth)
    threshold, promise = abstention(softmax(scores / np.float32(heat)), truth, error=ERROR, delta=DELTA)
    if promise is None:
        return None
    weights, bias = _fit(features, truth, len(names))
    scale = np.float32(1 / heat)
    return OneHead(tuple(names.tolist()), weights * scale, bias * scale, threshold)


def _cross_fitted(features: Floats, truth: NDArray[np.intp], labels: int, *, seed: int) -> Floats:
    """Scores (n, k) of each row by a model of the other folds."""
    fold = np.random.default_rng([seed, *b"plan"]).permutation(len(truth)) % FOLDS
    scores = np.zeros((len(truth), labels), np.float32)
    for part in range(FOLDS):
        here = fold == part
        weights, bias = _fit(features[~here], truth[~here], labels)
        scores[here] = features[here] @ weights + bias
    return scores


def _fit(features: Floats, truth: NDArray[np.intp], labels: int) -> tuple[Floats, Floats]:
    """Weights (f, k) and bias (k,); of a label that no row has, a bias that never wins."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=1000).fit(features, truth)
    two = len(model.classes_) == 2
    found = np.concatenate([-model.coef_, model.coef_]) / 2 if two else model.coef_
    start = np.concatenate([-model.intercept_, model.intercept_]) / 2 if two else model.intercept_
    weights, bias = np.zeros((features.shape[1], labels), np.float32), np.full(labels, -30.0, np.float32)
    weights[:, model.classes_], bias[model.classes_] = found.T, start
    return weights, bias


def main(
    base: Annotated[Path, typer.Option(help="Bundle whose encoder and classifier read the set.")] = SHIPPED,
    out: Annotated[Path, typer.Option(help="Bundle folder that gets the heads and is sealed again.")] = SHIPPED,
) -> None:
    """Train the heads of the plan on the authored set, without its test part."""
    head = train(rows_of_parts(Bundle.load(base)))
    if head is None:
        raise OfflineDataError("The set holds too few labels for any head. Restore data/plan.")
    head.save(out)
    before = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    seal(
        out,
        name=before["name"],
        created_at=datetime.fromisoformat(before["created_at"]),
        encoder_sha256=before["encoder_sha256"],
        training=before["training"],
    )
    said = (f"{name}: {len(each.labels)} labels, from {each.threshold:.2f} on" for name, each in head.heads.items())
    Console().print("\n".join(said))


if __name__ == "__main__":
    typer.run(main)
