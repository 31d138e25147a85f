"""``router-ml approvals``: what waits for a person, and what they say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router_ml.cli.inputs import Log, event_log
from router_ml.cli.output import AsJson, render, write, write_json
from router_ml.contract import Approval
from router_ml.errors import ReviewError

if TYPE_CHECKING:
    from router_ml.execution.reviews.reviews import Suspended

app = typer.Typer(name="approvals", help="List what waits for a person, look at it, grant or deny it.")

Id = Annotated[str, typer.Argument(help="The id of an approval.", show_default=False)]
Who = Annotated[str, typer.Option(help="Who decides; kept in the log.")]
Why = Annotated[str, typer.Option(help="Why; kept in the log. Name no person that the request is about.")]


@app.callback(invoke_without_command=True)
def pending(
    context: typer.Context,
    log: Log = None,
    as_json: AsJson = False,
) -> None:
    """List what waits, the first to expire first; or look at it, grant or deny it."""
    if context.invoked_subcommand is not None:
        return
    found = waiting(log=log)
    if as_json:
        write_json([step.model_dump(mode="json") for step in found])
        return
    from router_ml.cli.show.approvals import approvals_page

    render(approvals_page(found, now=datetime.now(UTC)))


@app.command()
def show(approval_id: Id, log: Log = None, as_json: AsJson = False) -> None:
    """Show what waits: the request, the call, the answer; as far as it may be seen here."""
    found = seen(approval_id, log=log)
    if as_json:
        write_json(found.to_dict())
        return
    from router_ml.cli.show.approvals import approval_page

    render(approval_page(found))


@app.command()
def grant(approval_id: Id, who: Who, why: Why, log: Log = None, as_json: AsJson = False) -> None:
    """Let it go on. The process that carries requests out takes it from here."""
    _said(decide(approval_id, True, who=who, why=why, log=log), as_json=as_json)


@app.command()
def deny(approval_id: Id, who: Who, why: Why, log: Log = None, as_json: AsJson = False) -> None:
    """Let it not go on, and delete what waited."""
    _said(decide(approval_id, False, who=who, why=why, log=log), as_json=as_json)


@app.command()
def expire(log: Log = None, as_json: AsJson = False) -> None:
    """Write down what nobody looked at in time, and delete what waited; run it every few minutes."""
    done = expired(log=log)
    if as_json:
        write_json([step.model_dump(mode="json") for step in done])
    else:
        write(
            "\n".join(f"{step.approval_id}: expired, then {step.on_expiry}" for step in done) or "Nothing has expired."
        )


@dataclass(frozen=True)
class Seen:
    """An approval, and what waits for it; None where that is over."""

    approval: Approval
    suspended: Suspended | None

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        waits = None if self.suspended is None else json.loads(self.suspended.to_json())
        return {"approval": self.approval.model_dump(mode="json"), "waits": waits}


def waiting(*, log: str | None = None, now: datetime | None = None) -> list[Approval]:
    """What waits for a person, the first to expire first.

    Args:
        log: path or URL of the event log; by default ``$ROUTER_ML_LOG``.

    Raises:
        LogError: the log cannot be read.
    """
    from router_ml.execution.reviews.reviews import Reviews

    with event_log(log) as events:
        return Reviews(log=events).pending(now)


def seen(approval_id: str, *, log: str | None = None, now: datetime | None = None) -> Seen:
    """An approval, and what waits for it.

    Raises:
        ReviewError: it is not known. LogError: the log cannot be read.
    """
    from router_ml.execution.reviews.reviews import Reviews

    with event_log(log) as events:
        reviews = Reviews(log=events)
        last = reviews.state(approval_id, now)
        try:
            return Seen(last, reviews.suspended(approval_id))
        except ReviewError:
            return Seen(last, None)


def decide(
    approval_id: str, granted: bool, *, who: str, why: str, log: str | None = None, now: datetime | None = None
) -> Approval:
    """Grant or deny, once; see ``Reviews.decide``.

    Raises:
        InvalidRequestError, ReviewError, LogError: nothing has changed then.
    """
    from router_ml.execution.reviews.reviews import Reviews

    with event_log(log) as events:
        return Reviews(log=events).decide(approval_id, granted, who=who, why=why, now=now)


def expired(*, log: str | None = None, now: datetime | None = None) -> list[Approval]:
    """Write down what has expired, and delete what nobody took in time; the new steps.

    Raises:
        LogError: the log cannot be written.
    """
    from router_ml.execution.reviews.reviews import Reviews

    with event_log(log) as events:
        return Reviews(log=events).expire(now)


def _said(step: Approval, *, as_json: bool) -> None:
    if as_json:
        write_json(step.model_dump(mode="json"))
    else:
        write(f"{step.approval_id}: {step.state} by {step.who}.")
