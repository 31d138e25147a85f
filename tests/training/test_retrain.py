"""Retraining: from a pack, from a log, from both; and what it says when there is nothing to learn."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="retraining needs the 'offline' extra")

from router_ml import Outcome, Router, RouteRequest
from router_ml.allocation.estimate import Allocation, estimate
from router_ml.allocation.priors import OTHER_VERSION, CellPriors
from router_ml.config import RouterConfig
from router_ml.contract import Constraints
from router_ml.errors import EncoderMismatchError, OfflineDataError, RouterError
from router_ml.state.arms import Arms
from router_ml.state.learning import versions_learned
from router_ml.storage.bundle import ALLOCATION_FILES, Bundle
from router_ml.storage.eventlog import EventLog
from router_ml.storage.loading import shipped_bundle
from router_ml.storage.priors import as_json, digest
from training.logged.batches import Window
from training.logged.outcomes import from_log
from training.outcomes import Pack, load_pack
from training.predicting.fitting import Unplaced, learn
from training.predicting.pack_outcomes import from_pack
from training.retrain import main, register, retrain
from training.retraining.gathering import gather

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEXTS = [f"Question {i}: which of these {thing} is the heaviest?" for i in range(6) for thing in ("birds", "metals")]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(shipped_bundle())


@pytest.fixture(scope="module")
def pack() -> Pack:
    whole = load_pack()
    return whole.take(np.arange(300))


@pytest.fixture(scope="module")
def plain(bundle: Bundle, pack: Pack) -> Allocation:
    """What is learned from the pack alone."""
    return learn([from_pack(pack, bundle.config)[0]], bundle.config)


@pytest.mark.slow
def test_retraining_is_byte_identical(pack: Pack, tmp_path: Path) -> None:
    """The same outcomes give the same bundle, so that a digest says what was learned from what."""
    one, two = (
        retrain(base=shipped_bundle(), out=tmp_path / name, pack=pack, log=None, now=NOW)[0] for name in ("a", "b")
    )
    assert one == two
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in ALLOCATION_FILES)


@pytest.mark.slow
def test_priors_are_sealed_into_what_is_retrained_and_kept_by_what_follows(
    bundle: Bundle, pack: Pack, tmp_path: Path
) -> None:
    """Evaluations go on counting beside outcomes: a challenger is certified with them, and the next one keeps them."""
    lane, labels = bundle.config.lanes["code"], bundle.taxonomy
    shape = len(labels["intents"]), len(labels["domains"]), 1
    tables = {"quality": 0.9, "strength": 30.0, "counted": 12.0, "low": 0.8, "high": 0.95}
    priors = CellPriors(
        ("code",),
        labels["intents"],
        labels["domains"],
        level=0.95,
        arms={"code": (lane.model, lane.version)},
        **{name: np.full(shape, value) for name, value in tables.items()},
    )
    path = tmp_path / "priors.json"
    path.write_text(as_json(priors))
    one, _ = retrain(base=shipped_bundle(), out=tmp_path / "one", pack=pack, log=None, now=NOW, priors=path)
    assert one.training["priors_sha256"] == digest(priors)
    two, _ = retrain(base=tmp_path / "one", out=tmp_path / "two", pack=pack, log=None, now=NOW)
    assert two.training["priors_sha256"] == digest(priors)
    new = Bundle.load(tmp_path / "two")
    assert Router(new.config, bundle=new).predict_route(TEXTS[0]).estimates["code"].evidence == pytest.approx(12)


def test_a_log_alone_teaches_and_private_requests_are_counted(bundle: Bundle, tmp_path: Path) -> None:
    """Rated decisions become a challenger; unrated ones and those without embedding are left out and counted."""
    with EventLog(tmp_path / "log.sqlite") as log:
        router = Router(bundle.config, bundle=bundle, log=log)
        lanes = ("private", "balanced")
        allow = Constraints(allow_lanes=lanes, explore=False)
        for index in range(60):
            only = Constraints(allow_lanes=(lanes[index % 2],))
            decision = router.predict_route(RouteRequest(text=TEXTS[index % len(TEXTS)], constraints=only))
            quality = None if index % 6 == 5 else float(index % 2)
            log.log_outcome(Outcome(decision_id=decision.decision_id, quality=quality, cost_usd=1e-4, at=NOW))
        private = router.predict_route(RouteRequest(text="mail nora.winter@posteo-mail.net", constraints=allow))
        log.log_outcome(Outcome(decision_id=private.decision_id, quality=1.0, at=NOW))
        manifest, learned = retrain(base=shipped_bundle(), out=tmp_path / "new", pack=None, log=log, now=NOW)
    assert (learned.from_pack, learned.from_log) == (0, 50)
    assert learned.left_out == {
        "not rated": 10,
        "no embedding kept": 1,
        "lane not configured": 0,
        "rated after the attribution window": 0,
    }
    assert manifest.training["lanes"] == ["private", "balanced"]
    new = Bundle.load(tmp_path / "new")
    seen = Router(new.config, bundle=new).predict_route(TEXTS[0]).estimates
    assert seen["balanced"].quality > seen["private"].quality, "balanced was always right in this log"
    assert seen["premium"].evidence == 0


def test_what_an_old_version_or_model_did_counts_for_less(bundle: Bundle, tmp_path: Path) -> None:
    """An upgraded lane is not judged by what it was; it is not thrown away either."""
    config = bundle.config
    with EventLog(tmp_path / "log.sqlite") as log:
        router = Router(config, bundle=bundle, log=log)
        for index in range(6):
            only = Constraints(allow_lanes=("private", "balanced")[index % 2 :][:1])
            decision = router.predict_route(RouteRequest(text=TEXTS[index], constraints=only))
            log.log_outcome(Outcome(decision_id=decision.decision_id, quality=1.0, at=NOW))
        logged = log.logged()
    lanes = list(config.lanes)
    for change in ({"version": "2"}, {"model": "another/model"}):
        newer = {**config.lanes, "private": config.lanes["private"].model_copy(update=change)}
        outcomes, left_out = from_log(logged, config.model_copy(update={"lanes": newer}), bundle.classifier)
        seen = np.isfinite(outcomes.quality)
        assert sum(left_out.values()) == 0
        assert (outcomes.weights[:, lanes.index("private")][seen[:, lanes.index("private")]] == OTHER_VERSION).all()
        assert (outcomes.weights[:, lanes.index("balanced")][seen[:, lanes.index("balanced")]] == 1).all()
        assert outcomes.weights[seen].sum() == pytest.approx(3 * OTHER_VERSION + 3)


def test_the_log_knows_the_version_that_answered(bundle: Bundle, tmp_path: Path) -> None:
    """Of a decision made under version 2, and of the lane that answered in place of the planned one."""
    lanes = {**bundle.config.lanes, "private": bundle.config.lanes["private"].model_copy(update={"version": "2"})}
    with EventLog(tmp_path / "log.sqlite") as log:
        router = Router(bundle.config.model_copy(update={"lanes": lanes}), bundle=bundle, log=log)
        for executed in (None, "balanced"):
            request = RouteRequest(text=TEXTS[0], constraints=Constraints(allow_lanes=("private",)))
            decision = router.predict_route(request)
            assert decision.versions.lanes == {"private": "2"}
            log.log_outcome(Outcome(decision_id=decision.decision_id, executed_lane=executed, quality=1.0, at=NOW))
        assert log.logged().lane_version.tolist() == ["2", "1"]


def test_log_and_pack_add_up(bundle: Bundle, pack: Pack, plain: Allocation) -> None:
    """Evidence counts the outcomes of both sources."""
    outcomes, lanes = from_pack(pack, bundle.config)
    twice = learn([outcomes, outcomes], bundle.config)
    assert sorted(lanes) == sorted(plain.quality.lanes)
    assert np.allclose(twice.quality.counts, 2 * plain.quality.counts, rtol=1e-4)


def test_too_little_is_said(bundle: Bundle, pack: Pack, tmp_path: Path) -> None:
    """With hardly any outcome there is an error that says how many are needed, not a model of noise."""
    with pytest.raises(OfflineDataError, match="20 rated outcomes"):
        learn([from_pack(pack.take(np.arange(9)), bundle.config)[0]], bundle.config)
    with EventLog(tmp_path / "log.sqlite") as log:
        outcomes, _ = from_log(log.logged(), bundle.config, bundle.classifier)
        assert len(outcomes.contexts) == 0
        with pytest.raises(OfflineDataError):
            retrain(base=shipped_bundle(), out=tmp_path / "new", pack=None, log=log)


def test_a_pack_of_another_encoder_is_refused(pack: Pack, tmp_path: Path) -> None:
    """Embeddings of different encoders must never be mixed."""
    with pytest.raises(EncoderMismatchError):
        retrain(base=shipped_bundle(), out=tmp_path, pack=replace(pack, encoder="0" * 64), log=None)
    with pytest.raises(EncoderMismatchError):
        load_pack(encoder="0" * 64)


@pytest.mark.slow
def test_the_shipped_bundle_is_what_retraining_makes(tmp_path: Path) -> None:
    """What ships can be made again from what is in the repository."""
    shipped = Bundle.load(shipped_bundle())
    manifest, _ = retrain(base=shipped_bundle(), out=tmp_path, pack=load_pack(), log=None)
    assert manifest.training["pack_sha256"] == shipped.manifest.training["pack_sha256"]
    contexts = load_pack().contexts.take(slice(0, 50))
    again = Bundle.load(tmp_path).allocation.quality.predict(contexts)
    assert np.allclose(again, shipped.allocation.quality.predict(contexts), atol=0.02)


def test_own_lanes_are_sealed_into_the_new_bundle(pack: Pack, tmp_path: Path) -> None:
    """A user's router.yaml goes into the bundle with its contracts of tools, and its lanes learn from the columns it
    names."""
    text = (
        (shipped_bundle() / "router.yaml").read_text().replace("  fast:\n", "  quick:\n").replace("private, fast", "")
    )
    text = text.replace("\ntools:\n", "\ntools:\n  weigh: {contract: tools/scale.yaml}\n")
    (tmp_path / "mine.yaml").write_text(text)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/scale.yaml").write_text("{contract: scale, version: '1.0.0', tools: {weigh: {effect: read}}}")
    manifest, learned = retrain(
        base=shipped_bundle(), out=tmp_path / "new", pack=pack, log=None, settings=tmp_path / "mine.yaml", now=NOW
    )
    assert "quick" in learned.allocation.quality.lanes
    assert "quick" in Bundle.load(tmp_path / "new").config.lanes
    assert Bundle.load(tmp_path / "new").config.tools["weigh"].effect == "read"
    assert manifest.training["lanes"] == list(learned.allocation.quality.lanes)


def with_lane(config: RouterConfig, name: str, **changes: Any) -> RouterConfig:
    """The configuration with one lane changed."""
    lanes = {**config.lanes, name: config.lanes[name].model_copy(update=changes)}
    return config.model_copy(update={"lanes": lanes})


def test_a_price_cut_stays_one_after_retraining(bundle: Bundle, pack: Pack, plain: Allocation) -> None:
    """What the pack cost at the old price says how many tokens were written, whatever they cost today."""
    old = bundle.config.lanes["balanced"].price
    halves = {"input_per_mtok": old.input_per_mtok / 2, "output_per_mtok": old.output_per_mtok / 2}
    cheaper = with_lane(bundle.config, "balanced", price=old.model_copy(update=halves))
    anew, costs = learn([from_pack(pack, cheaper)[0]], cheaper), {}
    for name, learned, config in (("old", plain, bundle.config), ("new", anew, cheaper)):
        found = estimate(learned, config.lanes, pack.contexts).cost_usd
        costs[name] = found[:, list(config.lanes).index("balanced")].mean()
    assert costs["new"] == pytest.approx(costs["old"] / 2, rel=1e-3)


def test_a_new_version_is_not_known_until_it_has_answered(bundle: Bundle, pack: Pack, plain: Allocation) -> None:
    """A pack of the old model is no evidence for the new one: it counts for less, and probes are still owed."""
    upgraded = with_lane(bundle.config, "premium", version="2")
    learned = {"1": plain, "2": learn([from_pack(pack, upgraded)[0]], upgraded)}
    assert learned["1"].bandit.versions["premium"] == "1"
    assert learned["2"].bandit.versions["premium"] == "before 2"
    lane = learned["1"].quality.lanes.index("premium")
    counts = [learned[version].quality.counts[:, :, lane].sum() for version in ("2", "1")]
    assert counts[0] == pytest.approx(OTHER_VERSION * counts[1], rel=1e-3)
    assert Arms(upgraded.lanes, learned=versions_learned(learned["2"])).probes(["premium"]) != {}


def test_a_few_logged_outcomes_reach_the_model_of_a_full_evaluation(
    bundle: Bundle, pack: Pack, plain: Allocation
) -> None:
    """Ten bad answers of one lane, beside prompts that were run on every lane, count as evidence and are believed."""
    outcomes, _ = from_pack(pack, bundle.config)
    few = outcomes.take(np.arange(10))
    lane = list(bundle.config.lanes).index("premium")
    alone = np.full_like(few.quality, np.nan)
    alone[:, lane] = 0.0
    before = plain.quality
    both = learn([outcomes, replace(few, quality=alone)], bundle.config).quality
    column = before.lanes.index("premium")
    more = (both.counts - before.counts).sum(axis=(0, 1))
    np.testing.assert_allclose(more, 10 * (np.arange(len(before.lanes)) == column), atol=1e-3)
    assert (both.predict(few.contexts)[:, column] < before.predict(few.contexts)[:, column]).all()


@pytest.fixture(scope="module")
def traffic(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 120 decisions of two organisations; every third is not rated, and costs three times as much."""
    path = tmp_path_factory.mktemp("traffic") / "log.sqlite"
    with EventLog(path) as log:
        router = Router(bundle.config, bundle=bundle, log=log)
        for index in range(120):
            request = RouteRequest(
                text=f"{TEXTS[index % len(TEXTS)]} ({index})",
                metadata={"org": "acme" if index % 2 else "globex"},
                constraints=Constraints(allow_lanes=(("private", "balanced")[index // 2 % 2],)),
            )
            decision = router.predict_route(request)
            unrated = index % 3 == 0
            log.log_outcome(
                Outcome(
                    decision_id=decision.decision_id,
                    quality=None if unrated else float(index % 5 > 0),
                    cost_usd=3e-4 if unrated else 1e-4,
                    at=decision.created_at,
                )
            )
    return path


def test_a_dry_run_says_what_would_be_learned_and_writes_nothing(
    traffic: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(out=tmp_path / "new", log=str(traffic), no_pack=True, dry_run=True)
    said = " ".join(capsys.readouterr().out.split())
    for part in ("0 evaluated prompts and 80 logged", "What cannot be concluded", "premium (0)", "not rated: 40"):
        assert part in said
    assert list(tmp_path.iterdir()) == []


def test_a_run_goes_on_where_it_was_and_gives_the_same_bytes(traffic: Path, tmp_path: Path) -> None:
    """Killed after the fit, it finds the fit; and the bundle is that of a run that was never killed."""
    work, made = tmp_path / "work", []
    with EventLog(traffic) as log, pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.retrain.certified", lambda *_: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            retrain(base=shipped_bundle(), out=tmp_path / "a", pack=None, log=log, work=work, now=NOW)
    with EventLog(traffic) as log:
        for name, folder in (("a", work), ("b", None)):
            made.append(retrain(base=shipped_bundle(), out=tmp_path / name, pack=None, log=log, work=folder, now=NOW))
    (first, resumed), (second, fresh) = made
    assert first == second
    assert resumed.reused == ("fit",)
    assert fresh.reused == ()
    assert resumed.report is not None
    page = resumed.report.read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert "http" not in page, "one file that needs no other"
    assert first.training["parent"] == Bundle.load(shipped_bundle()).manifest.id
    assert first.training["log_sha256"] is not None


def test_another_sample_is_another_fit(traffic: Path) -> None:
    """What a larger sample was fitted to must not be found done for a smaller one, nor the other way round."""
    with EventLog(traffic) as log:
        whole, again, some = (
            gather(shipped_bundle(), pack=None, log=log, most=most).digest for most in (1000, 1000, 0)
        )
    assert whole == again != some


def test_rows_that_fill_up_do_not_hide_another_sample(traffic: Path) -> None:
    """A larger sample may hold as many rows: those of rare lanes were there before."""
    with EventLog(traffic) as log:
        found = gather(shipped_bundle(), pack=None, log=log, most=1)
    other = replace(found, most=2)
    assert other.lineage == found.lineage
    assert other.digest != found.digest


def test_a_log_that_is_not_there_is_refused_in_one_line(tmp_path: Path) -> None:
    """A mistyped path makes no log, and no challenger out of the pack alone."""
    command = [sys.executable, "-m", "training.retrain", "--log", str(tmp_path / "typo.sqlite"), "--dry-run"]
    seen = subprocess.run(
        [*command, "--out", str(tmp_path / "new")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert seen.returncode == 2
    assert seen.stderr.count("\n") == 1
    assert "There is no event log" in seen.stderr
    with pytest.raises(RouterError, match="There is no event log"):
        main(out=tmp_path / "new", log=str(tmp_path / "typo.sqlite"), no_pack=True, register_it=True)
    assert list(tmp_path.iterdir()) == []


def test_a_log_without_a_decision_of_the_window_is_refused(traffic: Path, pack: Pack) -> None:
    """Whoever names a log does not want a challenger of the pack alone."""
    with EventLog(traffic) as log, pytest.raises(OfflineDataError, match="no decision of nobody"):
        gather(shipped_bundle(), pack=pack, log=log, window=Window(org="nobody"))


def test_an_organisation_and_a_time_can_be_learned_from_alone(traffic: Path) -> None:
    with EventLog(traffic) as log:
        times = sorted(decision.created_at for decision in log.decisions())
        for window, count in (
            (Window(), 120),
            (Window(org="acme"), 60),
            (Window(since=times[30]), 90),
            (Window(since=times[30], until=times[40]), 10),
        ):
            found = gather(shipped_bundle(), pack=None, log=log, window=window).reading
            assert found is not None
            assert found.counts.decisions == count


def test_what_was_compacted_is_learned_from_as_before(traffic: Path, tmp_path: Path) -> None:
    """Half of the log moves to Parquet: the same decisions are read, so the same digest is learned from."""
    pytest.importorskip("pyarrow", reason="an archive needs the 'train' extra")
    from router_ml.storage.archives.archive import compact

    path, archive = tmp_path / "log.sqlite", str(tmp_path / "archive")
    shutil.copyfile(traffic, path)
    with EventLog(path) as log:
        whole = gather(shipped_bundle(), pack=None, log=log).reading
        half = sorted(decision.created_at for decision in log.decisions())[60]
        later = half + timedelta(days=400)
        assert compact(log, before=half, to=archive, now=later, who="ops", why="old").decisions == 60
        both = gather(shipped_bundle(), pack=None, log=log, archive=archive).reading
    assert whole is not None
    assert both is not None
    assert both.counts == whole.counts
    assert both.digest == whole.digest


def test_costs_of_unrated_answers_teach_what_an_answer_costs(bundle: Bundle, traffic: Path) -> None:
    """A third of the costs, and the highest, are of answers that nobody rated."""
    with EventLog(traffic) as log:
        outcomes, _ = from_log(log.logged(), bundle.config, bundle.classifier)
    rated = outcomes.take(np.isfinite(outcomes.quality).any(axis=1))
    whole, some = (learn([part], bundle.config).cost for part in (outcomes, rated))
    tokens = [model.tokens_out(outcomes.contexts).mean() for model in (whole, some)]
    assert tokens[0] > 1.3 * tokens[1]


def test_private_ratings_move_their_cell_and_count_as_evidence(bundle: Bundle, pack: Pack, plain: Allocation) -> None:
    """Forty bad answers in one cell lower what is expected there, and nowhere else."""
    outcomes, _ = from_pack(pack, bundle.config)
    shape = (len(bundle.classifier.spec.intent.labels), len(bundle.classifier.spec.domain.labels))
    many = np.zeros((*shape, len(bundle.config.lanes)))
    lane = list(bundle.config.lanes).index("private")
    many[0, 0, lane] = 40.0
    before = plain.quality
    model = learn([outcomes], bundle.config, unplaced=Unplaced(many, many, np.zeros_like(many))).quality
    column = before.lanes.index("private")
    assert model.counts[0, 0, column] == pytest.approx(before.counts[0, 0, column] + 40)
    assert model.cells[0, 0, column] < before.cells[0, 0, column] - 0.1
    model.cells[0, 0, column] = before.cells[0, 0, column]
    np.testing.assert_allclose(model.cells, before.cells, atol=1e-6)


def test_what_should_be_labelled_is_written_to_a_file(traffic: Path, tmp_path: Path) -> None:
    main(log=str(traffic), no_pack=True, annotate=(20, tmp_path / "list.csv"))
    assert 15 <= len((tmp_path / "list.csv").read_text().splitlines()) - 1 <= 25


@pytest.mark.slow
def test_a_challenger_is_registered_with_its_lineage(traffic: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="registering needs the 'registry' extra")
    from router_ml.storage.registry import get_alias

    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    with EventLog(traffic) as log:
        manifest, learned = retrain(
            base=shipped_bundle(), out=tmp_path / "new", pack=None, log=log, work=tmp_path / "work"
        )
    version = register(tmp_path / "new", manifest, learned, tracking_uri=store)
    assert get_alias("router", "challenger", tracking_uri=store) == version.version
    assert version.bundle == manifest.id
    with EventLog(traffic) as log:
        again = register(tmp_path / "new", manifest, learned, tracking_uri=store, log=log)
        (event,) = [found for found in log.audit_events() if found.kind == "registered"]
    assert (event.who, event.detail["version"], event.detail["bundle"]) == (
        "training.retrain",
        again.version,
        manifest.id,
    )
    assert get_alias("router", "challenger", tracking_uri=store) == again.version
