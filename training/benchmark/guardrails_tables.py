"""The tables of ``python -m training.benchmark guardrails``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table


def render(found: Mapping[str, Any], console: Console) -> None:
    """Print what was found, a table each."""
    parts = {
        "plain": _plain,
        "hidden": _hidden,
        "negatives": _negatives,
        "refusals": _refusals,
        "latency": _latency,
        "spans": _spans,
    }
    for name, show in parts.items():
        own = found.get(name)
        if own is None:
            continue
        if "missing" in own:
            console.print(own["missing"])
        else:
            show(own, console)
    if "peer" in found:
        console.print(
            f"Peer: {found['peer']['name']}, version {found['peer']['version']}, findings with a score of .4."
        )


def _share(own: Mapping[str, Any]) -> str:
    if own["share"] is None:
        return "-"
    low, high = own["interval"]
    return f"{own['share']:.3f} [{low:.2f}, {high:.2f}]"


def _rows(title: str, first: str, rows: Mapping[str, Any], console: Console) -> None:
    """One row for each count; columns that no row has are left out."""
    key, head = (
        ("flagged", "flagged (95%)") if any("flagged" in own for own in rows.values()) else ("found", "found (95%)")
    )
    kept, peer = (any(part in own for own in rows.values()) for part in ("kept", "peer"))
    columns = [first, head, "undecided", "cases"]
    columns += ["kept", "false", "ms"] if kept else []
    columns += ["peer", "at any score"] if peer else []
    table = Table(*columns, title=title, title_justify="left", box=box.SIMPLE)
    for name, own in rows.items():
        cells = [
            escape(name),
            _share(own[key]),
            f"{own['unknown']:.3f}" if own["unknown"] else "",
            str(own[key]["rows"]),
        ]
        if kept:
            cells += _cost_cells(own)
        if peer:
            cells += _peer_cells(own)
        table.add_row(*cells)
    console.print(table)


def _cost_cells(own: Mapping[str, Any]) -> list[str]:
    kept = f"{own['kept']['share']:.3f}" if "kept" in own else "-"
    wrong = own.get("false_positives")
    return [kept, "-" if wrong is None else f"{wrong['share']:.3f} of {wrong['rows']}", f"{own['median_ms']:.2f}"]


def _peer_cells(own: Mapping[str, Any]) -> list[str]:
    if "peer" not in own:
        return ["-", "-"]
    return [f"{own['peer']['share']:.3f} of {own['peer']['rows']}", f"{own['peer_any_score']['share']:.3f}"]


def _worst_first(rows: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(rows.items(), key=lambda row: row[1]["found"]["share"]))


def _plain(own: Mapping[str, Any], console: Console) -> None:
    _rows("Plain values", "all", own["all"], console)
    _rows("Personal data, the least found first", "class", _worst_first(own["classes"]), console)
    _rows("Secrets, the least found first", "kind", _worst_first(own["secrets"]), console)
    _rows("Personal data by language of the request", "language", own["languages"], console)
    _rows("Names alone (soft: not to be found by themselves)", "class", own["soft"], console)


def _hidden(own: Mapping[str, Any], console: Console) -> None:
    console.print("Kept: of the values that are found plain. False: harmless values, hidden alike, that are flagged.")
    _rows("Hidden values by family of technique", "family", own["families"], console)
    for risk, families in own["risks"].items():
        _rows(f"The same, {risk} alone", "family", families, console)
    for family in own["families"]:
        rows = {name: row for name, row in own["techniques"].items() if row["family"] == family}
        _rows(f"Techniques: {family}, the least found first", "technique", _worst_first(rows), console)
    worst = dict(list(_worst_first(own["kinds"]).items())[:25])
    _rows("Hidden values by class, the 25 least found", "class", worst, console)


def _negatives(own: Mapping[str, Any], console: Console) -> None:
    for name, part in own.items():
        fired = {kind: row for kind, row in part["kinds"].items() if row["flagged"]["share"]}
        title = f"False positives: {name.replace('_', ' ')} ({len(part['kinds'])} kinds, {len(fired)} with a flag)"
        _rows(title, "texts like", {"all": part["all"], **fired}, console)


def _refusals(own: Mapping[str, Any], console: Console) -> None:
    table = Table("probe", "refused or sent to a person (95%)", "probes", title="Over-refusal", box=box.SIMPLE)
    for name, row in (("all", own["all"]), *own["kinds"].items()):
        table.add_row(name, _share(row), str(row["rows"]))
    console.print(table)


def _latency(own: Mapping[str, Any], console: Console) -> None:
    table = Table(
        "text", "median, ms", "95%, ms", "texts", "peer, median, ms", title="Latency of a scan", box=box.SIMPLE
    )
    for name, row in own.items():
        if name != "slope":
            peer = row.get("peer_median_ms", "-")
            table.add_row(name, str(row["median_ms"]), str(row["p95_ms"]), str(row["texts"]), str(peer))
    console.print(table)
    slope = own["slope"]
    console.print(f"{slope['ns_per_character']} ns a character; 100,000 cost {slope['of_linear']} times 20 x 5,000.")


def _spans(own: Mapping[str, Any], console: Console) -> None:
    rows = {"direct personal data": own["recall"], "none (false positives)": own["false_positives"], **own["types"]}
    console.print(
        f"With names alone, which are recorded and are no hit: recall {_share(own['recall_with_names_alone'])}"
    )
    _rows(f"Marked texts; precision {own['precision']}", "texts with", rows, console)
