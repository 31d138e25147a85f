"""Packs and logs as judged requests: a log's stand-ins are right on average, whatever its estimates said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router_ml.config import RouterConfig
from router_ml.errors import EncoderMismatchError, InvalidRequestError, OfflineDataError
from router_ml.offline.judging.judged import Judged, columns_of, from_log, from_pack
from router_ml.offline.judging.packs import Pack, read_pack
from router_ml.offline.savings import savings
from router_ml.storage.bundle import Bundle
from router_ml.storage.database.records import LoggedData

LANES = ("balanced", "fast", "private")
TRUTH = np.array([0.8, 0.9, 0.6])
COST = np.array([0.002, 0.004, 0.0005])


def _log(n: int, *, seed: int, **changes: Any) -> LoggedData:
    """Decisions drawn 80/15/5 between three lanes of known quality and cost; half are rated; estimates are wrong."""
    random = np.random.default_rng(seed)
    chance = np.tile([0.8, 0.15, 0.05], (n, 1))
    action = random.choice(3, n, p=chance[0])
    rated = random.random(n) < 0.5
    fields: dict[str, Any] = {
        "lanes": LANES,
        "encoder": None,
        "decision_ids": np.arange(n).astype(np.str_),
        "created_at": np.zeros(n, "datetime64[us]"),
        "traffic_class": np.full(n, "default"),
        "floor": np.full(n, 0.5),
        "language": np.full(n, "en"),
        "org": np.full(n, ""),
        "model": np.full(n, "m"),
        "lane_version": np.full(n, "1"),
        "prices": np.full(n, ""),
        "intent": np.where(np.arange(n) % 2, "qa", "coding"),
        "domain": np.full(n, "general"),
        "action": action,
        "executed": action,
        "randomised": np.ones(n, bool),
        "propensities": chance,
        "eligible": np.ones((n, 3), bool),
        "estimated_quality": np.tile([0.5, 0.99, 0.7], (n, 1)),
        "estimated_cost_usd": np.full((n, 3), 0.001),
        "quality": np.where(rated, (random.random(n) < TRUTH[action]).astype(float), np.nan),
        "rated_probability": np.full(n, 0.5),
        "cost_usd": COST[action],
        "latency_ms": np.full(n, np.nan),
        "embeddings": np.zeros((n, 0), np.float32),
        "features": np.zeros((n, 0), np.float32),
    }
    return LoggedData(**{**fields, **changes})


@pytest.fixture(scope="session")
def config(bundle: Bundle) -> RouterConfig:
    return bundle.config


def test_the_mean_of_the_stand_ins_is_the_truth(config: RouterConfig) -> None:
    """Though the estimates are wrong for every lane, and half of the ratings are missing."""
    found = np.array(
        [
            [judged.always(judged.quality).mean(axis=0), judged.always(judged.cost_usd).mean(axis=0)]
            for judged in (from_log(_log(2000, seed=seed), config) for seed in range(60))
        ]
    )
    centre, error = found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(60)
    assert (np.abs(centre[0] - TRUTH) < 4 * error[0]).all()
    assert (np.abs(centre[1] - COST) < 4 * error[1] + 1e-9).all()
    assert error[0].max() < 0.01


def test_savings_from_a_log_cover_the_truth(config: RouterConfig) -> None:
    """What the logging policy saved against always fast is known here: 1 - .002225 / .004, for .085 less quality."""
    saved, quality = 1 - float(COST @ [0.8, 0.15, 0.05]) / 0.004, float(TRUTH @ [0.8, 0.15, 0.05]) - 0.9
    hits = []
    for seed in range(100):
        found = savings(from_log(_log(1500, seed=seed), config), baseline="fast")
        hits.append([abs(found.cheaper - saved) <= found.cheaper_half, found.low <= quality])
    assert (np.mean(hits, axis=0) > 0.9).all()


def test_the_baseline_of_a_log_is_a_lane_that_it_knows_enough_about(config: RouterConfig) -> None:
    assert savings(from_log(_log(3000, seed=1), config)).baseline == "fast"
    with pytest.raises(OfflineDataError, match="none can be called the best"):
        savings(from_log(_log(60, seed=1), config))


def test_a_decision_without_a_draw_speaks_for_its_lane_alone(config: RouterConfig) -> None:
    log = _log(400, seed=2)
    certain = np.eye(3)[log.action]
    judged = from_log(replace(log, propensities=certain), config)
    assert (np.isfinite(judged.quality).sum(axis=1) == 1).all()
    found = savings(judged, baseline="fast")
    assert found.left_out == {"fast was eligible but could not be drawn": int((log.action != 1).sum())}


def test_what_cannot_be_used_is_counted(config: RouterConfig) -> None:
    log = _log(100, seed=3)
    action, classes = log.action.copy(), log.traffic_class.copy().astype("<U20")
    action[:5], classes[5:8] = -1, "retired"
    judged = from_log(replace(log, action=action, traffic_class=classes), config)
    assert (len(judged), judged.left_out) == (92, {"no lane": 5, "traffic class not configured": 3})
    assert "premium" in judged.without


def test_missing_bills_are_said(config: RouterConfig) -> None:
    log = _log(100, seed=4)
    judged = from_log(replace(log, cost_usd=np.where(np.arange(100) < 50, log.cost_usd, np.nan)), config)
    assert judged.cost_usd == pytest.approx(0.001)
    assert "predicted" in judged.notes[0]


def test_a_log_without_ratings_is_refused(config: RouterConfig) -> None:
    with pytest.raises(OfflineDataError, match="is rated"):
        from_log(_log(10, seed=0, quality=np.full(10, np.nan)), config)


@pytest.fixture(scope="session")
def pack(root: Path) -> Pack:
    return read_pack(root / "data" / "outcomes" / "judged")


def _uniform(pack: Pack, config: RouterConfig) -> np.ndarray[Any, np.dtype[np.float64]]:
    known = np.isin(list(config.lanes), list(columns_of(pack, config)))
    return np.tile(known / known.sum(), (len(pack.group), 1))


def test_a_pack_is_judged_by_what_its_lanes_did(pack: Pack, bundle: Bundle) -> None:
    spec = bundle.classifier.spec
    labels = (tuple(spec.intent.labels), tuple(spec.domain.labels))
    hole = replace(pack, quality=np.where(np.arange(len(pack.group))[:, None] == 3, np.nan, pack.quality))
    judged: Judged = from_pack(
        hole, _uniform(pack, bundle.config), bundle.config, labels=labels, traffic_class="default"
    )
    assert judged.left_out == {"not run on every lane": 1}
    assert len(judged) == len(pack.group) - 1
    assert judged.ours(judged.quality) == pytest.approx(judged.quality.mean(axis=1))
    assert set(judged.without) == {"code", "extraction", "openai", "anthropic"}
    with pytest.raises(InvalidRequestError, match="Known lanes"):
        judged.column("code")


def test_packs_that_do_not_fit_are_refused(pack: Pack, bundle: Bundle, root: Path) -> None:
    with pytest.raises(OfflineDataError, match="Name the columns"):
        columns_of(replace(pack, lanes=("x", "y", "z", "w")), bundle.config)
    with pytest.raises(OfflineDataError, match="probabilities of 10 intents, the bundle knows 1"):
        from_pack(
            pack,
            _uniform(pack, bundle.config),
            bundle.config,
            labels=(("qa",), ("general",)),
            traffic_class="default",
        )
    with pytest.raises(OfflineDataError, match=r"no outcome pack .*nowhere\.json"):
        read_pack(root / "nowhere")
    with pytest.raises(EncoderMismatchError, match="Build the pack again"):
        read_pack(root / "data" / "outcomes" / "judged", encoder="0" * 64)


def test_either_file_of_a_pack_names_it(pack: Pack, root: Path) -> None:
    stem = root / "data" / "outcomes" / "judged"
    assert read_pack(stem.with_suffix(".safetensors")).digest == pack.digest


Make = Callable[..., Judged]


def test_selecting_rows_keeps_them_together(make_judged: Make) -> None:
    judged = make_judged(10)
    part = judged.select(judged.cell == "qa/general")
    assert len(part) == len(part.group) == 5
    assert (part.quality == judged.quality[::2]).all()
