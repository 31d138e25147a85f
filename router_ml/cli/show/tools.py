"""Changes of contracts as rich renderables. Names come from files of others, so nothing is read as markup."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from router_ml.execution.tools.changes import ToolChanges


def changes_page(found: ToolChanges) -> RenderableType:
    """What changed, the gravest first, and whether each version says so."""
    parts: list[RenderableType] = []
    if found.changes:
        table = Table("level", "tool", "where", "what", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for change in found.changes:
            style = "bold red" if change.level == "major" else ""
            table.add_row(
                Text(change.level, style),
                *(Text(each, overflow="fold") for each in (change.tool, change.path, change.what)),
            )
        parts += [table, Text("")]
    else:
        parts.append(Text("The contracts are the same."))
    parts += [
        Text(str(verdict), "" if verdict.ok else "bold red")
        for verdict in found.verdicts
        if verdict.needed or not verdict.ok
    ]
    parts.append(Text("Every version says what changed." if found.ok else "A version does not say what changed."))
    return Group(*parts)
