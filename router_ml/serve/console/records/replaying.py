"""Whether a decision comes out the same when it is made again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from router_ml.errors import RouterError
from router_ml.serve.console.service.served import routers
from router_ml.serve.problems import said_of

if TYPE_CHECKING:
    from router_ml.contract import RouteDecision
    from router_ml.serve.gateway import Gateway

SHOWN = 20


@dataclass(frozen=True)
class Again:
    """``same``: None where it could not be made again, with ``words`` why; ``differences``: field, recorded, found."""

    same: bool | None
    words: str
    differences: tuple[tuple[str, str, str], ...] = ()


def replayed(gateway: Gateway, decision: RouteDecision) -> Again:
    """Make a decision again with what this process serves; nothing is written."""
    from router_ml.offline.replay import replay

    log = gateway.log
    if log is None or log.decision(decision.decision_id) is None:
        return Again(None, "It is not in the event log yet. Try again in a moment.")
    made_by = next(
        (one for one in routers(gateway) if one.rules.base.versions.bundle == decision.versions.bundle), None
    )
    if made_by is None:
        return Again(
            None,
            f"It was made by bundle {decision.versions.bundle}, which this process does not serve. Run "
            f"router-ml replay --id {decision.decision_id} --bundle with that one.",
        )
    try:
        report = replay(log, made_by.bundle or made_by.config, ids=[decision.decision_id], configs=[made_by.config])
    except RouterError as error:
        return Again(None, said_of(error)[1]["error"]["message"])
    if report.not_replayed:
        return Again(None, f"It cannot be made again: {next(iter(report.not_replayed))}.")
    source = next((name for name in ("text", "embedding", "estimates") if getattr(report, f"from_{name}")), "estimates")
    if not report.differences:
        return Again(True, f"Made again from its {source}, it comes out the same, bit for bit.")
    advice = " ".join(report.to_dict()["advice"].values())
    rows = tuple((each.field, _short(each.recorded), _short(each.found)) for each in report.differences[:SHOWN])
    return Again(False, f"Made again from its {source}, {len(report.differences)} fields differ. {advice}", rows)


def _short(value: object) -> str:
    said = str(value)
    return said if len(said) <= 80 else f"{said[:79]}…"
