"""``python -m training.evals agreement``: a judge against what people said of the same answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from router_ml.cli.output import AsJson, render, write, write_json
from router_ml.errors import OfflineDataError
from training.evals.judges.agreement import Measured
from training.evals.judges.labelled import JudgeReport, applied, judge_report, read_labels
from training.evals.results import read_results


def command(
    labels: Annotated[
        Path, typer.Argument(help="CSV or JSONL with case and human, and lane, repeat, judge if needed.")
    ],
    run: Annotated[
        list[Path] | None, typer.Option(help="Folder of a run in which the judge judged; may be given again.")
    ] = None,
    check: Annotated[str, typer.Option(help="The judge, by its name as a check.")] = "rubric",
    apply: Annotated[
        list[Path] | None, typer.Option(help="Run that nobody labelled: its shares, corrected by how the judge errs.")
    ] = None,
    grades: Annotated[bool, typer.Option("--grades", help="Compare grades of 1 to 5, not verdicts.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare a judge with people: agreement, kappa, AC1, how often it errs which way, and what it is worth."""
    results = read_results(*run) if run else []
    found = judge_report(read_labels(labels, graded=grades), results, check=check, graded=grades)
    if apply and found.verdicts is None:
        raise OfflineDataError("--apply corrects verdicts, not grades. Leave out --grades.")
    other = applied(found.verdicts, read_results(*apply), check=check) if apply and found.verdicts else {}
    if as_json:
        shares = {lane: asdict(one) for lane, one in other.items()}
        write_json(_finite({**asdict(found), "applied": shares}))
        return
    render(_table(found, check, other))
    for line in _notes(found):
        write(line)


def _finite(value: object) -> object:
    """A value without NaN, which JSON has not."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _table(found: JudgeReport, check: str, other: Mapping[str, Measured]) -> Table:
    table = Table("measure", "value", "95%", "answers", title=f"{check} against people")
    rows: list[tuple[str, Measured]] = []
    if (verdicts := found.verdicts) is not None:
        rows = [
            ("agreement", verdicts.raw),
            ("Cohen's kappa", verdicts.kappa),
            ("Gwet's AC1", verdicts.ac1),
            ("sensitivity: passes what is right", verdicts.sensitivity),
            ("specificity: fails what is wrong", verdicts.specificity),
            ("bias: passes more than people", verdicts.bias),
        ]
    if (graded := found.grades) is not None:
        rows = [
            ("same grade", graded.same),
            ("kappa, squared weights", graded.kappa),
            ("Spearman", graded.spearman),
            ("shift: grades higher than people", graded.shift),
        ]
    if found.corrected is not None:
        rows.append(("right answers, corrected by people", found.corrected))
    if found.position is not None:
        rows.append(("same verdict in both orders", found.position.consistent))
    rows += [(f"right answers of {lane}, corrected", one) for lane, one in other.items()]
    for name, one in rows:
        table.add_row(name, f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}", str(one.n))
    return table


def _notes(found: JudgeReport) -> list[str]:
    said = []
    if found.verdicts is not None:
        said.append(", ".join(f"{name}: {count}" for name, count in found.verdicts.table.items()))
        said.append(f"A bias as large by chance alone: p = {found.verdicts.p_bias:.3g} (McNemar, exact).")
    if found.judged_share is not None:
        said.append(f"The judge itself passes {found.judged_share:.1%}.")
    if found.position is not None:
        p = found.position
        said.append(f"The place alone decided for A {p.a} times, for B {p.b} times (p = {p.p:.3g}).")
    if found.unjudged:
        said.append(f"{found.unjudged} labelled answers have no verdict of the judge and are left out.")
    if found.cost_usd:
        said.append(f"Judging cost {found.cost_usd:.4f} USD.")
    return said
