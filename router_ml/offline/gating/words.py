"""A verdict in words and numbers as they are printed, on a terminal or in a report."""

from __future__ import annotations

from collections.abc import Iterator

from router_ml.offline.gate import Verdict

STATES = {True: "passed", None: "not known", False: "failed"}
SILENT = ("not randomised", "embedding not kept")  # traffic like this stays unjudged, however much is logged
_DONE = {
    "promote": "Promote: as good and cheaper, or better at equal cost, with 95% confidence.",
    "hold": "Hold",
    "reject": "Reject",
}


def headline(found: Verdict) -> str:
    """The verdict in one line."""
    if found.verdict == "promote":
        return _DONE["promote"]
    open_ones = [f"{check.name} {STATES[check.passed]}" for check in found.checks if not check.passed]
    why = ", ".join(open_ones) or "it costs more and is no better"
    return f"{_DONE[found.verdict]}: {why}."


def differences(found: Verdict) -> Iterator[tuple[str, str, str, str]]:
    """Name, estimate, and the ends of the 95% interval of each difference, challenger minus champion."""
    if found.comparison is None:
        return
    pairs = {
        "quality, doubly robust": found.comparison.dr,
        "quality, self-normalised": found.comparison.snips,
        "quality, inverse propensity": found.comparison.ips,
        "quality, models alone (no evidence)": found.comparison.dm,
    }
    for name, each in pairs.items():
        yield name, f"{each.value:+.4f}", f"{each.low:+.4f}", f"{each.high:+.4f}"
    if (cost := found.comparison.cost_usd) is not None:
        value, low, high = (f"{1000 * number:+.4f}" for number in (cost.value, cost.low, cost.high))
        yield "USD per 1,000 decisions, doubly robust", value, low, high


def left_out(found: Verdict) -> str:
    """Of how many decisions the verdict speaks, and of which it does not."""
    if found.comparison is None:
        return ""
    others, rows = found.comparison.left_out, found.comparison.rows
    said = f"{rows} decisions that it has not learned from judge it, {found.comparison.rated} of them rated."
    if others:
        said += " Left out: " + "; ".join(f"{count} {reason}" for reason, count in others.items()) + "."
    unheard = sum(others.get(reason, 0) for reason in SILENT)
    return said + (f" It does not speak of {unheard / (unheard + rows):.1%} of the traffic." if unheard else "")
