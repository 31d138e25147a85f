"""``python -m benchmarks.importing``: rows per second of an import and of a dry run, on the example that ships."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from router_ml.config import load_config
from router_ml.offline.importing.mapping import load_mapping
from router_ml.offline.importing.running import import_file
from router_ml.offline.importing.survey import survey
from router_ml.router import Router
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog
from router_ml.storage.loading import shipped_bundle

EXAMPLE = Path(__file__).parents[1] / "examples" / "import"


def main() -> None:
    """Time a dry run that reads no text, an import, the same import again, and one by rules alone, without a bundle: no
    labels, no embeddings."""
    bundle = Bundle.load(shipped_bundle())
    router = Router(load_config(EXAMPLE / "router.yaml", bundle.taxonomy), bundle=bundle)
    mapping, path, now = load_mapping(EXAMPLE / "mapping.yaml"), EXAMPLE / "outcomes.csv", datetime.now(UTC)
    found: dict[str, float] = {}

    def timed(name: str, began: tuple[float, float], rows: int) -> None:
        found[f"{name}_rows_per_s"] = round(rows / (time.perf_counter() - began[0]), 1)
        found[f"{name}_rows_per_processor_s"] = round(rows / (time.process_time() - began[1]), 1)

    began = time.perf_counter(), time.process_time()
    timed("dry_run", began, survey(path, mapping, config=router.config, now=now).rows)
    without = Router(load_config(EXAMPLE / "router.yaml"))
    with tempfile.TemporaryDirectory() as folder:
        for name, file, reader in (("import", "a", router), ("again", "a", router), ("without_model", "b", without)):
            with EventLog(Path(folder) / f"{file}.db") as log:
                began = time.perf_counter(), time.process_time()
                done = import_file(path, mapping, router=reader, log=log, who="benchmark", why="measured", now=now)
                timed(name, began, done.survey.rows)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
