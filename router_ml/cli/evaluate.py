"""``router-ml evaluate``: is a challenger better than its champion, by what the champion logged?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router_ml.cli.inputs import event_log
from router_ml.cli.output import AsJson, render, write, write_json
from router_ml.errors import ConfigError, InvalidRequestError

if TYPE_CHECKING:
    from router_ml.offline.gating.guardrails import Example
    from router_ml.storage.bundle import Bundle
    from router_ml.storage.eventlog import EventLog

EXIT_CODES = {"promote": 0, "hold": 3, "reject": 4}


class Cluster(StrEnum):
    """Which decisions depend on each other."""

    person = "person"
    org = "org"
    day = "day"
    none = "none"


class Ratings(StrEnum):
    """Where P(rated) comes from."""

    logged = "logged"
    modelled = "modelled"


def evaluate(  # noqa: PLR0913 - a command line has as many options as it has
    bundle: Annotated[str, typer.Option(help="The challenger: a bundle folder or models:/ URI.")],
    *,
    log: Annotated[str | None, typer.Option(help="Path or URL of the event log; default $ROUTER_ML_LOG.")] = None,
    against: Annotated[
        str | None,
        typer.Option(help="The champion; default: the model that routes by default, if it wrote the log."),
    ] = None,
    since: Annotated[datetime | None, typer.Option(help="Only decisions from then on.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Only decisions before then: ratings may be late.")] = None,
    cluster: Annotated[Cluster, typer.Option(help="Whose decisions depend on each other.")] = Cluster.person,
    ratings: Annotated[
        Ratings, typer.Option(help="Modelled: nobody drew by lot what gets rated, so P(rated) is estimated.")
    ] = Ratings.logged,
    examples: Annotated[
        Path | None, typer.Option(help="A table as policy test takes it, ruled on by both bundles.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write a self-contained HTML page, too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Judge a challenger before any traffic sees it: exit 0 to promote it, 3 to hold it, 4 to reject it."""
    from router_ml.cli.evidence import open_bundle
    from router_ml.offline.gate import evaluate as judge

    challenger = open_bundle(bundle)
    with event_log(log) as events:
        champion = open_bundle(against) if against else _default_champion(events)
        pairs = tuple(_ruled(examples, challenger, champion)) if examples and champion else ()
        found = judge(
            challenger,
            champion,
            events,
            since=since,
            until=until,
            cluster=cluster.value,
            ratings=ratings.value,
            examples=pairs,
        )
    if report is not None:
        from router_ml.offline.gating.report import write_report

        write_report(found, report)
    if as_json:
        write_json(found.to_dict())
    else:
        from router_ml.cli.show.gate import verdict_page

        render(verdict_page(found))
        if report is not None:
            write(f"Report: {report}")
    raise typer.Exit(EXIT_CODES[found.verdict])


def _default_champion(events: EventLog) -> Bundle | None:
    """The model that routes by default, where this log holds decisions of it."""
    from router_ml.cli.evidence import open_bundle

    try:
        usual = open_bundle(None)
    except InvalidRequestError:  # a router.yaml
        return None
    return usual if next(events.decisions(bundle=usual.manifest.id, batch_size=1), None) is not None else None


def _ruled(file: Path, challenger: Bundle, champion: Bundle) -> Iterator[Example]:
    """A table of examples under both bundles.

    Raises:
        ConfigError: the table is wrong, or names what the challenger does not have.
    """
    from router_ml.cli.policy_run import mismatches, ruled
    from router_ml.cli.policy_table import Table
    from router_ml.offline.gating.guardrails import Example
    from router_ml.router import Router

    table = Table(file)
    if problems := list(table.problems(challenger.config)):
        raise ConfigError(problems)
    before, after = (Router(each.config, bundle=each) for each in (champion, challenger))
    for each in table.examples:
        was, now = (ruled(each, router.config, router) for router in (before, after))
        broken = any(mismatches(each.expect, now)) and not any(mismatches(each.expect, was))
        yield Example(each.name, was, now, each.request is not None, broken)
