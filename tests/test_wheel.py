"""The built wheel works where nothing of this repository is: the bundle is inside, torch is not needed."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ANSWER = """
import importlib.util, json
from router_ml import predict_route
decision = predict_route("What is the difference between an ETF and a mutual fund?", seed=1)
heavy = [name for name in ("torch", "mlflow", "sklearn", "pandas") if importlib.util.find_spec(name)]
print(json.dumps({"lane": decision.lane, "intent": decision.intent.label, "heavy": heavy}))
"""


def _run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_wheel_routes_in_a_fresh_environment(root: Path, tmp_path: Path) -> None:
    """pip install dist/*.whl, then predict_route answers, outside the repository and without the optional extras."""
    _run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path / "dist", root, cwd=tmp_path)
    wheel = next((tmp_path / "dist").glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    assert "router_ml/_bundle/manifest.json" in names
    assert {"router_ml/config/rewards.yaml", "router_ml/guardrails/measured.json"} <= set(names)
    played = "router_ml/offline/simulation"
    shipped = (
        "traffic/requests.jsonl",
        "scenarios/library/vendor_outage_48h.yaml",
        "page/page.css",
        "page/charts/charts.css",
    )
    assert {f"{played}/{name}" for name in shipped} <= set(names)
    drawn = ("templates/base.html", "templates/macros.html", "static/console.css", "static/console.js")
    assert {f"router_ml/serve/console/{name}" for name in drawn} <= set(names)
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"router_ml"}

    _run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    constraints = root / "constraints.txt"
    _run(python, "-m", "pip", "install", "--quiet", "--constraint", constraints, wheel, cwd=tmp_path)
    answer = json.loads(_run(python, "-c", ANSWER, cwd=tmp_path))
    assert answer["lane"] is not None
    assert answer["intent"] == "qa"
    assert answer["heavy"] == []
    shown = _run(tmp_path / "venv" / "bin" / "router-ml", "route", "What is an ETF?", "--json", cwd=tmp_path)
    assert json.loads(shown)["action"] == "route"
