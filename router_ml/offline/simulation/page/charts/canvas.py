"""The few marks that all charts are made of, as SVG text. Everything that a name could hold is escaped here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Anchor = Literal["start", "middle", "end"]

SIZE = 12.5  # of letters, in units of the drawing
_NARROW, _WIDE = set("ijltfrI.,:;'|!()[] -"), set("mwMW@%")
_FONT = "font:12.5px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"


@dataclass(frozen=True)
class Scale:
    """From values to places: ``low`` lies at ``start``, ``high`` at ``end``; ``log``: by ratio, not by difference."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: ArrayLike) -> Floats:
        """Places of values, in units of the drawing."""
        given, low, high = np.asarray(value, dtype=float), self.low, self.high
        if self.log:
            given, low, high = np.log(given), math.log(low), math.log(high)
        return np.asarray(self.start + (given - low) / (high - low) * (self.end - self.start))

    def at(self, value: float) -> float:
        """The place of one value."""
        return float(self(value))

    def ticks(self, count: int = 5) -> list[float]:
        """Round values inside, about ``count`` of them."""
        return log_ticks(self.low, self.high) if self.log else round_ticks(self.low, self.high, count)


def round_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten.

    >>> round_ticks(0, 1, 5)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(times * power for times in (1, 2, 2.5, 5, 10) if times * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten; the powers alone where these would be more than seven.

    >>> log_ticks(0.03, 8)
    [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0]
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        found = [round(step * 10.0**power, 12) for power in powers for step in steps]
        inside = [value for value in found if low * 0.999 <= value <= high * 1.001]
        if len(inside) <= 7:
            break
    return inside


def around(values: ArrayLike, *, at_least: float, margin: float = 0.06, log: bool = False) -> tuple[float, float]:
    """Bounds that hold all finite values with a margin; ``at_least`` wide (a ratio if ``log``), also around nothing."""
    given = np.asarray(values, dtype=float).ravel()
    given = given[np.isfinite(given) & ((given > 0) | (not log))]
    if log:
        given = np.log(given)
        at_least = math.log(at_least)
    low, high = (float(given.min()), float(given.max())) if len(given) else (0.0, 0.0)
    missing = max(at_least - (high - low), 0.0) / 2
    wide = (high - low + 2 * missing) * margin
    low, high = low - missing - wide, high + missing + wide
    return (math.exp(low), math.exp(high)) if log else (low, high)


def width_of(words: str, size: float = SIZE) -> float:
    """About how wide a text is; fonts differ, so this is generous."""
    narrow = sum(letter in _NARROW for letter in words)
    wide = sum(letter in _WIDE or ord(letter) > 0x2E7F or letter.isupper() for letter in words)
    return size * (0.37 * narrow + 0.87 * wide + 0.63 * (len(words) - narrow - wide))


def clip(words: str, width: float, size: float = SIZE) -> str:
    """The text, or as much of its beginning and end as fits: what sets names apart is often at the end.

    >>> clip("models:/router@candidate-07", 110)
    'models:…date-07'
    """
    if width_of(words, size) <= width:
        return words
    kept = min(len(words) - 1, int(width / (0.37 * size)) + 1)
    while kept and width_of(words[: kept - kept // 2] + "…" + words[len(words) - kept // 2 :], size) > width:
        kept -= 1
    return words[: kept - kept // 2].rstrip() + "…" + words[len(words) - kept // 2 :].lstrip()


def text(
    x: float,
    y: float,
    words: str,
    *,
    kind: str = "t",
    anchor: Anchor = "start",
    width: float = math.inf,
    more: str = "",
) -> str:
    """Words whose baseline lies at ``y``; what had to be clipped is told in full when it is pointed at."""
    shown = clip(words, width) if math.isfinite(width) else words
    whole = f"<title>{escape(words)}</title>" if shown != words else ""
    side = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}"{side}{more}>{escape(shown)}{whole}</text>'


def line(x1: float, y1: float, x2: float, y2: float, *, kind: str = "g", more: str = "") -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"{more}/>'


def rect(x: float, y: float, width: float, height: float, *, fill: str = "", kind: str = "", told: str = "") -> str:
    """A box; ``told`` is said when it is pointed at."""
    look = (f' fill="{fill}"' if fill else "") + (f' class="{kind}"' if kind else "")
    size = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.0):.1f}" height="{max(height, 0.0):.1f}"'
    return f"<rect {size}{look}>{_title(told)}</rect>" if told else f"<rect {size}{look}/>"


def path(
    x: ArrayLike,
    y: ArrayLike,
    *,
    stroke: str = "",
    fill: str = "none",
    kind: str = "",
    closed: bool = False,
    told: str = "",
) -> str:
    """A line through points, broken where a value is not finite; ``closed`` fills it."""
    parts, pen = [], "M"
    for right, down in zip(np.asarray(x, float).tolist(), np.asarray(y, float).tolist(), strict=True):
        if math.isfinite(right) and math.isfinite(down):
            parts.append(f"{pen}{right:.1f} {down:.1f}")
            pen = "L"
        else:
            pen = "M"
    look = (f' stroke="{stroke}"' if stroke else "") + (f' class="{kind}"' if kind else "")
    return f'<path d="{"".join(parts)}{"Z" if closed else ""}" fill="{fill}"{look}>{_title(told)}</path>'


def dot(x: float, y: float, radius: float, *, fill: str = "", kind: str = "", told: str = "") -> str:
    """A filled circle."""
    look = (f' fill="{fill}"' if fill else "") + (f' class="{kind}"' if kind else "")
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"{look}>{_title(told)}</circle>'


def svg(width: float, height: float, parts: Sequence[str], *, name: str, style: str = "") -> str:
    """A drawing that scales with its place; ``name`` is what it is called for those who cannot see it.

    With a ``style`` it can stand alone in a file, without one it takes the page's.
    """
    alone = ' xmlns="http://www.w3.org/2000/svg"' if style else ""
    inner = f"<style>{style}</style>" if style else ""
    return (
        f'<svg{alone} viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" role="img" '
        f'style="{_FONT}" aria-label="{escape(name)}">{inner}{"".join(parts)}</svg>'
    )


def spread(wanted: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Places for labels near the ``wanted`` ones, ``gap`` apart, inside the bounds as far as they fit.

    >>> spread([10, 11, 40], gap=14, low=0, high=100)
    [3.5, 17.5, 40.0]
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    blocks: list[tuple[float, list[int]]] = []  # the middle of each block, and who is in it
    for index in order:
        middle, members = min(max(float(wanted[index]), low), high), [index]
        while blocks and blocks[-1][0] + gap * len(blocks[-1][1]) / 2 > middle - gap * len(members) / 2 - 1e-9:
            before, others = blocks.pop()
            total = len(others) + len(members)
            middle, members = (before * len(others) + middle * len(members)) / total, [*others, *members]
            half = gap * (total - 1) / 2
            middle = min(max(middle, low + half), high - half)
        blocks.append((middle, members))
    places = [0.0] * len(wanted)
    for middle, members in blocks:
        half = gap * (len(members) - 1) / 2
        first = min(max(middle, low + half), high - half) - half
        for place, index in enumerate(members):
            places[index] = first + gap * place
    return places


def _title(told: str) -> str:
    return f"<title>{escape(told)}</title>" if told else ""
