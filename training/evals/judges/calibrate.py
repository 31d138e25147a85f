"""``python -m training.evals.judges.calibrate``: the threshold of ``similar``, from ``pairs.jsonl``, and how often it
is wrong on the half of the pairs that it is not chosen on.

Each text has a paraphrase (``alike``), one on the same subject that says something else (``wrong``) and one on another
subject (``other``). The threshold is the one with the best balance of paraphrases kept and others left out, on the
first half.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router_ml.execution.retrieval.embedding import Embedding
from router_ml.storage.bundle import Bundle
from training.evals.judges.similar import FOLDER, Calibration, Embed

Floats = NDArray[np.float64]
_KINDS = ("wrong", "other")


def calibrate(path: Path, embed: Embed, *, encoder: str) -> Calibration:
    """The calibration of an encoder on a file of pairs."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    texts = sorted({row[side] for row in rows for side in ("one", "other")})
    vectors = dict(zip(texts, embed(texts), strict=True))
    seen: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        value = float(np.dot(vectors[row["one"]], vectors[row["other"]]))
        seen.setdefault((row["part"], row["kind"]), []).append(value)
    part = {key: np.array(values) for key, values in seen.items()}
    threshold = _best(part["tune", "alike"], part["tune", "other"])
    alike = part["held_out", "alike"]
    others = {kind: part["held_out", kind] for kind in _KINDS}
    return Calibration(
        threshold=round(threshold, 3),
        kept=round(float(np.mean(alike >= threshold)), 3),
        passed={kind: round(float(np.mean(values >= threshold)), 3) for kind, values in others.items()},
        auc={kind: round(area(alike, values), 3) for kind, values in others.items()},
        pairs={"alike": len(alike), **{kind: len(values) for kind, values in others.items()}},
        encoder=encoder,
    )


def area(above: Floats, below: Floats) -> float:
    """Area under the ROC curve: how often one of ``above`` (n,) is over one of ``below`` (m,), a tie half."""
    apart = np.asarray(above)[:, None] - np.asarray(below)[None, :]
    return float(np.mean((apart > 0) + 0.5 * (apart == 0)))


def _best(alike: Floats, other: Floats) -> float:
    """Half way between two likenesses, where kept minus passed (Youden's J) is largest; in the middle of a plateau."""
    values = np.unique(np.concatenate([alike, other]))
    cuts = (values[1:] + values[:-1]) / 2
    score = np.array([np.mean(alike >= cut) - np.mean(other >= cut) for cut in cuts])
    best = cuts[score >= score.max() - 1e-12]
    return float((best.min() + best.max()) / 2)


def main(model: Path = Path("models/default")) -> None:
    """Calibrate on the bundle that ships."""
    bundle = Bundle.load(model)
    embed = Embedding(bundle.encoder)
    found = calibrate(FOLDER / "pairs.jsonl", embed, encoder=bundle.encoder.sha256)
    said = found.model_dump_json(indent=2) + "\n"
    (FOLDER / "calibration.json").write_text(said, encoding="utf-8")
    sys.stdout.write(said)


if __name__ == "__main__":
    main()
