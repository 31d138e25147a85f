"""Ray Data computes what pyarrow computes, bit for bit, and leaves nothing running."""

from __future__ import annotations

from pathlib import Path

import pytest

from router_ml.errors import OfflineDataError
from router_ml.offline import engine
from tests.offline.engine.logs import feedback_of, write_log

pytest.importorskip("ray.data", reason="ray is not installed: pip install 'router-ml[ray]'")
pytestmark = pytest.mark.slow


def test_both_engines_say_the_same(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log", *feedback_of(2000, users=90), [300, 301, 1500])
    how = {"reward_model": "estimated_quality", "cluster": "user", "baseline": "propensities"}
    here = engine.ope(log, tmp_path / "here", **how)  # type: ignore[arg-type]
    there = engine.ope(log, tmp_path / "there", engine="ray", workers=2, **how)  # type: ignore[arg-type]
    assert there.estimates == here.estimates
    assert (there.run.engine, there.run.rows, there.run.partitions) == ("ray", 2000, 4)
    import ray

    assert not ray.is_initialized()


def test_what_goes_wrong_in_a_worker_is_said_here(tmp_path: Path) -> None:
    target, feedback, model = feedback_of(400)
    log = write_log(tmp_path / "log", target * 0.5, feedback, model, [200])
    with pytest.raises(OfflineDataError, match=r"part.parquet, rows from 0 on: The target policy sums to 0.5"):
        engine.ope(log, tmp_path / "out", engine="ray")


def test_simulation_shards_add_up_alike(models: Path, tmp_path: Path) -> None:
    from router_ml.offline.simulate import Source, sized
    from router_ml.offline.simulation.scenarios.loading import load_scenario
    from router_ml.offline.simulation.traffic.reading import example_requests

    asked = sized(load_scenario("vendor_outage_48h"), count=400)
    source = Source(requests=example_requests()[:12])
    found = [
        engine.simulate(
            tmp_path / name, scenario=asked, model=str(models), source=source, deal=engine.Deal(seeds=2), engine=name
        ).study.results[0]
        for name in ("pyarrow", "ray")
    ]
    assert found[0].requests == 800
    for name in ("spend_usd", "quality", "latency", "lane_requests", "calls", "failed_calls", "classes"):
        assert getattr(found[1], name) == getattr(found[0], name), name
