"""``python -m training.benchmark plan``: how often the plan of a request is right, on what nothing was tuned on.

Rules alone, learned heads alone, and both as served, beside the most frequent labels and the most frequent by intent.
Hard rules are left out: they decide whether a plan is made at all, which is measured elsewhere; ``stopped`` says how
many requests the shipped ones keep from a plan.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from router_ml.planning.head import PlanHead
from router_ml.router import Router
from router_ml.ruling.case import features_vector
from router_ml.storage.bundle import Bundle
from router_ml.understanding.understand import Understanding
from training.plan_head import rows_of_set, train
from training.plan_set import FIELDS, FOLDER, LEARNED_FROM, Labelled, PlanLabels, load_part, planned, scores
from training.reading.metrics import share

SHIPPED = Path(__file__).parents[2] / "models" / "default"


def benchmark(part: str = "test", *, folder: Path = FOLDER, bundle: Bundle | None = None) -> dict[str, Any]:
    """Shares that are right by contestant and field, with 95% intervals.

    Args:
        part: of the set to measure on. What the heads learn from is every other part but ``test``.
    """
    bundle = bundle or Bundle.load(SHIPPED)
    router = Router(bundle.config, bundle=replace(bundle, plan=None))
    rows = load_part(part, folder)
    known = [row for name in LEARNED_FROM if name != part for row in load_part(name, folder)]
    understood = router.understand([row.request for row in known])
    seen = router.understand([row.request for row in rows])
    head = train(rows_of_set(known, understood))
    wanted = [row.labels for row in rows]
    found = {
        "most frequent": [_majority([row.labels for row in known])] * len(rows),
        "by intent": _by_intent(known, understood, seen),
        "rules alone": _decided(bundle, None, rows),
        **(
            {"heads alone": _guessed(head, rows, seen), "rules and heads": _decided(bundle, head, rows)} if head else {}
        ),
    }
    decisions = router.predict_routes([row.request for row in rows], seeds=range(len(rows)))
    return {
        "part": part,
        "requests": len(rows),
        "learned_from": len(known),
        "scores": {name: _shares(each, wanted) for name, each in found.items()},
        "voices": {
            voice: _shares(*zip(*mine, strict=True))
            for voice in sorted({row.voice for row in rows})
            if (mine := [(a, row.labels) for a, row in zip(_last(found), rows, strict=True) if row.voice == voice])
        },
        "stopped": share(np.array([decision.action in ("refuse", "human_review") for decision in decisions])),
    }


def _last(found: dict[str, list[PlanLabels]]) -> list[PlanLabels]:
    return list(found.values())[-1]


def _shares(found: Sequence[PlanLabels], wanted: Sequence[PlanLabels]) -> dict[str, Any]:
    return {field: share(np.array(each, bool)) for field, each in scores(found, wanted).items()}


def _decided(bundle: Bundle, head: PlanHead | None, rows: Sequence[Labelled]) -> list[PlanLabels]:
    """What a router plans that no hard rule stops."""
    free = bundle.config.model_copy(update={"policies": ()})
    router = Router(free, bundle=replace(bundle, plan=head))
    return [planned(each) for each in router.predict_routes([row.request for row in rows], seeds=range(len(rows)))]


def _guessed(head: PlanHead, rows: Sequence[Labelled], seen: Sequence[Understanding]) -> list[PlanLabels]:
    """The most likely label of every field, however sure."""
    forced = replace(head, heads={name: replace(each, threshold=0.0) for name, each in head.heads.items()})
    guesses = [forced.guess(one.embedding, features_vector(one)[:-1]) for one in seen]
    return [
        PlanLabels(
            "clarify" if guess.ask else guess.retrieval or "none",
            frozenset() if guess.ask else frozenset(guess.tools) & frozenset(row.request.allowed_tools),
            guess.output_contract or "text",
            frozenset([guess.ask] if guess.ask else []),
        )
        for guess, row in zip(guesses, rows, strict=True)
    ]


def _majority(labels: Sequence[PlanLabels]) -> PlanLabels:
    """The most frequent label of each field."""
    common = [Counter(getattr(each, field) for each in labels).most_common(1)[0][0] for field in FIELDS]
    return PlanLabels(*common)


def _by_intent(
    known: Sequence[Labelled], understood: Sequence[Understanding], seen: Sequence[Understanding]
) -> list[PlanLabels]:
    """The same among requests of the intent that the classifier says."""
    whole = _majority([row.labels for row in known])
    by_intent: dict[str, list[PlanLabels]] = {}
    for row, one in zip(known, understood, strict=True):
        by_intent.setdefault(one.intent_label.label, []).append(row.labels)
    table = {intent: _majority(labels) for intent, labels in by_intent.items()}
    return [table.get(one.intent_label.label, whole) for one in seen]


def render(report: dict[str, Any], console: Console) -> None:
    """The report as a table."""
    table = Table(title=f"{report['requests']} requests of part {report['part']}; right, with 95% intervals")
    table.add_column("")
    for field in (*FIELDS, "joint"):
        table.add_column(field.replace("_", " "), justify="right")
    for name, each in (*report["scores"].items(), *((f"  voice: {k}", v) for k, v in report["voices"].items())):
        cells = (f"{x['share']:.3f} [{x['interval'][0]:.2f}, {x['interval'][1]:.2f}]" for x in each.values())
        table.add_row(name, *cells)
    console.print(table)
    stopped = report["stopped"]
    console.print(f"Kept from a plan by the shipped hard rules: {stopped['share']:.3f} of the requests.")


def main(
    part: Annotated[str, typer.Option(help="Part of the set to measure on: test, practice, dev or train.")] = "test",
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """How often the plan of a request is right: rules, learned heads, both, and plain baselines."""
    report = benchmark(part)
    if as_json:
        sys.stdout.write(json.dumps(report) + "\n")
    else:
        render(report, Console(width=None if sys.stdout.isatty() else 132))
