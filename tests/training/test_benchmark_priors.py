"""The benchmark of priors: what is planted is what is compared, and the design of each world is in its answers."""

from __future__ import annotations

import numpy as np
import pytest

from router_ml.storage.bundle import Bundle
from training.benchmark.priors import CELLS, METHODS, as_table, measure
from training.benchmark.priors_worlds import plant, worlds
from training.evals.priors.answers import Answer

WORLDS = {world.name: world for world in worlds((3, 3))}


def test_answers_pass_as_often_as_was_planted(bundle: Bundle) -> None:
    """Else the benchmark would measure itself."""
    lanes = dict(list(bundle.config.lanes.items())[:1])
    world = WORLDS["no difference between cells"]
    for seed in range(3):
        found = plant(world, lanes, intents=("a", "b", "c"), domains=("d", "e", "f"), rng=np.random.default_rng(seed))
        share, count = found.passed.sum() / found.counts.sum(), found.counts.sum()
        assert share == pytest.approx(found.quality[0, 0, 0], abs=4 * (0.25 / count) ** 0.5)
        assert len(found.answers) == count


def test_groups_versions_and_judges_are_in_the_answers(bundle: Bundle) -> None:
    """A world says what its name says."""
    lanes = dict(list(bundle.config.lanes.items())[:1])

    def answers(name: str) -> list[Answer]:
        rng = np.random.default_rng(1)
        return list(plant(WORLDS[name], lanes, intents=("a", "b"), domains=("c", "d"), rng=rng).answers)

    groups = answers("groups of paraphrases")
    assert len({(one.cluster, one.intent, one.domain) for one in groups}) < len(groups)
    assert {one.version for one in answers("half of another version")} == {"1", "another"}
    judged = answers("noisy judge, reliability known")
    assert all(one.checks == ("judge",) for one in judged)


def test_shrinkage_is_nearer_to_what_is_planted_than_counts_alone(bundle: Bundle) -> None:
    """With few answers per cell; and the table is drawn."""
    world = next(one for one in worlds((CELLS, CELLS)) if one.name == "few answers")
    rows = {row.method: row for row in measure(world, bundle.config, draws=2, seed=0)}
    assert tuple(rows) == METHODS
    assert rows["ours"].rmse < rows["counts"].rmse < rows["alone"].rmse
    assert rows["ours"].held > 0.85
    assert as_table(list(rows.values())).row_count == len(METHODS)
