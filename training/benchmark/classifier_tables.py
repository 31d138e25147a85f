"""The tables of ``python -m training.benchmark classifier``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from router_ml.understanding.classifier import HEADS


def render(found: Mapping[str, Any], console: Console) -> None:
    """Print what was found, a table each."""
    console.print(f"{found['data']}: {found['rows']} requests")
    for key, title in (("held_out", "Scores"), ("held_out_public", "Public sets, held out")):
        if key in found:
            _scores(found[key], title, console)
    if "comparison" in found:
        _comparison(found["comparison"], console)
    if "hard_negatives" in found:
        table = _table("False alarms on rows that only look like a risk", "rows like", "fired", "rows")
        for name, own in found["hard_negatives"].items():
            table.add_row(name, _share(own), str(own["rows"]))
        console.print(table)
    if "flips" in found:
        table = _table("Labels that change with the wording", "variant", *HEADS, "risks")
        for name, own in (*found["flips"].items(), ("paraphrase", found["paraphrases"])):
            table.add_row(name, *(_share(own[head]) for head in (*HEADS, "risks")))
        console.print(table)
    if "abstention" in found:
        table = _table("Requests of which intent or domain is unsure", "requests", "unsure", "rows")
        for name, own in found["abstention"].items():
            table.add_row(name, _share(own), str(own["rows"]))
        console.print(table)
    if "twenty_pages" in found:
        _risks(
            found["twenty_pages"], "One sentence at the end of twenty pages; false: twenty pages without one", console
        )
    if "indirect_injection" in found:
        console.print(f"Injections inside other people's texts found: {_share(found['indirect_injection'])}")
    if "speed" in found:
        own = found["speed"]
        console.print(
            f"All heads add {own['heads_ms']:.2f} ms to an encoder pass of {own['encoder_ms']:.2f} ms; "
            f"1,000 short texts run at {own['batch_throughput_ratio']:.2f} of the bare encoder's throughput."
        )


def _table(title: str, *columns: str) -> Table:
    return Table(*columns, title=title, title_justify="left", box=box.SIMPLE)


def _share(own: Mapping[str, Any]) -> str:
    if own["share"] is None:
        return "-"
    low, high = own["interval"]
    return f"{own['share']:.3f} [{low:.2f}, {high:.2f}]"


def _scores(own: Mapping[str, Any], title: str, console: Console) -> None:
    columns = ("head", "macro-F1 (95%)", "accuracy", "ECE", "answered", "error among answered", "rows")
    table = _table(title, *columns)
    for name in HEADS:
        if name in own:
            row = own[name]
            low, high = row["macro_f1_95"]
            error = row["error_among_answered"]
            cells = (row["accuracy"], row["ece"], row["answered"], "-" if error is None else error, row["rows"])
            table.add_row(name, f"{row['macro_f1']:.3f} [{low:.2f}, {high:.2f}]", *map(str, cells))
    console.print(table)
    _risks(own["risks"], f"{title}: risks", console)


def _risks(own: Mapping[str, Any], title: str, console: Console) -> None:
    table = _table(title, "risk", "recall (95%)", "with it", "false positives (95%)", "without")
    for name, row in own.items():
        recall, false = row["recall"], row["false_positives"]
        table.add_row(name, _share(recall), str(recall["rows"]), _share(false), str(false["rows"]))
    console.print(table)


def _comparison(own: Mapping[str, Any], console: Console) -> None:
    title = "Trained on the same rows (macro-F1, 95%)"
    table = _table(title, "model", *HEADS, "mean risk recall at 5% false positives")
    for name, row in own.items():
        cells = [
            f"{row[head]['macro_f1']:.3f} [{row[head]['macro_f1_95'][0]:.2f}, {row[head]['macro_f1_95'][1]:.2f}]"
            if head in row
            else "-"
            for head in HEADS
        ]
        recall = "-"
        if "risk_recall" in row:
            recall = f"{row['risk_recall']:.3f} [{row['risk_recall_95'][0]:.2f}, {row['risk_recall_95'][1]:.2f}]"
        table.add_row(name, *cells, recall)
    console.print(table)
