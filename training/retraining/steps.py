"""The steps of a retraining after its outcomes have been gathered; the costly ones are kept in the work folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from router_ml.allocation.estimate import Allocation
from router_ml.config import RouterConfig
from router_ml.planning.head import FILES as PLAN_FILES
from router_ml.storage.bundle import Manifest, load_allocation, save_allocation
from router_ml.storage.promises import Promises, load_promises, save_promises
from training.allocation import Outcomes
from training.logged.certificates import MOST, certify_log
from training.logged.held_out import LaneError, lane_errors
from training.predicting.certification import FOLDS, certify_all, cross_fit
from training.predicting.fitting import MIN_OUTCOMES, Learning, learn_all
from training.predicting.fitting import learn as fit
from training.predicting.identical import same_request
from training.retraining.gathering import Gathered
from training.retraining.stages import Stages
from training.retraining.writing import CLASSIFIER, KEPT, write_bundle


def fitted(stages: Stages, found: Gathered) -> Learning:
    """Quality, cost and bandit, and what was believed of each row before it was seen."""

    def make(folder: Path) -> None:
        unplaced = found.reading.unplaced if found.reading else None
        learning = learn_all(found.parts, found.config, seed=found.seed, unplaced=unplaced)
        save_allocation(folder, learning.allocation)
        columns = np.array(learning.columns, np.int64)
        save_file({"held_out": learning.held_out, "columns": columns}, folder / "held_out.safetensors")

    folder = stages.run("fit", {"gathered": found.digest}, make)
    arrays = load_file(folder / "held_out.safetensors")
    allocation = replace(load_allocation(folder), priors=found.priors)
    return Learning(allocation, arrays["held_out"], tuple(arrays["columns"].tolist()))


def certified(stages: Stages, found: Gathered) -> tuple[Promises, dict[str, str]]:
    """Certificates by traffic class, and why others have none from the log."""

    def make(folder: Path) -> None:
        promises, refused = _certify(found)
        save_promises(promises, folder)
        (folder / "refused.json").write_text(json.dumps(refused), encoding="utf-8")

    folder = stages.run("promises", {"gathered": found.digest}, make)
    return load_promises(folder), json.loads((folder / "refused.json").read_text(encoding="utf-8"))


def _certify(found: Gathered) -> tuple[Promises, dict[str, str]]:
    pack, config, seed = found.pack, found.config, found.seed

    def learn(parts: Sequence[Outcomes], config: RouterConfig, *, seed: int) -> Allocation:
        return replace(fit(parts, config, seed=seed), priors=found.priors)

    if pack is not None and found.evaluated is not None:
        if len(np.unique(pack.group)) < FOLDS * MIN_OUTCOMES:
            return Promises(), {}
        others = [] if found.logged is None else [_apart(found.logged, found.evaluated)]
        believed = cross_fit(found.evaluated, *others, group=pack.group, config=config, learn=learn, seed=seed)
        spec = found.classifier.spec
        return certify_all(believed, found.evaluated, pack.group, config, spec, seed=seed), {}
    if found.logged is None or found.reading is None or found.reading.data is None:
        return Promises(), {}
    data, uniform = found.reading.data, found.reading.uniform
    logged = certify_log(data, found.logged, config, learn=learn, uniform=uniform, seed=seed, sound=found.sound)
    return logged.promises, logged.refused


def _apart(logged: Outcomes, evaluated: Outcomes) -> Outcomes:
    """Logged outcomes that may teach every fold: of no request that was evaluated. Each fold learns anew: more of them
    would make beliefs a little better and take minutes."""
    some = logged.take(np.arange(min(MOST, len(logged.contexts))))
    same = same_request(np.concatenate([evaluated.contexts.embedding, some.contexts.embedding]))
    return some.take(same[len(evaluated.contexts) :] >= len(evaluated.contexts))


def compared(found: Gathered, learning: Learning) -> tuple[LaneError, ...]:
    """Errors by lane on ratings that the challenger had not seen."""
    outcomes = found.logged if found.logged is not None else found.evaluated
    if outcomes is None:
        return ()
    # what was evaluated the base has learned from: to compare on it would flatter the base
    base = load_allocation(found.base) if found.logged is not None else None
    return lane_errors(outcomes, learning, found.config, base=base)


def written(found: Gathered, learning: Learning, promises: Promises, *, out: Path, now: datetime) -> Manifest:
    """The sealed bundle in ``out``."""
    training = {
        "outcomes_from_pack": found.from_pack,
        "outcomes_from_log": found.from_log,
        "left_out": found.reading.counts.left_out if found.reading else {},
        "lanes": list(learning.allocation.quality.lanes),
        **found.lineage,
    }
    kept: tuple[str, ...] = KEPT
    if any(each.taken for each in found.corrections.values()):
        found.classifier.save(out)
        kept = tuple(name for name in KEPT if name not in CLASSIFIER)
    if found.plan is not None:
        out.mkdir(parents=True, exist_ok=True)
        found.plan.save(out)
        kept = tuple(name for name in kept if name not in PLAN_FILES)
    return write_bundle(
        found.base,
        out,
        learning.allocation,
        settings=found.settings,
        training=training,
        now=now,
        promises=promises,
        kept=kept,
    )
