"""Requests read and scored in batches come out as the router decides them; a log that was exported is judged alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router_ml import Router, RouteRequest
from router_ml.contract import Outcome
from router_ml.errors import EncoderMismatchError, OfflineDataError
from router_ml.offline import engine, ope
from router_ml.offline.engine.export import export
from router_ml.offline.gating.champion import trial_of
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog
from router_ml.understanding.surface import NAMES
from tests.offline.engine.test_estimating import same

TEXTS = [f"What is {number} times 12?" for number in range(12)]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Path:
    """Requests of two organisations, read."""
    import pyarrow as arrow
    from pyarrow import parquet

    folder = tmp_path_factory.mktemp("read")
    for org in ("a", "b"):
        (folder / "in" / f"org={org}").mkdir(parents=True)
        requests = [RouteRequest(text=text).model_dump_json() for text in TEXTS]
        parquet.write_table(
            arrow.table({"request": requests, "id": range(12)}), folder / "in" / f"org={org}" / "part.parquet"
        )
    engine.embed(folder / "in", folder / "out", model=str(models), rows=5)
    return folder / "out"


def rows(folder: Path) -> Any:
    from pyarrow import parquet

    return parquet.read_table(folder)


def test_embeddings_are_those_of_the_log(read: Path, bundle: Bundle, tmp_path: Path) -> None:
    with EventLog(tmp_path / "log.sqlite") as log:
        Router(bundle.config, bundle=bundle, log=log).predict_routes([RouteRequest(text=text) for text in TEXTS])
        logged = log.logged()
    table = rows(read)
    assert np.array_equal(np.stack(table["embedding"].to_numpy()[:12]), logged.embeddings)
    assert np.array_equal(np.stack(table["features"].to_numpy()[:12]), logged.features)
    assert table["intent"].to_pylist()[:12] == logged.intent.tolist()


def test_texts_do_not_go_on(read: Path) -> None:
    assert rows(read).column_names == ["id", "embedding", "features", "intent", "domain", "tokens_in", "org"]
    for path in read.rglob("*.parquet"):
        assert b"times 12" not in path.read_bytes()


def test_a_row_that_is_no_request_is_named_without_its_text(tmp_path: Path, models: Path) -> None:
    import pyarrow as arrow
    from pyarrow import parquet

    (tmp_path / "in").mkdir()
    good = RouteRequest(text="hello").model_dump_json()
    parquet.write_table(arrow.table({"request": [good, '{"txt": "secret words"}']}), tmp_path / "in" / "a.parquet")
    with pytest.raises(
        OfflineDataError, match=r"a.parquet, rows from 0 on: Row 1 of the batch is no request"
    ) as raised:
        engine.embed(tmp_path / "in", tmp_path / "out", model=str(models))
    assert "secret" not in str(raised.value)


def test_scores_are_what_the_router_believes(read: Path, bundle: Bundle, models: Path, tmp_path: Path) -> None:
    engine.score(read, tmp_path / "out", model=str(models), traffic_class="pilot", rows=7)
    table = rows(tmp_path / "out")
    router = Router(bundle.config, bundle=bundle)
    lanes = list(bundle.config.lanes)
    for row, text in enumerate(TEXTS[:4]):
        decision = router.predict_route(RouteRequest(text=text, traffic_class="pilot"), seed=0)
        for lane, said in decision.estimates.items():
            column = lanes.index(lane)
            assert table["quality_estimate"][row].as_py()[column] == pytest.approx(said.quality, abs=1e-4)
            assert table["cost_estimate"][row].as_py()[column] == pytest.approx(said.cost_usd, rel=1e-4)
        assert sum(table["target"][row].as_py()) == pytest.approx(1)


def test_an_exported_log_is_judged_as_the_log_is(bundle: Bundle, models: Path, tmp_path: Path) -> None:
    with EventLog(tmp_path / "log.sqlite") as log:
        router = Router(bundle.config, bundle=bundle, log=log)
        requests = [RouteRequest(text=f"{text} Number {n}.", traffic_class="pilot") for n, text in enumerate(TEXTS * 5)]
        for number, decision in enumerate(router.predict_routes(requests, seeds=range(60))):
            if decision.lane is not None:
                quality = float(number % 3 > 0)
                log.log_outcome(Outcome(decision_id=decision.decision_id, quality=quality, at=decision.created_at))
        written = export(log, tmp_path / "log", config=bundle.config, size=25)
        spec = bundle.classifier.spec
        sizes = (len(NAMES), len(spec.intent.labels), len(spec.domain.labels))
        trial = trial_of(bundle.allocation, bundle.config, log.logged(), sizes=sizes, promises=bundle.promises)
        with pytest.raises(OfflineDataError, match="files already"):
            export(log, tmp_path / "log", config=bundle.config)
    assert (written.files, written.lanes) == (3, tuple(bundle.config.lanes))
    engine.score(tmp_path / "log", tmp_path / "scored", model=str(models))
    found = engine.ope(tmp_path / "scored", tmp_path / "sums", reward_model="estimated_quality", cluster="person")
    wanted = ope.evaluate_all(trial.target, trial.feedback, reward_model=trial.quality_model)
    same(found.estimates, wanted, within=1e-7)


def test_lanes_that_are_gone_stay_as_logged(bundle: Bundle, models: Path, tmp_path: Path) -> None:
    lanes = {name: lane for name, lane in bundle.config.lanes.items() if name != "fast"}
    more = {**lanes, "older": bundle.config.lanes["fast"], "fast": bundle.config.lanes["fast"]}
    config = bundle.config.model_copy(update={"lanes": more})
    with EventLog(tmp_path / "log.sqlite") as log:
        router = Router(config, bundle=bundle, log=log)
        requests = [RouteRequest(text=text, traffic_class="pilot") for text in TEXTS * 5]
        drawn = [each.lane for each in router.predict_routes(requests, seeds=range(60))]
        written = export(log, tmp_path / "log", config=bundle.config)
    gone = [lane for lane in written.lanes if lane.endswith("(as logged)")]
    assert gone == (["older (as logged)"] if "older" in drawn else [])
    engine.score(tmp_path / "log", tmp_path / "scored", model=str(models))
    target = np.stack(rows(tmp_path / "scored")["target"].to_numpy())
    assert target.shape[1] == len(written.lanes)
    assert not target[:, len(bundle.config.lanes) :].any()


def test_embeddings_of_another_encoder_are_refused(read: Path, models: Path, tmp_path: Path) -> None:
    from pyarrow import parquet

    (tmp_path / "in").mkdir()
    table = parquet.read_table(next(read.rglob("*.parquet")), partitioning=None)
    table = table.replace_schema_metadata({**table.schema.metadata, b"router_ml.encoder": b'"another"'})
    parquet.write_table(table, tmp_path / "in" / "a.parquet")
    with pytest.raises(EncoderMismatchError, match="Embed the requests with this bundle"):
        engine.score(tmp_path / "in", tmp_path / "out", model=str(models))


def test_lists_over_unknown_lanes_are_refused(read: Path, models: Path, tmp_path: Path) -> None:
    from pyarrow import parquet

    from router_ml.offline.engine.columns import lists

    (tmp_path / "in").mkdir()
    table = parquet.read_table(next(read.rglob("*.parquet")), partitioning=None)
    table = table.append_column("eligible", lists(np.ones((12, 3), bool)))
    parquet.write_table(table, tmp_path / "in" / "a.parquet")
    with pytest.raises(OfflineDataError, match="eligible are lists over lanes"):
        engine.score(tmp_path / "in", tmp_path / "out", model=str(models))


def test_a_configuration_has_learned_nothing(read: Path, models: Path, tmp_path: Path) -> None:
    with pytest.raises(OfflineDataError, match="no learned part"):
        engine.score(read, tmp_path / "out", model=str(models / "router.yaml"))


def test_a_worker_with_another_bundle_is_refused(read: Path, models: Path) -> None:
    from router_ml.offline.engine.files import Folder
    from router_ml.offline.engine.reading import Embed, Score

    _, schema = Folder(str(read)).partitions()
    for task in (Score(str(models), "another"), Embed(str(models), "another")):
        with pytest.raises(OfflineDataError, match="the run was started with another"):
            task.open(schema)


def test_rows_that_cannot_be_scored(read: Path, bundle: Bundle, models: Path, tmp_path: Path) -> None:
    from router_ml.offline.engine.columns import lists
    from router_ml.offline.engine.files import Folder
    from router_ml.offline.engine.reading import Score
    from router_ml.offline.engine.schemas import with_lanes

    source = Folder(str(read))
    _, schema = source.partitions()
    stage = Score(str(models)).open(schema)
    batch = next(source.batches(source.names()[0], rows=12))
    eligible = np.ones((12, len(bundle.config.lanes)), bool)
    eligible[3] = False
    scored = stage.batch(with_lanes(batch.append_column("eligible", lists(eligible)), list(bundle.config.lanes)))
    target = np.stack(scored.column("target").to_numpy(zero_copy_only=False))
    assert target.sum(axis=1).round(6).tolist() == [1.0] * 3 + [0.0] + [1.0] * 8
    embedding = np.stack(batch.column("embedding").to_numpy(zero_copy_only=False)).copy()
    embedding[5, 0] = np.nan
    with pytest.raises(OfflineDataError, match=r"embedding holds NaN .* first in row 5"):
        stage.batch(batch.set_column(batch.schema.names.index("embedding"), "embedding", lists(embedding)))
    assert stage.batch(batch.slice(0, 0)).num_rows == 0


def test_no_request_is_read_into_no_row(models: Path) -> None:
    import pyarrow as arrow

    from router_ml.offline.engine.reading import Embed

    made = Embed(str(models)).open(None).batch(arrow.RecordBatch.from_pydict({"request": arrow.array([], "string")}))
    assert (made.num_rows, made.schema.field("embedding").type.list_size > 100) == (0, True)
