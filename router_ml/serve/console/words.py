"""How values are written on pages: money, shares, durations, moments. Each is a filter of the templates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

NOTHING = "–"


def money(usd: float | None) -> str:
    """USD with as many digits as say something.

    >>> money(1234.5), money(0.42), money(0.00013), money(0)
    ('$1,234.50', '$0.42', '$0.00013', '$0')
    """
    if usd is None:
        return NOTHING
    if usd == 0:
        return "$0"
    if abs(usd) >= 0.1:
        return f"${usd:,.2f}"
    return f"${usd:.2g}" if abs(usd) >= 1e-4 else f"${usd:.5f}".rstrip("0").rstrip(".")


def percent(share: float | None, digits: int | None = None) -> str:
    """A share of 1 in percent; what is not quite none or all does not look like it.

    >>> percent(0.5), percent(0.003), percent(0.0001), percent(0.9999), percent(1.0)
    ('50%', '0.3%', '<0.1%', '>99.9%', '100%')
    """
    if share is None:
        return NOTHING
    if digits is not None:
        return f"{share * 100:.{digits}f}%"
    if 0 < share < 0.001:
        return "<0.1%"
    if 0.999 < share < 1:
        return ">99.9%"
    near_an_end = 0 < share < 0.1 or 0.9 < share < 1
    return f"{share * 100:.1f}%" if near_an_end and round(share * 100, 1) % 1 else f"{share * 100:.0f}%"


def number(value: float | None, digits: int = 0) -> str:
    """With separators of thousands.

    >>> number(1234567), number(0.12345, 2)
    ('1,234,567', '0.12')
    """
    return NOTHING if value is None else f"{value:,.{digits}f}"


def counted(count: int, word: str) -> str:
    """How many of something.

    >>> counted(1, "file"), counted(0, "file"), counted(1200, "record")
    ('1 file', '0 files', '1,200 records')
    """
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def duration(ms: float | None) -> str:
    """Milliseconds, in the unit that fits.

    >>> duration(0.4), duration(12.3), duration(1234), duration(600_000), duration(9e7)
    ('0.4 ms', '12 ms', '1.2 s', '10 min', '25 h')
    """
    if ms is None:
        return NOTHING
    if ms < 1_000:
        return f"{ms:.1f} ms" if ms < 10 else f"{ms:.0f} ms"
    for most, unit, size in ((120_000, "s", 1_000), (7_200_000, "min", 60_000), (172_800_000, "h", 3_600_000)):
        if ms < most:
            return f"{ms / size:.1f} s" if unit == "s" and ms < 10_000 else f"{ms / size:.0f} {unit}"
    return f"{ms / 86_400_000:.0f} d"


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC, to the second.

    >>> iso(datetime(2026, 3, 1, 12, 30, 15, 99, tzinfo=UTC))
    '2026-03-01T12:30:15Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def ago(moment: datetime, now: datetime | None = None) -> str:
    """How far away a moment is.

    >>> now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> ago(datetime(2026, 3, 1, 11, 57, tzinfo=UTC), now), ago(datetime(2026, 3, 1, 14, tzinfo=UTC), now)
    ('3 min ago', 'in 2 h')
    """
    seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    if abs(seconds) < 1:
        return "now"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if abs(seconds) >= size:
            said = f"{abs(seconds) / size:.0f} {unit}"
            return f"in {said}" if seconds > 0 else f"{said} ago"
    return "now"


def clock(moment: datetime) -> str:
    """Date and time in UTC, to read.

    >>> clock(datetime(2026, 3, 1, 12, 30, tzinfo=UTC))
    '1 Mar 12:30:00'
    """
    return f"{moment.astimezone(UTC):%-d %b %H:%M:%S}"


FILTERS: dict[str, Callable[..., Any]] = {
    "money": money,
    "percent": percent,
    "number": number,
    "counted": counted,
    "duration": duration,
    "iso": iso,
    "ago": ago,
    "clock": clock,
}
