"""``router-ml log``: whether an event log is what was written, and what is taken out of it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router_ml.cli.importing import import_log
from router_ml.cli.inputs import event_log, spool_of
from router_ml.cli.output import AsJson, render, write, write_json

if TYPE_CHECKING:
    from router_ml.storage.archives.erasure import Erasure

app = typer.Typer(
    name="log",
    no_args_is_help=True,
    help="Verify an event log, import what others logged, and take out of it what has to go.",
)
app.command("import")(import_log)

Log = Annotated[str | None, typer.Option(help="Path or URL of the event log; default $ROUTER_ML_LOG.")]
Archive = Annotated[str | None, typer.Option(help="Where log compact wrote to.")]
Who = Annotated[str, typer.Option(help="Who orders it; kept in the audit event.")]
Why = Annotated[str, typer.Option(help="Why; kept in the audit event. Name no person.")]


@app.command()
def verify(
    log: Log = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="A checkpoint from before, signed with $ROUTER_ML_LOG_KEY.")
    ] = None,
    archive: Archive = None,
    as_json: AsJson = False,
) -> None:
    """Check every record against the chains (exit 1 where something was changed, removed, moved or put in)."""
    from router_ml.storage.proof.checkpoint import read_checkpoint, signing_key
    from router_ml.storage.proof.verify import verify as verify_log

    promised = None if checkpoint is None else read_checkpoint(checkpoint, signing_key())
    with event_log(log) as events:
        found = verify_log(events, checkpoint=promised, archive=archive)
    if as_json:
        write_json(found.to_dict())
    else:
        from router_ml.cli.show.log import verification_page

        render(verification_page(found, read_archive=archive is not None))
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def checkpoint(
    out: Annotated[Path, typer.Option(help="The file to write; keep it where the log is not.")],
    log: Log = None,
    as_json: AsJson = False,
) -> None:
    """Write where every chain stands, signed with $ROUTER_ML_LOG_KEY."""
    from router_ml.storage.proof.checkpoint import checkpoint as take
    from router_ml.storage.proof.checkpoint import signing_key

    key = signing_key()
    with event_log(log) as events:
        taken = take(events, now=datetime.now(UTC))
    out.write_text(taken.to_json(key), encoding="utf-8")
    entries = sum(seq for seq, _ in taken.heads.values())
    told = {"out": str(out), "writers": len(taken.heads), "entries": entries}
    write_json(told) if as_json else write(f"{entries} entries of {len(taken.heads)} chains, signed, in {out}.")


@app.command()
def erase(
    user: Annotated[str, typer.Option(help="The person, as requests named them; - reads it from standard input.")],
    who: Who,
    why: Why,
    log: Log = None,
    archive: Archive = None,
    as_json: AsJson = False,
) -> None:
    """Erase all that is about a person."""
    from router_ml.storage.archives.erasure import erase as erase_person

    name = typer.get_text_stream("stdin").read().strip() if user == "-" else user
    with event_log(log) as events:
        gone = erase_person(events, user=name, who=who, why=why, now=datetime.now(UTC), archive=archive)
    _tell(gone, as_json=as_json)


@app.command()
def expire(
    who: Who = "schedule",
    why: Why = "retention",
    log: Log = None,
    archive: Archive = None,
    as_json: AsJson = False,
) -> None:
    """Erase all whose term is over, by what the configuration said when it was written."""
    from router_ml.storage.archives.erasure import expire as expire_all

    with event_log(log) as events:
        gone = expire_all(events, who=who, why=why, now=datetime.now(UTC), archive=archive)
    _tell(gone, as_json=as_json)


@app.command()
def compact(
    before: Annotated[datetime, typer.Option(help="Decisions from before this time, UTC, as 2026-06-01.")],
    to: Annotated[str, typer.Option(help="A folder, or a URL that fsspec knows.")],
    who: Who = "schedule",
    why: Why = "compaction",
    log: Log = None,
    as_json: AsJson = False,
) -> None:
    """Move decisions of past months to Parquet files, with all that came of them."""
    from router_ml.storage.archives.archive import compact as move

    with event_log(log) as events:
        moved = move(events, before=before, to=to, now=datetime.now(UTC), who=who, why=why)
    if as_json:
        write_json(asdict(moved))
        return
    write(f"{moved.decisions} decisions ({moved.entries} records) moved to {len(moved.files)} files.")


@app.command()
def counts(log: Log = None, as_json: AsJson = False) -> None:
    """Say how much a log holds."""
    with event_log(log) as events:
        found = events.counts()
    if as_json:
        write_json(found)
        return
    from router_ml.cli.show.log import counts_table

    render(counts_table(found))


@app.command()
def spool(
    log: Log = None,
    folder: Annotated[str | None, typer.Option("--spool", help="The spool; default $ROUTER_ML_SPOOL.")] = None,
    retry: Annotated[bool, typer.Option(help="Write what was set aside, and keep what is refused again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Count what waits on this machine for a log, was refused by it, or is damaged; deliver what was refused."""
    from router_ml.storage.spooling import aside

    place = spool_of(log, folder)
    taken = None
    if retry:
        with event_log(log) as events:
            taken = aside.retry(place, events)
    found = aside.waiting_in(place)
    if as_json:
        write_json({"folder": str(place), **asdict(found), "delivered": taken})
        return
    if taken is not None:
        write(f"{taken} records that had been refused are delivered.")
    write(f"{found.waiting} records wait at most, {found.refused} are refused, {found.damaged} files are damaged.")


def _tell(gone: Erasure, *, as_json: bool) -> None:
    if as_json:
        write_json(asdict(gone))
        return
    write(f"{gone.decisions} decisions are gone, with all that came of them; {gone.files} archive files are new.")
