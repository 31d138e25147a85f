"""``router-ml lane off|on|list``: the kill switch of everything that a log's routers could call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router_ml.cli.inputs import Log, event_log, moment, on_log, open_config
from router_ml.cli.output import AsJson, Model, write, write_json
from router_ml.errors import InvalidRequestError

if TYPE_CHECKING:
    from router_ml.state.sharing.switches import Switch

app = typer.Typer(
    name="lane", no_args_is_help=True, help="Turn lanes, providers or failure domains off for every router of a log."
)

Who = Annotated[str, typer.Option(help="Who says so.")]
Why = Annotated[str, typer.Option(help="For the audit log.")]


@app.command()
def off(  # noqa: PLR0913 - a command line has as many options as it has
    places: Annotated[list[str], typer.Argument(help="Lanes, providers or failure domains.")],
    *,
    who: Who,
    why: Why,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="On again by itself after so many minutes.")] = None,
    until: Annotated[str | None, typer.Option(help="On again by itself at this time, as 2026-03-01T12:00Z.")] = None,
    log: Log = None,
    config: Annotated[Path | None, typer.Option(help="The router.yaml that names the lanes.")] = None,
    model: Model = None,
    as_json: AsJson = False,
) -> None:
    """Turn places off, within seconds and until they are turned on, in every router that reads the log."""
    from router_ml.state.health import places_of
    from router_ml.state.sharing.switches import turn_off

    if minutes is not None and until is not None:
        raise InvalidRequestError("Give --minutes or --until, not both.")
    end = moment(until, "--until") if minutes is None else datetime.now(UTC) + timedelta(minutes=minutes)
    _, known = open_config(config, model=model)
    with event_log(log) as events:
        switch = turn_off(events, places, who=who, why=why, until=end, known=places_of(known.lanes))
    if as_json:
        write_json(switch.to_dict())
        return
    write(f"{_line(switch)}\nTurn on again: router-ml lane on {switch.id} --who WHO --why WHY{on_log(log)}")


@app.command()
def on(
    name: Annotated[str, typer.Argument(help="A place, or the id of a switch.")],
    *,
    who: Who,
    why: Why,
    log: Log = None,
    as_json: AsJson = False,
) -> None:
    """Turn on again what was turned off, for every router that reads the log."""
    from router_ml.state.sharing.switches import turn_on

    with event_log(log) as events:
        event = turn_on(events, name, who=who, why=why)
    write_json(event.model_dump(mode="json")) if as_json else write(f"{name} is on again.")


@app.command("list")
def list_(log: Log = None, as_json: AsJson = False) -> None:
    """List what is off."""
    from router_ml.state.sharing.switches import switched_off

    with event_log(log) as events:
        found = switched_off(events)
    if as_json:
        write_json([switch.to_dict() for switch in found])
        return
    write("\n".join(map(_line, found)) or "Nothing is off.")


def _line(switch: Switch) -> str:
    until = f"until {switch.until.isoformat(timespec='seconds')}" if switch.until else "until it is turned on"
    return f"{switch.id}: {', '.join(switch.places)} off {until}, by {switch.event.who}: {switch.event.why}"
