"""Reliability and confusion of a classifier's heads, as pictures for a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
BINS = 10
_INK, _BAR, _GREY = "#1f5fa8", "#a9c4e4", "#8c8c8c"


def reliability(path: Path, heads: Mapping[str, tuple[Floats, NDArray[np.int64]]], *, title: str) -> Path:
    """How often the top label is right, by how sure the head is of it; one panel a head.

    Args:
        heads: probabilities (n, k) and true labels (n,) by head. Bins hold equally many rows.
    """
    figure, axes = _panels(len(heads), width=3.6, height=3.4)
    for axis, (name, (probabilities, truth)) in zip(axes, heads.items(), strict=True):
        confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
        parts = [part for part in np.array_split(np.argsort(confidence, kind="stable"), BINS) if len(part)]
        said = np.array([confidence[part].mean() for part in parts])
        was = np.array([right[part].mean() for part in parts])
        rows = np.array([len(part) for part in parts])
        spread = 1.96 * np.sqrt(np.maximum(was * (1 - was), 1e-4) / rows)
        axis.plot([0, 1], [0, 1], color=_GREY, linestyle=":", linewidth=1)
        axis.errorbar(said, was, yerr=spread, color=_INK, marker="o", markersize=4, linewidth=1.4, capsize=2)
        axis.set_title(f"{name} ({len(truth)} requests)", fontsize=10)
        axis.set_xlabel("how sure")
        axis.set_ylabel("how often right")
        axis.set_xlim(0.2, 1.02)
        axis.set_ylim(0, 1.05)
    return _save(figure, path, title)


def confusion(
    path: Path, probabilities: Floats, truth: NDArray[np.int64], labels: Sequence[str], *, title: str
) -> Path:
    """Which label is taken for which, as shares of each true label's rows."""
    counts = np.zeros((len(labels), len(labels)))
    np.add.at(counts, (truth, probabilities.argmax(axis=1)), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 2.0 + 0.45 * len(labels)
    figure, (axis,) = _panels(1, width=size, height=size)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axis.set_xticks(range(len(labels)), labels, rotation=60, ha="right")
    axis.set_yticks(range(len(labels)), labels)
    axis.set_xlabel("predicted")
    axis.set_ylabel("labelled")
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axis.text(column, row, int(counts[row, column]), ha="center", va="center", fontsize=7, color=colour)
    return _save(figure, path, title)


def _panels(count: int, *, width: float, height: float) -> tuple[Any, Any]:
    """A figure of its own canvas, and its axes: ``pyplot`` would pick a backend for the whole process."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * count, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, count, squeeze=False)[0]


def _save(figure: Any, path: Path, title: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=110)
    return path


def shares_over_time(
    path: Path,
    lanes: Mapping[str, NDArray[np.intp]],
    names: Sequence[str],
    events: Sequence[tuple[int, str]],
    *,
    window: int,
    title: str,
) -> Path:
    """Which lane served which share of a stream; one panel a router, a line where something changed.

    Args:
        lanes: (T,) index into ``names`` of each request's lane, by router. events: request and label.
        window: requests that a share is the mean of.
    """
    figure, axes = _panels(len(lanes), width=6.5, height=4.2)
    for axis, (router, lane) in zip(axes, lanes.items(), strict=True):
        count = len(lane) // window
        used = lane[: count * window].reshape(count, window)
        shares = np.stack([(used == index).mean(axis=1) for index in range(len(names))])
        axis.stackplot((np.arange(count) + 0.5) * window, shares, labels=[name.split("/")[-1] for name in names])
        for at, label in events:
            axis.axvline(at, color="black", linewidth=1, linestyle=":")
            axis.text(at, 1.01, label.split(":")[0], rotation=30, fontsize=7, va="bottom")
        axis.set_ylim(0, 1)
        axis.set_xlim(0, count * window)
        axis.set_xlabel(f"requests to {router}")
        axis.set_ylabel("share of lanes")
    axes[-1].legend(fontsize=7, loc="lower right")
    return _save(figure, path, title)
