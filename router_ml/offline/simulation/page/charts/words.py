"""Numbers as people read them."""

from __future__ import annotations

import math
from datetime import datetime

NONE = "–"


def usd(value: float) -> str:
    """US dollars with three digits that count.

    >>> usd(1234.5), usd(12.3456), usd(0.0123456), usd(-0.5), usd(0.0)
    ('$1,234', '$12.35', '$0.0123', '−$0.500', '$0')
    """
    if not math.isfinite(value):
        return NONE
    size, sign = abs(value), "−" if value < 0 else ""
    if size == 0:
        return "$0"
    if size >= 10:
        return f"{sign}${size:,.2f}" if size < 1000 else f"{sign}${size:,.0f}"
    decimals = 2 - math.floor(math.log10(size))
    return f"{sign}${size:.{min(decimals, 8)}f}"


def mark(value: float) -> str:
    """A round amount on an axis.

    >>> mark(0.03), mark(0.5), mark(200), mark(0)
    ('$0.03', '$0.50', '$200', '$0')
    """
    if value == round(value):
        return f"${value:,.0f}"
    return f"${value:.{max(2, math.ceil(-math.log10(value)))}f}"


def share(value: float, decimals: int = 1) -> str:
    """Per cent; what is not all never reads as all, nor what is not nothing as nothing.

    >>> share(0.99999), share(1.0), share(0.00001), share(0.123)
    ('>99.9%', '100%', '<0.1%', '12.3%')
    """
    if not math.isfinite(value):
        return NONE
    edge = 10.0**-decimals
    if value in (0, 1):
        return f"{value:.0%}"
    if value > 0 and 100 * value < edge / 2:
        return f"<{edge:g}%"
    if value < 1 and 100 * value > 100 - edge / 2:
        return f">{100 - edge:g}%"
    return f"{100 * value:.{decimals}f}%"


def seconds(ms: float) -> str:
    """Milliseconds as people say them.

    >>> seconds(840), seconds(1234), seconds(90_000)
    ('840 ms', '1.2 s', '90 s')
    """
    if not math.isfinite(ms):
        return NONE
    if ms < 995:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.1f} s" if ms < 9950 else f"{ms / 1000:,.0f} s"


def points(value: float, decimals: int = 3) -> str:
    """A value in 0..1, or a difference of such values, without its leading zero.

    >>> points(0.8125), points(-0.01), points(1.0)
    ('.812', '−.010', '1.000')
    """
    if not math.isfinite(value):
        return NONE
    said = f"{abs(value):.{decimals}f}".removeprefix("0")
    return ("−" if value < 0 and float("0" + said if said[0] == "." else said) else "") + said


def signed(said: str) -> str:
    """With a plus where it is not negative.

    >>> signed(points(0.01)), signed(points(-0.01)), signed("–")
    ('+.010', '−.010', '–')
    """
    return said if said == NONE or said.startswith("−") else f"+{said}"


def count(value: float) -> str:
    """A whole number.

    >>> count(100_000)
    '100,000'
    """
    return f"{value:,.0f}"


def span(hours: float) -> str:
    """A length of time.

    >>> span(48), span(168), span(0.5), span(36)
    ('48 hours', '7 days', '30 minutes', '36 hours')
    """
    if hours < 1:
        return f"{60 * hours:.0f} minutes"
    if hours > 72 and hours % 24 == 0:
        return f"{hours / 24:.0f} days"
    return f"{hours:g} hours" if hours != 1 else "1 hour"


def day(at: datetime) -> str:
    """A day of the run.

    >>> day(datetime(2026, 3, 2))
    '2 March'
    """
    return f"{at.day} {at:%B}"
