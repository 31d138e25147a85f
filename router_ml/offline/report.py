"""Plots: what quality costs under each policy, and what a challenger has learned.

matplotlib is opened on the first plot and draws to a file without a display; its global state is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router_ml.errors import MissingExtraError, OfflineDataError

Curve = tuple[ArrayLike, ArrayLike] | NDArray[np.float64]  # mean USD per request, mean quality: two rows (2, v)

COLOURS = ("#1f5fa8", "#d1701f", "#2a8a6e", "#9b3d86", "#b8a21a", "#5b5b9e", "#a33a3a", "#3f97b5")
_POINTS = 200
_CLOSE = 4.0  # times the cost
_GREY, _INK = "#8c8c8c", "#222222"


def cost_quality_plot(
    path: str | Path,
    *,
    fixed: Mapping[str, tuple[float, float]],
    hull: Curve,
    oracle: Curve,
    shuffled: Curve | None = None,
    curves: Mapping[str, Curve] | None = None,
    points: Mapping[str, tuple[float, float]] | None = None,
    title: str = "What quality costs",
) -> Path:
    """Save quality over cost (log scale, USD per 1,000 requests) and return where.

    Args:
        path: of the file; its ending gives the format (png, svg, pdf).
        fixed: (cost, quality) of each fixed lane. hull, oracle: the bounds, 0% and 100% of the gap.
        shuffled: the control that has the costs of a router but not its knowledge of the prompt.
        curves: routers over their trade-off. points: single policies, such as the champion at its own lambda.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OfflineDataError: a cost is not above 0, so a log scale has no place for it.
    """
    curves, points = curves or {}, points or {}
    lines = {"hull": hull, "oracle": oracle, **({"shuffled": shuffled} if shuffled is not None else {}), **curves}
    _check_costs({**{name: cost for name, (cost, _) in lines.items()}, **{n: c for n, (c, _) in fixed.items()}})
    figure, axes = _figure(8.0, 5.0)
    axes.set_xscale("log")
    _line(axes, oracle, "oracle (knows every outcome)", color=_GREY, linestyle=":", linewidth=1.6)
    _line(axes, hull, "fixed lanes, mixed", color=_INK, linestyle="--", linewidth=1.4)
    if shuffled is not None:
        _line(axes, shuffled, "shuffled predictions", color=_GREY, linestyle="-.", linewidth=1.2)
    for colour, (name, curve) in zip(_cycle(len(curves)), curves.items(), strict=True):
        _line(axes, curve, name, color=colour, linewidth=2.2)
    for colour, (name, (cost, quality)) in zip(_cycle(len(points)), points.items(), strict=True):
        axes.plot(1000 * cost, quality, "*", color=colour, markersize=14, markeredgecolor="white", label=name)
    _name_lanes(axes, fixed)
    axes.margins(x=0.1, y=0.08)
    axes.xaxis.set_major_formatter(lambda value, _: f"${value:,.10g}")
    axes.set(xlabel="USD per 1,000 requests (log scale)", ylabel="mean quality", title=title)
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    return _save(figure, path)


def calibration_plot(path: str | Path, lanes: Mapping[str, Curve], *, title: str = "Held-out ratings by lane") -> Path:
    """Save observed over predicted quality, one line of ``lanes`` each, and return where.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure, axes = _figure(6.4, 5.2)
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1.2)
    for colour, (name, (predicted, observed)) in zip(_cycle(len(lanes)), lanes.items(), strict=True):
        axes.plot(predicted, observed, "o-", color=colour, markersize=4, linewidth=1.6, label=name)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="predicted quality", ylabel="mean rating", title=title)
    axes.legend(loc="upper left", frameon=False, fontsize=9)
    return _save(figure, path)


def error_plot(path: str | Path, errors: Mapping[str, Mapping[str, float]], *, title: str = "Held-out error") -> Path:
    """Save root mean squared errors as bars, of each lane by model, and return where.

    Args:
        errors: by model, then lane; every model has the same lanes.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure, axes = _figure(7.0, 4.2)
    width = 0.8 / max(len(errors), 1)
    for colour, (place, (model, by_lane)) in zip(_cycle(len(errors)), enumerate(errors.items()), strict=True):
        at = np.arange(len(by_lane)) + width * (place - (len(errors) - 1) / 2)
        axes.bar(at, list(by_lane.values()), width, color=colour, label=model)
        axes.set_xticks(np.arange(len(by_lane)), list(by_lane))
    axes.set(ylabel="root mean squared error of quality", title=title)
    axes.legend(frameon=False, fontsize=9)
    return _save(figure, path)


def _check_costs(costs: Mapping[str, ArrayLike]) -> None:
    for name, cost in costs.items():
        if not (np.asarray(cost, dtype=float) > 0).all():
            raise OfflineDataError(f"{name} has a cost that is not above 0; a log scale needs positive costs.")


def _cycle(count: int) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(count)]


def _line(axes: Any, curve: Curve, label: str, **style: Any) -> None:
    """Between operating points lie their mixtures: straight in USD, so they bend on a log scale."""
    cost, quality = np.asarray(curve[0], dtype=float), np.asarray(curve[1], dtype=float)
    order = np.argsort(cost, kind="stable")
    cost, quality = cost[order], quality[order]
    between = np.concatenate([cost, np.geomspace(cost[0], cost[-1], _POINTS)])
    dense = np.unique(np.clip(between, cost[0], cost[-1]))
    axes.plot(1000 * dense, np.interp(dense, cost, quality), label=label, **style)


def _name_lanes(axes: Any, fixed: Mapping[str, tuple[float, float]]) -> None:
    """Dots with names; a name steps down where the lane to its left is close."""
    level, before = 0, 0.0
    ordered = sorted(fixed.items(), key=lambda item: item[1][0])
    for index, (name, (cost, quality)) in enumerate(ordered):
        level = level + 1 if index and cost < _CLOSE * before else 0
        before = cost
        last = index == len(ordered) - 1 and index > 0
        axes.plot(1000 * cost, quality, "o", color=_INK, markersize=6)
        axes.annotate(
            name,
            (1000 * cost, quality),
            (-6 if last else 6, -13 - 12 * level),
            textcoords="offset points",
            ha="right" if last else "left",
            fontsize=9,
        )


def _figure(width: float, height: float) -> tuple[Any, Any]:
    """A figure of its own canvas: ``pyplot`` would keep it alive and pick a backend for the whole process."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "offline") from None
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _save(figure: Any, path: str | Path) -> Path:
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=150)
    return target
