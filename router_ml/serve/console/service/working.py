"""What pages have worked out in a process of its own: ``python -m router_ml.serve.console.service.working``.

It reads what is asked from standard input, since the address of a log may hold a password, and writes the answer to
standard output; what libraries print goes to standard error.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router_ml.errors import BundleIntegrityError, RouterError

if TYPE_CHECKING:
    from router_ml.offline.gate import Verdict
    from router_ml.storage.bundle import Bundle

COMMAND = (sys.executable, "-m", "router_ml.serve.console.service.working")
PARTS = 8  # of the traffic, the worst first


def served_bundle(bundle: Bundle | None) -> dict[str, str] | None:
    """Where another process finds a bundle, and how it knows it."""
    return None if bundle is None else {"folder": str(bundle.folder), "id": bundle.manifest.id}


def simulated(asked: Mapping[str, Any]) -> str:
    """The name of the page of a scenario, which was played with the bundle that is served."""
    from router_ml.offline import simulate as simulator
    from router_ml.offline.simulation.page.page import page
    from router_ml.offline.simulation.scenarios.loading import load_scenario

    bundle, scenario, count = _opened(asked["bundle"]), asked["scenario"], asked["count"]
    chosen = simulator.sized(load_scenario(scenario, config=bundle.config), count=count, days=None)
    source = simulator.Source(count=count)
    study = simulator.simulate(bundle, chosen, policies=tuple(asked["policies"]), source=source, seed=0)
    words = ["router-ml", "simulate", "--scenario", scenario, "--count", str(count)]
    line = shlex.join([*words, "--policies", ",".join(asked["policies"]), "--html", "page.html"])
    file = _file(asked["reports"], f"simulation-{scenario}")
    file.write_text(page(study, command_line=line), encoding="utf-8")
    return file.name


def judged(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The verdict on a version, as the page shows it; a report of it goes to the folder, where there is one."""
    from router_ml.offline.gate import evaluate
    from router_ml.offline.gating.report import write_report
    from router_ml.storage.bundle import Bundle
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.registry import fetch

    name, version = asked["name"], asked["version"]
    challenger = Bundle.load(fetch(f"models:/{name}/{version}", tracking_uri=asked["tracking_uri"])[0])
    champion = None if asked["bundle"] is None else _opened(asked["bundle"])
    with EventLog(asked["log"]) as log:
        found = evaluate(challenger, champion, log)
    if asked["reports"] is not None:
        write_report(found, _file(asked["reports"], f"gate-{name}-{version}"))
    return shown(found)


def shown(found: Verdict) -> dict[str, Any]:
    """A verdict as plain values for the page."""
    from router_ml.offline.gating.words import STATES, differences, headline, left_out

    kinds = {True: "good", None: "unknown", False: "bad"}
    return {
        "word": found.verdict,
        "headline": headline(found),
        "checks": [(asdict(check), STATES[check.passed], kinds[check.passed]) for check in found.checks],
        "differences": list(differences(found)),
        "slices": [asdict(part) for part in found.slices[:PARTS]],
        "notes": [note for note in (left_out(found), *found.notes) if note],
    }


def _opened(served: Mapping[str, str]) -> Bundle:
    from router_ml.storage.bundle import Bundle

    found = Bundle.load(served["folder"])
    if found.manifest.id != served["id"]:
        raise BundleIntegrityError(f"{served['folder']} no longer holds {served['id']}, which is served. Restart.")
    return found


def _file(folder: str, name: str) -> Path:
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder) / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%S}.html"


WORK: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {"simulate": simulated, "judge": judged}


def main() -> None:
    """Do what is asked, once."""
    asked = json.load(sys.stdin)
    try:
        with redirect_stdout(sys.stderr):
            said = {"result": WORK[asked["work"]](asked)}
    except RouterError as error:
        said = {"error": str(error)}
    json.dump(said, sys.stdout, default=lambda value: value.item())  # numbers of numpy


if __name__ == "__main__":
    main()
