"""How what is found in an event log looks on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from router_ml.storage.proof.verify import Verification


def verification_page(found: Verification, *, read_archive: bool) -> RenderableType:
    """What was verified, and each problem on a line."""
    state = Text("The log is what was written.", "green") if found.ok else Text("The log was changed.", "bold red")
    compacted = f"{found.compacted} compacted" + ("" if read_archive or not found.compacted else " (files not read)")
    told = f"{found.entries} records in {found.writers} chains; of these {found.erased} erased, {compacted}."
    return Group(state, Text(told), *(Text(f"- {problem}") for problem in found.problems))


def counts_table(counts: Mapping[str, int]) -> RenderableType:
    """Numbers by name."""
    table = Table.grid(padding=(0, 2))
    for name, number in counts.items():
        table.add_row(name.replace("_", " "), f"{number:,}")
    return table
