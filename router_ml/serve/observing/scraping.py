"""One scrape shows all workers: each writes what it counts into a shared folder, and whoever is asked merges.

Files are named by the number of a worker, so that who takes its place takes its file too; what was not renewed for a
while is of a worker that has died.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

logger = logging.getLogger(__name__)

STALE_S = 15.0
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Shared:
    """The series of the workers that share a folder.

    Args:
        slot: the number of this worker. folder: None where it is alone.
    """

    def __init__(self, registry: CollectorRegistry, *, slot: str = "0", folder: Path | None = None) -> None:
        self._registry, self._slot, self._folder = registry, slot, folder

    def write(self) -> None:
        """Let the others see what this worker counts."""
        if self._folder is None:
            return
        path = self._folder / f"{self._slot}.prom"
        made = path.with_suffix(f".{os.getpid()}")
        try:
            made.write_bytes(generate_latest(self._registry))
            made.replace(path)
        except OSError as error:
            logger.warning("Other workers do not see what this one counts: %s", error.strerror)

    def exposition(self) -> bytes:
        """What all workers count, as of now and of their last ``write``; each series says whose it is."""
        said = dict(self._others(time.time()))
        said[self._slot] = generate_latest(self._registry).decode()
        merged: bytes = generate_latest(_Merged(said))
        return merged

    def _others(self, now: float) -> Iterator[tuple[str, str]]:
        for path in sorted(self._folder.glob("*.prom")) if self._folder else ():
            try:
                if path.stem != self._slot and now - path.stat().st_mtime < STALE_S:
                    yield path.stem, path.read_text(encoding="utf-8")
            except OSError:  # replaced or removed at this moment
                continue


class _Merged(CollectorRegistry):  # type: ignore[misc]
    """Families of several expositions, each sample with the number of its worker."""

    def __init__(self, said: dict[str, str]) -> None:
        super().__init__()
        self._said = said

    def collect(self) -> Iterator[Metric]:
        merged: dict[str, Metric] = {}
        for worker in sorted(self._said):
            for family in text_string_to_metric_families(self._said[worker]):
                one = merged.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                for sample in family.samples:
                    if sample.name.endswith("_created"):  # as many again, and nobody reads them
                        continue
                    one.add_sample(sample.name, {**sample.labels, "worker": worker}, sample.value)
        yield from merged.values()
