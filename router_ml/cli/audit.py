"""``router-ml audit``: who changed the rules of running routers; and whether what must never happen happened."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router_ml.cli.inputs import Archive, Log, event_log, moment, open_config
from router_ml.cli.output import AsJson, Model, render, write_json
from router_ml.contract import AuditEvent
from router_ml.errors import InvalidRequestError

if TYPE_CHECKING:
    from router_ml.offline.proof import Proof

EXIT = {"proven": 0, "exceptions": 1, "not shown": 2}


def audit(  # noqa: PLR0913 - a command line has as many options as it has
    *,
    log: Log = None,
    since: Annotated[
        str | None, typer.Option(help="From this day or time on, as 2026-03-01 or 2026-03-01T12:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Before this day or time.")] = None,
    where: Annotated[
        str | None, typer.Option(help="Of which decisions, as 'finding=pii and region=eu'; with --never.")
    ] = None,
    never: Annotated[
        str | None, typer.Option(help="What must never have been so of any place, as 'boundary=public'.")
    ] = None,
    archive: Archive = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="A checkpoint from before, signed with $ROUTER_ML_LOG_KEY.")
    ] = None,
    model: Model = None,
    as_json: AsJson = False,
) -> None:
    """List who changed the rules of running routers. With --never, prove that something never happened (exit 0), list
    where it did (1), or say why that cannot be shown (2)."""
    if never is None and (where is not None or until is not None):
        raise InvalidRequestError("Found --where or --until without --never. Say what must never have been so.")
    if never is None:
        _print(audit_events(log=log, since=since), as_json=as_json)
        return
    found = proof(
        log=log,
        where=where,
        never=never,
        since=since,
        until=until,
        archive=archive,
        checkpoint=checkpoint,
        model=model,
    )
    if as_json:
        write_json(found.to_dict())
    else:
        from router_ml.cli.show.proof import proof_page

        render(proof_page(found))
    raise typer.Exit(EXIT[found.answer])


def audit_events(*, log: str | None = None, since: str | datetime | None = None) -> list[AuditEvent]:
    """The audit events of an event log, oldest first.

    Args:
        log: path or URL; by default ``$ROUTER_ML_LOG``.
        since: from this time on, as ISO 8601 or datetime; without a zone it counts as UTC.

    Raises:
        InvalidRequestError: the time cannot be read. LogError: the log cannot.
    """
    with event_log(log) as events:
        return events.audit_events(_time(since, "--since"))


def proof(
    *,
    never: str,
    where: str | None = None,
    log: str | None = None,
    since: str | datetime | None = None,
    until: str | datetime | None = None,
    archive: str | None = None,
    checkpoint: Path | None = None,
    model: str | None = None,
) -> Proof:
    """Whether something never happened, from an event log; see ``router_ml.offline.proof.prove``.

    Args:
        model: whose configuration says which values there are; by default ``$ROUTER_ML_MODEL``, else the shipped one.

    Raises:
        InvalidRequestError: a condition or a time cannot be read. LogError: the log cannot. ConfigError, BundleError,
            RegistryError: the configuration cannot.
    """
    from router_ml.offline.proof import prove
    from router_ml.storage.proof.checkpoint import read_checkpoint, signing_key

    promised = None if checkpoint is None else read_checkpoint(checkpoint, signing_key())
    start, end = _time(since, "--since"), _time(until, "--until")
    with event_log(log) as events:
        _, config = open_config(model=model)
        return prove(
            events,
            where=where,
            never=never,
            since=start,
            until=end,
            archive=archive,
            checkpoint=promised,
            config=config,
        )


def _time(value: str | datetime | None, option: str) -> datetime | None:
    return moment(value, option) if isinstance(value, str) else value


def _print(found: list[AuditEvent], *, as_json: bool) -> None:
    if as_json:
        write_json([event.model_dump(mode="json") for event in found])
        return
    from router_ml.cli.show.decisions import audit_page

    render(audit_page(found))
