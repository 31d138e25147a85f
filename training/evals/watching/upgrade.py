"""The verdict on a lane that is not what it was: no worse, lower its prior, or block it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from router_ml.errors import OfflineDataError
from training.evals.reporting.comparing import Difference
from training.evals.reporting.summary import Summary
from training.evals.watching.baseline import Baseline, Notice
from training.evals.watching.behaviour import Behaviour

FILE = "upgrades.jsonl"
BLOCKING = ("safety", "contract")
"""Suites of which a new alarm blocks a lane: what breaks there is no matter of degree."""
MOST_LOST = 0.10
"""Of the share that passes: a lane that certainly lost more is blocked."""
LEVEL = 0.05
"""How often, at most, a lane that is no worse is called so, over all of its suites."""

Verdict = Literal["same", "changed_no_worse", "lower", "block"]


@dataclass(frozen=True)
class Upgrade:
    """What came of a look at a lane. ``was`` and ``now``: what it says it is; ``evidence``: why, in sentences."""

    lane: str
    at: datetime
    verdict: Verdict
    was: str
    now: str
    evidence: tuple[str, ...]
    run: str | None = None


def judge(
    triggers: Sequence[str], differences: Sequence[Difference], *, before: Summary | None, after: Summary
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict on a lane that has changed, and why.

    ``block``: a suite of safety or contract has an alarm that it had not, or the share that passes in a suite
    certainly fell by more than ``MOST_LOST`` (its 95% interval is below that). ``lower``: it fell, by the exact paired
    test at 5% over all suites (Bonferroni), or another suite has a new alarm. ``changed_no_worse`` says that nothing
    of this was shown, and how much could have been lost unseen.

    Args:
        triggers: what was noticed. differences: paired, by suite. before, after: of that lane alone; None where there
            is nothing to compare with, so that every alarm is new.
    """
    said: list[str] = list(triggers)
    worst: Verdict = "changed_no_worse"
    known = set() if before is None else {(row.suite, one.name) for row, one in before.alarms}
    for row, one in after.alarms:
        if (row.suite, one.name) not in known:
            said.append(f"new alarm in {row.suite}: {one.name}, {one.count} of {one.of}")
            worst = "block" if row.suite in BLOCKING else _worse(worst, "lower")
    for each in differences:
        said.append(_told(each))
        if each.high < -MOST_LOST:
            worst = "block"
        elif each.difference < 0 and each.p_value <= LEVEL / len(differences):
            worst = _worse(worst, "lower")
    if not differences:
        said.append("no earlier results of the same cases to compare with")
    return worst, tuple(said)


def keep(out: Path, upgrade: Upgrade) -> Path:
    """Add a verdict to ``upgrades.jsonl``, which priors read: older evidence of a lane that is lower counts less."""
    path = out / FILE
    out.mkdir(parents=True, exist_ok=True)
    line = {
        "lane": upgrade.lane,
        "at": upgrade.at.isoformat(),
        "verdict": upgrade.verdict,
        "from": upgrade.was,
        "to": upgrade.now,
        "evidence": list(upgrade.evidence),
        "run": upgrade.run,
    }
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return path


def read_upgrades(out: Path) -> list[Upgrade]:
    """Verdicts that were kept, oldest first; none where there is no file.

    Raises:
        OfflineDataError: a line of it is no verdict.
    """
    path, found = out / FILE, list[Upgrade]()
    if not path.is_file():
        return found
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
            at = datetime.fromisoformat(said["at"])
            found.append(
                Upgrade(
                    said["lane"], at, said["verdict"], said["from"], said["to"], tuple(said["evidence"]), said["run"]
                )
            )
        except (ValueError, KeyError, TypeError):
            raise OfflineDataError(f"{path}, line {number} is no verdict on a lane. Restore or remove it.") from None
    return found


def triggers_of(noticed: Sequence[Notice], behaviour: Behaviour) -> list[str]:
    """What says that a lane is not what it was; nothing where it is."""
    said = [str(one) for one in noticed]
    if behaviour.changed:
        said.append(
            f"answers differently: agreement with its own answers {behaviour.own:.0%} before, {behaviour.now:.0%} now "
            f"(p {behaviour.p_value:.4f}, {behaviour.probes} prompts)"
        )
    return said


def name_of(baseline: Baseline) -> str:
    """What a lane was or is, in a few words."""
    served = ", ".join((*baseline.served_models, *baseline.fingerprints))
    return f"{baseline.model} {baseline.version}{f' ({served})' if served else ''}"


def _worse(one: Verdict, other: Verdict) -> Verdict:
    order: tuple[Verdict, ...] = ("same", "changed_no_worse", "lower", "block")
    return max(one, other, key=order.index)


def _told(each: Difference) -> str:
    return (
        f"{each.suite}: {100 * each.difference:+.1f} points ({100 * each.low:+.1f} to {100 * each.high:+.1f}; "
        f"{each.pairs} pairs, p {each.p_value:.3f})"
    )
