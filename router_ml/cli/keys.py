"""``router-ml keys``: who may call a gateway, kept in its event log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router_ml.cli.inputs import Log, event_log, log_url
from router_ml.cli.output import AsJson, render, write, write_json
from router_ml.errors import InvalidRequestError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from router_ml.serve.access.keys import NewKey
    from router_ml.storage.service.access import StoredKey

app = typer.Typer(name="keys", no_args_is_help=True, help="Make, list and revoke the keys of a gateway.")

Who = Annotated[str, typer.Option(help="Who does it; kept in the log.")]
Why = Annotated[str, typer.Option(help="Why; kept in the log.")]
SCOPES = "route, execute, outcomes or admin"


@app.command()
def create(  # noqa: PLR0913 - a command line has as many options as it has
    name: Annotated[str, typer.Argument(help="What the key is for, as its calls are named in logs.")],
    *,
    scope: Annotated[list[str], typer.Option(help=f"What it may do: {SCOPES}; repeatable.")],
    who: Who,
    why: Why,
    org: Annotated[str | None, typer.Option(help="Of this organisation alone; by default of all.")] = None,
    requests_per_minute: Annotated[int | None, typer.Option(help="By default no limit.")] = None,
    usd_per_day: Annotated[float | None, typer.Option(help="What it may spend on lanes; by default no limit.")] = None,
    days: Annotated[float | None, typer.Option(help="Until it expires; by default it does not.")] = None,
    log: Log = None,
    as_json: AsJson = False,
) -> None:
    """Make a key, and print it: nobody can show it again."""
    wanted = {
        "name": name,
        "scopes": scope,
        "org": org,
        "requests_per_minute": requests_per_minute,
        "usd_per_day": usd_per_day,
    }
    made = created(wanted, who=who, why=why, days=days, log=log)
    if as_json:
        write_json({"key": made.token, **made.stored.to_dict()})
    else:
        write(f"{made.token}\n\nThis is the only time that it is shown. Its id is {made.stored.key_id}.")


@app.command("list")
def list_keys(log: Log = None, as_json: AsJson = False) -> None:
    """List all keys, also those that ended, oldest first."""
    found = listed(log=log)
    if as_json:
        write_json([key.to_dict() for key in found])
    else:
        render(_page(found, datetime.now(UTC)))


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The id of a key, which is its middle part.", show_default=False)],
    who: Who,
    why: Why,
    log: Log = None,
    as_json: AsJson = False,
) -> None:
    """End a key for good; gateways follow within seconds."""
    ended = revoked(key_id, who=who, why=why, log=log)
    write_json(ended.to_dict()) if as_json else write(f"{ended.key_id}: revoked.")


def created(
    wanted: Mapping[str, Any], *, who: str, why: str, days: float | None = None, log: str | None = None
) -> NewKey:
    """Make a key.

    Args:
        wanted: the fields of a ``WantedKey``.
        days: until it expires; None: never.
        log: path or URL of the event log, which is made where there is none yet; by default ``$ROUTER_ML_LOG``.

    Raises:
        InvalidRequestError: a field is wrong. LogError: it cannot be kept.
    """
    from router_ml.serve.access.keys import WantedKey, create_key
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.service.access import AccessTable

    now = datetime.now(UTC)
    if days is not None:
        try:
            wanted = {**wanted, "expires_at": now + timedelta(days=days)}
        except (OverflowError, ValueError):
            raise InvalidRequestError(f"A key cannot expire in {days:g} days. Give fewer.") from None
    checked = WantedKey.parse(wanted)
    with EventLog(log_url(log)) as events:
        return create_key(AccessTable(events), checked, who=who, why=why, now=now)


def listed(*, log: str | None = None) -> list[StoredKey]:
    """All keys, also those that ended, oldest first.

    Raises:
        LogError: the log cannot be read.
    """
    from router_ml.storage.service.access import AccessTable

    with event_log(log) as events:
        return list(AccessTable(events).keys().values())


def revoked(key_id: str, *, who: str, why: str, log: str | None = None) -> StoredKey:
    """End a key for good.

    Raises:
        InvalidRequestError: there is none with this id. LogError: the database fails.
    """
    from router_ml.serve.access.keys import revoke_key
    from router_ml.storage.service.access import AccessTable

    with event_log(log) as events:
        return revoke_key(AccessTable(events), key_id, who=who, why=why)


def _page(found: Sequence[StoredKey], now: datetime) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    if not found:
        return Text("No key has been made: a gateway with this log serves its own machine alone.")
    table = Table(title="Keys", title_justify="left")
    for column in ("id", "name", "scopes", "org", "a minute", "USD a day", "made", "state"):
        table.add_column(column, overflow="fold", no_wrap=column == "id")
    for key in found:
        limits = ("" if most is None else f"{most:g}" for most in (key.requests_per_minute, key.usd_per_day))
        scopes, made = " ".join(sorted(key.scopes)), f"{key.created_at:%Y-%m-%d} by {key.created_by}"
        table.add_row(*map(Text, (key.key_id, key.name, scopes, key.org or "all", *limits, made, _state(key, now))))
    return table


def _state(key: StoredKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if not key.active(now):
        return f"expired {key.expires_at:%Y-%m-%d}"
    return "in force" if key.expires_at is None else f"until {key.expires_at:%Y-%m-%d}"
