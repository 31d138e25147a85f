"""``router-ml spend``: what requests cost, by whom, and what routing saved."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router_ml.cli.inputs import Archive, Log, event_log, moment
from router_ml.cli.output import AsJson, render, write, write_json
from router_ml.errors import InvalidRequestError

if TYPE_CHECKING:
    from router_ml.offline.spend import Spend


class Format(StrEnum):
    """How to print or write rows."""

    table = "table"
    csv = "csv"
    parquet = "parquet"
    json = "json"


def spend(  # noqa: PLR0913 - a command line has as many options as it has
    *,
    log: Log = None,
    by: Annotated[
        str, typer.Option(help="Any of org, class, lane, month, day, intent, domain, tier, arm, provider.")
    ] = "org,class",
    since: Annotated[str | None, typer.Option(help="From this day or time on, as 2026-03-01.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this day or time.")] = None,
    baseline: Annotated[
        str | None, typer.Option(help="The lane to compare with; default: the dearest that rules left.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="Of the output.")] = Format.table,
    archive: Archive = None,
    out: Annotated[Path | None, typer.Option(help="Write to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what requests cost, by group; what retries, exploration and each rule cost; what routing saved."""
    form = Format.json if as_json else form
    if (form is Format.parquet and out is None) or (form is Format.table and out is not None):
        raise InvalidRequestError("Give --out FILE with --format parquet, csv or json; parquet needs one.")
    from router_ml.offline.spend import spent
    from router_ml.storage.views.stories import archived_files, stories

    with event_log(log) as events:
        start, end = moment(since, "--since"), moment(until, "--until")
        told = stories(events, since=start, until=end, archive=archive)
        found = spent(told, by=[name.strip() for name in by.split(",") if name.strip()], baseline=baseline)
        if archive is None and (left := sum(file.decisions for file in archived_files(events, since=start, until=end))):
            note = f"{left} decisions of these months were moved to an archive and left out. Give --archive."
            found = replace(found, notes=(*found.notes, note))
    if form is Format.table:
        from router_ml.cli.show.spend import spend_page

        render(spend_page(found))
    elif form is Format.parquet and out is not None:
        from router_ml.offline.spend import to_frame

        to_frame(found).to_parquet(out, index=False)
    elif form is Format.csv:
        _put(as_csv(found), out)
    elif out is not None:
        import json

        _put(json.dumps(found.to_dict(), indent=2, ensure_ascii=False), out)
    else:
        write_json(found.to_dict())


def as_csv(found: Spend) -> str:
    """The rows as CSV with a header; what is not known is empty."""
    from router_ml.offline.spend import columns

    page = io.StringIO()
    rows = csv.DictWriter(page, fieldnames=columns(found.by), lineterminator="\n")
    rows.writeheader()
    rows.writerows(found.records())
    return page.getvalue()


def _put(text: str, out: Path | None) -> None:
    if out is None:
        write(text)
    else:
        out.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
