"""The parts of ``router-ml outage`` that do it: begin a drill, end it, and say what it showed."""

from __future__ import annotations

from router_ml.cli.inputs import event_log, on_log
from router_ml.cli.output import render, write, write_json
from router_ml.config import RouterConfig
from router_ml.errors import InvalidRequestError
from router_ml.offline.outage.report import OutageReport


def begin(
    report: OutageReport,
    *,
    log: str | None,
    share: float,
    minutes: float,
    said: tuple[str | None, str | None],
    rules: RouterConfig | None,
    anyway: bool,
    as_json: bool,
) -> None:
    """Say what ``report`` expects, and begin a drill of what it is about; see ``outage.drill.start``. ``said``: who and
    why."""
    from router_ml.offline.outage.drill import start, that_stop

    who, why = _said(*said)
    if not as_json:
        write(report.verdict)
        for stop in that_stop(report):
            write(f"Without a lane: {stop}.")
    with event_log(log) as events:
        drill = start(
            events,
            report,
            share=share,
            minutes=minutes,
            who=who,
            why=why,
            rules=rules,
            even_if_it_stops=anyway,
        )
    if as_json:
        write_json(drill.event.model_dump(mode="json"))
        return
    write(
        f"Drill {drill.id}: {report.place} counts as down for {share:.1%} of sessions of every router on this log, "
        f"until {drill.end.isoformat(timespec='seconds')}.\n"
        f"End it:       router-ml outage --end-drill {drill.id} --who WHO --why WHY{on_log(log)}\n"
        f"See how it goes: router-ml outage --drill-report {drill.id}{on_log(log)}"
    )


def end(drill_id: str, *, log: str | None, said: tuple[str | None, str | None], as_json: bool) -> None:
    """End a drill; see ``drills.end``."""
    from router_ml.state import drills

    who, why = _said(*said)
    with event_log(log) as events:
        event = drills.end(events, drill_id, who=who, why=why)
    write_json(event.model_dump(mode="json")) if as_json else write(f"Drill {drill_id} has ended.")


def report(drill_id: str, *, log: str | None, as_json: bool) -> None:
    """What a drill showed; see ``outage.drilled.drill_report``."""
    from router_ml.offline.outage.drilled import drill_report

    with event_log(log) as events:
        found = drill_report(events, drill_id)
    if as_json:
        write_json(found.to_dict())
        return
    from router_ml.cli.show.outage import drill_page

    render(drill_page(found))


def _said(who: str | None, why: str | None) -> tuple[str, str]:
    if not who or not why:
        raise InvalidRequestError("A drill is kept in the audit log: say --who and --why.")
    return who, why
