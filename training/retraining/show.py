"""What a retraining, or the plan of one, says on the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router_ml.storage.bundle import Manifest
from training.retraining.gathering import Gathered
from training.retraining.learned import Learned
from training.retraining.report import PASSED


def show_plan(found: Gathered, console: Console) -> None:
    """What would be learned from, and what could not be concluded; nothing has been written."""
    console.print(f"Would learn from {found.from_pack} evaluated prompts and {found.from_log} logged ratings.")
    if found.reading is not None:
        counts = found.reading.counts
        console.print(f"The log: {counts.decisions} decisions from {counts.first} to {counts.last}.")
        table = Table("lane", "ratings", "of decisions drawn at random")
        for name, count in counts.by_lane.items():
            table.add_row(name, str(count), str(counts.randomised_by_lane[name]))
        console.print(table)
        for reason, count in counts.left_out.items():
            console.print(f"  left out, {reason}: {count}")
    for check in found.checks:
        console.print(f"  {PASSED[check.passed]}: {escape(check.name)} ({escape(check.found)}; {check.expected})")
    for name, each in found.corrections.items():
        console.print(f"  labels of {name}: {'a correction is taken' if each.taken else 'left'}; {each.reason}")
    _unknown(found.unknown, console)
    console.print("Nothing was written.")


def show(manifest: Manifest, learned: Learned, out: Path, console: Console) -> None:
    """What was made."""
    console.print(
        f"{manifest.id} in {out}: learned from {learned.from_pack} evaluated prompts and {learned.from_log} logged "
        f"ratings, lanes {', '.join(learned.allocation.quality.lanes)}."
    )
    if learned.reused:
        console.print(f"  found done: {', '.join(learned.reused)}")
    for reason, count in learned.left_out.items():
        console.print(f"  left out, {reason}: {count}")
    for check in learned.checks:
        if check.passed is False:
            console.print(f"  [bold]FAILED[/bold]: {escape(check.name)}: {escape(check.found)}. {escape(check.why)}")
    for name, each in learned.promises.certificates.items():
        console.print(f"  {name}: {each.reason} ({each.basis})")
    for name, why in learned.uncertified.items():
        console.print(f"  {name}: not certified from the log: {escape(why)}")
    _unknown(learned.unknown, console)
    if learned.report is not None:
        console.print(f"Report: {learned.report}")


def _unknown(sentences: tuple[str, ...], console: Console) -> None:
    if sentences:
        console.print("What cannot be concluded:")
    for sentence in sentences:
        console.print(f"  - {escape(sentence)}")
