"""Ray Data computes what pyarrow computes, bit for bit, and leaves nothing running."""

from __future__ import annotations

import os
from contextlib import suppress
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


def test_a_cluster_of_our_own_listens_on_the_loopback_alone() -> None:
    from router_ml.offline.engine.ray import ALONE, _cluster

    before = set(listeners())
    with _cluster(1, None) as ray:
        assert ray.get(ray.remote(lambda: 7).remote()) == 7
        new = {found for found in listeners() if found not in before and found[1] in session_sockets()}
    assert len(new) >= 4  # of the control store, the raylet, a worker, this driver
    assert {address for address, _ in new} <= {"0100007F", "0000000000000000FFFF00000100007F"}
    assert ALONE not in os.environ


def listeners() -> list[tuple[str, str]]:
    """Local address and inode of every socket that listens."""
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return [(line[1].rpartition(":")[0], line[9]) for line in lines if line[3] == "0A"]


def session_sockets() -> set[str]:
    """Inodes of the sockets of this process and of all that it started."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours and pid not in ours}:
        ours |= more
    found = set()
    for pid in ours:
        with suppress(OSError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    found.add(os.readlink(link).removeprefix("socket:[").removesuffix("]"))
    return found


def test_an_address_where_nothing_answers_is_told_at_once(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log", *feedback_of(20), [])
    with pytest.raises(OfflineDataError, match=r"Nothing answers at 127\.0\.0\.1:1 "):
        engine.ope(log, tmp_path / "out", engine="ray", address="127.0.0.1:1")
