"""``python -m training.evals upgrade LANE``: is a lane what was evaluated? If not: suites, verdict, kill switch."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from shlex import join
from typing import Annotated

import typer

from router_ml.cli.output import AsJson, Model, write, write_json
from router_ml.errors import InvalidRequestError
from router_ml.execution.lanes.calls import LiteLLMLanes
from training.evals.running.opening import open_bench, open_suites
from training.evals.running.run import OUT, Options
from training.evals.watching.baseline import read_baseline, served_in
from training.evals.watching.behaviour import Behaviour
from training.evals.watching.looking import Watcher
from training.evals.watching.upgrade import Upgrade

WORSE = 1


def command(  # noqa: PLR0913 - a command line has as many options as it has
    lane: Annotated[str, typer.Argument(help="The lane to look at.")],
    suites: Annotated[list[str] | None, typer.Argument(help="Suites to run where it changed; all by default.")] = None,
    *,
    baseline: Annotated[bool, typer.Option("--baseline", help="Take its baseline now, instead of looking.")] = False,
    log: Annotated[str | None, typer.Option(help="Event log: what executions say it served, and the switch.")] = None,
    act: Annotated[bool, typer.Option("--act", help="Switch the lane off where the verdict is block.")] = False,
    who: Annotated[str | None, typer.Option(help="With --act: who says so.")] = None,
    why: Annotated[str | None, typer.Option(help="With --act: for the audit log.")] = None,
    config: Annotated[Path | None, typer.Option(help="router.yaml; default: that of the bundle.")] = None,
    model: Model = None,
    out: Annotated[Path, typer.Option(help="Folder of runs.")] = OUT,
    budget: Annotated[float | None, typer.Option(min=0, help="USD that the suites may spend.")] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Look at a lane: what it says it is, and whether it answers as it did. Where it changed, run suites against it.

    Exit code 1: the verdict is lower or block; 2: something could not be done.
    """
    os.environ.setdefault("LITELLM_LOG", "ERROR")
    if act and not (who and why and log):
        raise InvalidRequestError("--act switches the lane off for every router of a log: give --log, --who and --why.")
    bench = open_bench(model, config)
    watcher = Watcher(bench, LiteLLMLanes(bench.config.lanes), out, Options(budget_usd=budget, anew=True))
    if baseline:
        taken = watcher.take_baseline(lane)
        count = sum(map(len, taken.answers.values()))
        if as_json:
            write_json(taken.model_dump(mode="json", exclude={"answers"}) | {"count": count})
            return
        write(f"The baseline of {lane} is {count} answers; served: {', '.join(taken.served_models) or 'not said'}.")
        return
    upgrade, behaviour = watcher.look(lane, open_suites(suites or []), logged=_logged(log, out, lane))
    switched = _switch(upgrade, log=log, who=who, why=why) if act and upgrade.verdict == "block" else None
    if as_json:
        said = {**asdict(upgrade), "at": upgrade.at.isoformat(), "behaviour": asdict(behaviour), "switch": switched}
        write_json(said)
    else:
        _say(upgrade, behaviour, switched)
    if upgrade.verdict in ("lower", "block"):
        raise typer.Exit(WORSE)


def _logged(log: str | None, out: Path, lane: str) -> list[str]:
    taken = read_baseline(out, lane)
    if log is None or taken is None:
        return []
    from router_ml.cli.inputs import event_log

    with event_log(log) as events:
        return served_in(events, lane, since=taken.at)


def _switch(upgrade: Upgrade, *, log: str | None, who: str | None, why: str | None) -> str:
    from router_ml.cli.inputs import event_log
    from router_ml.state.sharing.switches import turn_off

    with event_log(log) as events:
        return turn_off(events, [upgrade.lane], who=str(who), why=str(why)).id


def _say(upgrade: Upgrade, behaviour: Behaviour, switched: str | None) -> None:
    verdict = upgrade.verdict.replace("_", ", ")
    lines = [f"{upgrade.lane}: {verdict}. It was {upgrade.was}; it is {upgrade.now}."]
    lines += [f"- {one}" for one in upgrade.evidence]
    if upgrade.verdict == "same":
        lines.append(
            f"Its answers agree with its own at {behaviour.now:.0%}, as they did among themselves at "
            f"{behaviour.own:.0%} (p {behaviour.p_value:.3f})."
        )
    if upgrade.verdict == "lower":
        lines.append("Work out priors again: python -m training.evals priors; what it answered before counts less.")
    if switched is not None:
        lines.append(f"It is switched off: {switched}.")
    elif upgrade.verdict == "block":
        said = ["router-ml", "lane", "off", upgrade.lane, "--who", "WHO", "--why", upgrade.evidence[0]]
        lines.append(f"Nothing was switched off. To do so: {join(said)}")
    write("\n".join(lines))
