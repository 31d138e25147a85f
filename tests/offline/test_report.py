"""Plots are what people decide by: every line that the argument needs is there, and a wrong axis is an error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from router_ml.errors import MissingExtraError, OfflineDataError
from router_ml.offline.report import cost_quality_plot

FIXED = {"private": (0.00003, 0.79), "premium": (0.015, 0.93)}
HULL = ([0.00003, 0.015], [0.79, 0.93])


def test_cost_quality_plot_shows_router_bounds_and_control(tmp_path: Path) -> None:
    """Without hull, shuffle and oracle a curve flatters itself."""
    path = cost_quality_plot(
        tmp_path / "new" / "plot.svg",
        fixed=FIXED,
        hull=HULL,
        oracle=np.array([[0.00003, 0.004], [0.79, 0.97]]),
        shuffled=HULL,
        curves={"ours": ([0.01, 0.00004], [0.94, 0.80]), "kNN 50": HULL},
        points={"champion": (0.0009, 0.93)},
    )
    drawn = path.read_text(encoding="utf-8")
    for label in ("private", "premium", "ours", "kNN 50", "champion", "fixed lanes, mixed", "shuffled predictions"):
        assert f"<!-- {label} -->" in drawn
    assert "oracle" in drawn
    assert "USD per 1,000 requests" in drawn


def test_png_is_written_as_such(tmp_path: Path) -> None:
    path = cost_quality_plot(tmp_path / "plot.png", fixed=FIXED, hull=HULL, oracle=HULL)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_free_lane_has_no_place_on_a_log_scale(tmp_path: Path) -> None:
    """matplotlib would drop the point without a word."""
    with pytest.raises(OfflineDataError, match="gift has a cost that is not above 0"):
        cost_quality_plot(tmp_path / "plot.png", fixed={**FIXED, "gift": (0.0, 0.5)}, hull=HULL, oracle=HULL)
    assert not list(tmp_path.iterdir())


def test_plotting_leaves_pyplot_alone(tmp_path: Path) -> None:
    """pyplot picks a backend for the caller's whole process and keeps every figure alive."""
    script = (
        "import sys, pathlib; from router_ml.offline import report; assert 'matplotlib' not in sys.modules; "
        f"report.cost_quality_plot({str(tmp_path / 'a.png')!r}, fixed={{}}, hull=([1, 2], [0, 1]), "
        "oracle=([1, 2], [0, 1])); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"router-ml\[offline\]"):
        cost_quality_plot(tmp_path / "plot.png", fixed=FIXED, hull=HULL, oracle=HULL)
