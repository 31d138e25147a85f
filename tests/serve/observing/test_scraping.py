"""One scrape shows every worker that lives, and none that does not."""

from __future__ import annotations

import os
import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from router_ml.serve.observing.scraping import STALE_S, Shared


def counting(slot: str, folder: Path | None, count: int) -> Shared:
    registry = CollectorRegistry()
    Counter("asked", "Requests.", ["route"], registry=registry).labels('/v1/"x"').inc(count)
    return Shared(registry, slot=slot, folder=folder)


def by_worker(shared: Shared) -> dict[str, float]:
    families = list(text_string_to_metric_families(shared.exposition().decode()))
    names = [family.name for family in families]
    assert len(names) == len(set(names)), "Prometheus refuses a family that comes twice"
    return {
        sample.labels["worker"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == "asked_total"
    }


def test_all_workers_are_in_one_scrape_each_by_its_number(tmp_path: Path) -> None:
    workers = [counting(str(slot), tmp_path, slot + 1) for slot in range(3)]
    for one in workers:
        one.write()
    assert by_worker(workers[1]) == {"0": 1, "1": 2, "2": 3}


def test_who_takes_the_place_of_a_worker_takes_its_series(tmp_path: Path) -> None:
    other = counting("1", tmp_path, 5)
    counting("0", tmp_path, 100).write()
    counting("0", tmp_path, 1).write()
    assert by_worker(other) == {"0": 1, "1": 5}


def test_a_worker_that_has_died_disappears(tmp_path: Path) -> None:
    living = counting("0", tmp_path, 1)
    counting("1", tmp_path, 9).write()
    long_ago = time.time() - STALE_S - 1
    os.utime(tmp_path / "1.prom", (long_ago, long_ago))
    assert by_worker(living) == {"0": 1}


def test_a_worker_alone_needs_no_folder() -> None:
    alone = counting("0", None, 4)
    alone.write()
    assert by_worker(alone) == {"0": 4}


def test_a_folder_that_cannot_be_written_costs_no_request(tmp_path: Path) -> None:
    shared = counting("0", tmp_path / "missing", 1)
    shared.write()
    assert by_worker(shared) == {"0": 1}
