"""One drawing for a README or a slide: who answers while a vendor is dark, and which classes go without."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from router_ml.errors import OfflineDataError
from router_ml.offline.simulation.counting.results import Result, Study
from router_ml.offline.simulation.page.figures import Figures
from router_ml.offline.simulation.page.sentences import headline


def outage_picture(path: str | Path, study: Study, *, policy: str | None = None, title: str | None = None) -> Path:
    """Save lane shares over time, with what happened above and how each class fared below, and return where.

    Args:
        path: of the file, an SVG that needs no font or style from elsewhere; its folder is made if absent.
        study: what was simulated. policy: whose lanes are shown; the champion's by default.
        title: above the drawing, what follows a semicolon in small print; by default what happened and what came of it.

    Raises:
        OfflineDataError: no SVG is asked for, or the policy was not played.
    """
    target = Path(path)
    if target.suffix != ".svg":
        raise OfflineDataError(f"The picture is an SVG, but {target.name!r} does not end in .svg; name it so.")
    result = _played(study, policy)
    drawn = Figures(study).picture(result, title=headline(study, result) if title is None else title, style=style())
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(drawn + "\n", encoding="utf-8")
    return target


def style() -> str:
    """Colours of text and lines for a drawing that stands alone; dark where the reader's screen is."""
    charts = files("router_ml.offline.simulation.page.charts")
    return "".join((charts / name).read_text("utf-8") for name in ("colours.css", "charts.css"))


def _played(study: Study, policy: str | None) -> Result:
    if policy is None:
        return study.results[0]
    for result in study.results:
        if result.policy == policy:
            return result
    names = ", ".join(result.policy for result in study.results)
    raise OfflineDataError(f"Policy {policy!r} was not played; expected one of {names}.")
