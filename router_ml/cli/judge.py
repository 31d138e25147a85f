"""``router-ml savings``, ``slices`` and ``next``: what routing is worth, where it loses, and what to evaluate next."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router_ml.cli.evidence import judged, open_bundle, open_pack
from router_ml.cli.inputs import event_log
from router_ml.cli.output import AsJson, Model, render, write, write_json
from router_ml.errors import InvalidRequestError, OfflineDataError

if TYPE_CHECKING:
    from router_ml.offline.judging.candidates import Candidates

Data = Annotated[
    Path | None, typer.Option(help="An outcome pack (path without ending), instead of a log.", show_default=False)
]
Log = Annotated[str | None, typer.Option(help="Path or URL of the event log; default $ROUTER_ML_LOG.")]
Class = Annotated[
    str | None,
    typer.Option("--class", help="Traffic class: of a log, only its decisions; of a pack, whose rule routes."),
]


class By(StrEnum):
    """What cells are ranked by."""

    regret = "regret"
    evidence = "evidence"


def savings(
    data: Data = None,
    log: Log = None,
    model: Model = None,
    traffic_class: Class = None,
    baseline: Annotated[
        str | None, typer.Option(help="The lane to compare with; default: the best on average.")
    ] = None,
    margin: Annotated[
        float, typer.Option(min=0, max=1, help="How much lower quality may be and still be kept.")
    ] = 0.02,
    in_sample: Annotated[
        bool, typer.Option("--in-sample", help="Judge outcomes that the bundle has learned from, and say so.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what routing saves against always taking one lane, whether quality is kept, and where it is not."""
    evidence, seen = judged(data, log=log, model=model, traffic_class=traffic_class)
    if seen and not in_sample:
        raise OfflineDataError(
            f"The bundle has learned from {data}, so it would look better on it than it is. Give a pack that it has "
            "not seen, or a log; from a clone, python -m training.benchmark savings fits on one part and judges on the "
            "other. --in-sample judges all the same."
        )
    from router_ml.offline.judging.savings_words import to_record
    from router_ml.offline.savings import savings as compare

    found = compare(evidence, baseline=baseline, margin=margin, in_sample=seen)
    if as_json:
        write_json(to_record(found))
        return
    from router_ml.cli.show.judged import savings_page

    render(savings_page(found, log=log))


def slices(
    data: Data = None,
    log: Log = None,
    model: Model = None,
    traffic_class: Class = None,
    by: Annotated[By, typer.Option(help="Rank by what regret costs, or by how little is known.")] = By.regret,
    top: Annotated[int, typer.Option(min=1, help="How many cells to print.")] = 20,
    min_rows: Annotated[int, typer.Option(min=1, help="Leave out cells with fewer requests.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Rank the cells (intent, domain) by what routing loses there, or by how little is known of them."""
    from router_ml.offline.slices import find_slices, to_record

    evidence, seen = judged(data, log=log, model=model, traffic_class=traffic_class)
    found = find_slices(evidence, by=by.value, min_rows=min_rows)
    if as_json:
        about = {"rows": len(evidence), "in_sample": seen, "left_out": evidence.left_out, "without": evidence.without}
        write_json({**about, "notes": evidence.notes, "slices": [to_record(each) for each in found[:top]]})
        return
    from router_ml.cli.show.judged import slices_page

    render(slices_page(found[:top], evidence, in_sample=seen, of=len(found)))


def next_prompts(  # noqa: PLR0913 - a command line has as many options as it has
    *,
    data: Data = None,
    log: Log = None,
    model: Model = None,
    traffic_class: Class = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many prompts.")] = 200,
    budget: Annotated[float | None, typer.Option(min=0, help="USD that running them may cost.")] = None,
    cell: Annotated[list[str] | None, typer.Option(help="Only this cell, as qa/legal; repeatable.")] = None,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Skip lanes that are the best with less probability than this.")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Choose which prompts to evaluate next, on which lanes, and say what it costs and what it buys."""
    from router_ml.offline.next_prompts import choose, to_record

    candidates = _candidates(data, log, model, traffic_class)
    found = choose(candidates, count=count, budget_usd=budget, cells=cell or None, threshold=threshold)
    if as_json:
        write_json(to_record(found))
        return
    from router_ml.cli.show.judged import next_page

    render(next_page(found))
    write("\n".join(f"{each.id} {','.join(each.lanes)} {each.cost_usd:.6f}" for each in found.prompts))


def _candidates(data: Path | None, log: str | None, model: str | None, traffic_class: str | None) -> Candidates:
    from router_ml.offline.judging.candidates import from_log, from_pack

    if data is not None and log is not None:
        raise InvalidRequestError("Found both --data and --log, expected one: a pack, or a log.")
    bundle = open_bundle(model)
    if data is not None:
        return from_pack(open_pack(data, bundle), bundle, traffic_class=traffic_class or "default")
    with event_log(log) as events:
        logged = events.logged(encoder=bundle.encoder.sha256)
    if traffic_class is not None:
        logged = logged.select(logged.traffic_class == traffic_class)
    return from_log(logged, bundle)
