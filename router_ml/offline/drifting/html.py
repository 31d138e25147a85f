"""A drift report as one page of HTML that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router_ml.offline.drift import Check, DriftReport

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .8rem .3rem 0;vertical-align:top;"
    "border-bottom:1px solid #ddd}.drift{color:#a33a3a;font-weight:600}.calm{color:#2a8a6e}small{color:#666}"
)
_COLUMNS = ("", "check", "lane", "p, adjusted", "what was found", "decisions", "what to do")


def page(report: DriftReport) -> str:
    """The report as a page."""
    found = len(report.drifted)
    verdict = f"{found} of {len(report.checks)} checks drifted" if found else "No drift"
    verdict = verdict if report.checks else "Nothing could be tested"
    windows = "; ".join(
        f"{name}: {escape(first)} to {escape(last)}, {count:,} decisions"
        for name, (first, last, count) in (("reference", report.reference), ("recent", report.recent))
    )
    skipped = "".join(f"<li>{escape(name)}: {escape(why)}</li>" for name, why in report.not_tested.items())
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Drift</title><style>{_STYLE}</style>"
        f"<h1 class={'drift' if found or not report.checks else 'calm'}>{verdict}</h1><p>{windows}</p>"
        f"<table><tr>{_cells(_COLUMNS, 'th')}</tr>{''.join(_row(check) for check in report.checks)}</table>"
        + (f"<h2>Not tested</h2><ul>{skipped}</ul>" if skipped else "")
        + f"<p><small>Where nothing has changed, at most {report.level:.0%} of such reports alarm: p-values are "
        "adjusted for all checks. An effect that is too small to act on is no drift.</small></p></html>"
    )


def _row(check: Check) -> str:
    p_value = "certain" if check.p_value is None else f"{check.p_value:.4f}"
    since = f", since {check.since}" if check.since and check.drifted else ""
    state = "<span class=drift>drift</span>" if check.drifted else "<span class=calm>same</span>"
    rows = f"{check.rows[0]:,} / {check.rows[1]:,}"
    said = (check.name, check.lane, p_value, check.found + since, rows, check.do if check.drifted else "")
    return f"<tr><td>{state}</td>{_cells(said, 'td')}</tr>"


def _cells(texts: Iterable[str], tag: str) -> str:
    return "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts)
