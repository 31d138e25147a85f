"""The whole loop once, on real outcomes: route, carry out, log, learn, evaluate, simulate, promote; by ``make demo``.

The outcome pack is split by group into three parts. The champion learns from the first, as if it had been evaluated.
The second comes in as traffic of the class ``pilot``, which explores more than others: the champion draws a lane for
each request, only that lane's outcome is seen, and 70% of them are rated. A challenger learns from the evaluations and
from the first four days of traffic; the last three judge it. The third part is held out from everything.
"""

from __future__ import annotations

import shutil
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from router_ml.cli.show.gate import verdict_page
from router_ml.contract import Constraints, Outcome, Previous, RouteRequest
from router_ml.offline.gate import Verdict, evaluate
from router_ml.offline.simulation.traffic.packed import understood
from router_ml.rollout import Rollout
from router_ml.router import Router
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog
from router_ml.storage.loading import shipped_bundle
from router_ml.storage.registry import Lifecycle, Version
from training.demonstration.execution import carry_out
from training.demonstration.requests import telling_requests
from training.demonstration.results import held_out, outages
from training.outcomes import Pack, load_pack
from training.retrain import retrain

ROOT = Path(__file__).parents[1]
OUT = ROOT / "runs" / "demo"
STORE = f"sqlite:///{ROOT / 'mlflow' / 'mlflow.db'}"
SEED = 7
RATED = 0.7
LEARN_DAYS = 4
MARGIN = 0.02
MIN_EFFECTIVE = 100  # a week of demo traffic is small
WHO = "the demo"
console = Console(width=None if sys.stdout.isatty() else 132)


def route_telling(router: Router) -> None:
    """Route the telling requests, and a follow-up in the session of the first, and print why they go where they go."""
    table = Table("request", "lane", "route", "why", title="Requests that tell", title_justify="left")
    requests = telling_requests()
    decisions = router.predict_routes([request for _, request in requests], seeds=range(len(requests)))
    first = decisions[0]
    previous = Previous(decision_id=first.decision_id, lane=first.lane, cached_tokens=400, turn=1)
    follow_up = RouteRequest(text="And how fast are they?", previous=previous)
    rows = [*zip((name for name, _ in requests), decisions, strict=True)]
    rows.append(("follow-up in a session", router.predict_route(follow_up, seed=len(requests))))
    for name, decision in rows:
        policies = ", ".join(fired.id for fired in decision.policies)
        why = f"{decision.reason} [dim]{policies}[/dim]" if policies else decision.reason
        table.add_row(name, decision.lane or f"[bold]{decision.action}[/bold]", decision.route, why)
    console.print(table)


def traffic(router: Router, log: EventLog, pack: Pack, lanes: dict[str, int], start: datetime) -> None:
    """Route the pack as a week of traffic and log what the chosen lane really scored and cost."""
    bundle = router.bundle or Bundle.load(shipped_bundle())
    random = np.random.default_rng(SEED)
    withheld = RouteRequest(
        text="(the text does not ship)", traffic_class="pilot", constraints=Constraints(allow_lanes=tuple(lanes))
    )
    outcomes, explored = [], 0
    for row in track(range(len(pack.group)), "traffic", transient=True, disable=not sys.stdout.isatty()):
        at = start + timedelta(days=7 * row / len(pack.group))
        decision = router.decide(withheld, understood(pack, row, bundle), seed=int(random.integers(2**53)), now=at)
        explored += decision.explored
        if decision.lane is None:
            continue
        column = lanes[decision.lane]
        outcomes.append(
            Outcome(
                decision_id=decision.decision_id,
                executed_lane=decision.lane,
                quality=float(pack.quality[row, column]) if random.random() < RATED else None,
                rated_probability=RATED,
                cost_usd=float(pack.cost_usd[row, column]),
                source="judge",
                at=at + timedelta(minutes=5),
            )
        )
    log.log_outcomes(outcomes)
    console.print(f"{len(outcomes)} more requests logged with outcomes, {explored} of them explored.")


def first_champion(release: Lifecycle, base: Path, evaluated: Pack) -> Version:
    """Learn from evaluations alone, register, and make it the champion."""
    manifest, _ = retrain(base=base, out=OUT / "champion", pack=evaluated, log=None)
    metrics = {"prompts": len(evaluated.group)}
    why, datasets = "learned from evaluations", {"pack": evaluated.digest}
    version = release.register(OUT / "champion", who=WHO, why=why, metrics=metrics, datasets=datasets)
    release.promote(version.version, who=WHO, why="a demo starts anew", force=True)
    console.print(f"{manifest.id}, learned from {len(evaluated.group)} evaluated prompts, is {version.uri} (champion).")
    return version


def challenge(log: EventLog, evaluated: Pack, cut: datetime) -> tuple[Bundle, Verdict]:
    """Learn from what was logged before ``cut``, and let what came after judge it."""
    console.rule("3. Learn from the log")
    base, out = OUT / "champion", OUT / "challenger"
    manifest, learned = retrain(base=base, out=out, pack=evaluated, log=log, until=cut)
    console.print(
        f"{manifest.id} learned from {learned.from_pack} evaluated prompts and {learned.from_log} outcomes of the "
        f"first {LEARN_DAYS} days; the days after judge it."
    )
    console.rule("4. Is it better? From the log, before any traffic sees it")
    challenger, champion = Bundle.load(out), Bundle.load(base)
    release = champion.config.release.model_copy(update={"margin": MARGIN, "min_effective": MIN_EFFECTIVE})
    found = evaluate(challenger, champion, log, release=release)
    console.print(verdict_page(found))
    return challenger, found


def promote(release: Lifecycle, found: Verdict) -> None:
    """Register the challenger and promote it if the verdict says so, under a process that serves all the while."""
    with Rollout.open(f"models:/{release.name}", tracking_uri=STORE, poll_seconds=0) as serving:
        version = release.register(
            OUT / "challenger",
            who=WHO,
            why="learned from four days of traffic",
            metrics={} if found.comparison is None else {"dr_quality": found.comparison.dr.value},
            files=[OUT / "cost_quality.png", OUT / "outage.svg", OUT / "outage.html"],
        )
        release.judge(version.version, found.verdict, report=found.to_dict())
        console.print(
            f"{version.uri} is the challenger; verdict at a margin of {MARGIN}: [bold]{found.verdict}[/bold]."
        )
        if found.verdict == "promote":
            step = release.promote(version.version, who=WHO, why="the log says so")
            console.print(
                f"Champion: {step.before['champion']} -> {step.after['champion']}, event {step.event.event_id}."
            )
        serving.refresh()  # by itself it looks every two seconds
        decision = serving.predict_route("Which planet has the strongest winds, and why?", seed=0)
    console.print(f"Routed again by {decision.versions.registry}: {decision.lane}. {decision.reason}")


def main() -> None:
    """Run the loop."""
    started = time.monotonic()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    shipped = Bundle.load(shipped_bundle())
    pack = load_pack(encoder=shipped.encoder.sha256)
    evaluated, stream, test = pack.split(0.12, 0.63, seed=SEED)
    lanes = {name: pack.lanes.index(x.outcomes) for name, x in shipped.config.lanes.items() if x.outcomes in pack.lanes}

    console.rule("1. A champion, from evaluations")
    with EventLog(OUT / "log.sqlite") as log:
        release = Lifecycle(log, tracking_uri=STORE)
        first_champion(release, shipped.folder, evaluated)
        console.rule("2. Route, carry out, and log")
        champion = Router.load(f"models:/{release.name}@champion", log=OUT / "log.sqlite", tracking_uri=STORE)
        route_telling(champion)
        told = carry_out(console, champion.bundle or shipped, log)
        console.print(f"The whole story of the last: router-ml explain {told} --log {OUT.relative_to(ROOT)}/log.sqlite")
        start = datetime.now(UTC) - timedelta(days=8)
        traffic(champion, log, stream, lanes, start)
        challenger, found = challenge(log, evaluated, start + timedelta(days=LEARN_DAYS))

        console.rule("5. Held-out prompts: what it costs and what it scores")
        held_out(console, challenger, test, evaluated, lanes, OUT / "cost_quality.png")
        console.rule("6. What if a vendor goes dark for 48 hours?")
        outages(console, challenger, test, OUT)
        console.rule("7. Promote")
        promote(release, found)
    took = time.monotonic() - started
    console.print(f"\nAll of it took {took:.0f} s. Log, bundles and plots are in {OUT.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
