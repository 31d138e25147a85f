"""``python -m training.benchmark guardrails``: what the guardrails find, miss and cost, against the red team.

Plain values of every class, the same values hidden by each technique, texts that only look private, harmless requests
in dangerous words, and milliseconds. Values, carriers and techniques come from ``training/redteam``, which was written
apart from the detectors. A case counts as found if a scan reports the risk, or is undecided, which the router treats
the same; undecided cases are shown apart, since a scanner that knows nothing would have perfect recall.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from router_ml.errors import InvalidRequestError
from training.benchmark import guardrails_clean, guardrails_recall
from training.benchmark.guardrails_probe import PEER_NEEDS, Peer
from training.benchmark.guardrails_tables import render

SECTIONS = ("plain", "hidden", "negatives", "refusals", "latency", "spans")
CELL = 5  # a class and technique get a fifth of the cases of a class


def measure(
    *, cases: int = 20, seed: int = 7, only: str | None = None, data: Path | None = None, peer: Peer | None = None
) -> dict[str, Any]:
    """What the sections find, by name; a section without its input is left out.

    Raises:
        InvalidRequestError: there is no such section, or ``spans`` was asked for without data.
    """
    if only is not None and only not in SECTIONS:
        raise InvalidRequestError(f"There is no section {only!r}. Give one of: {', '.join(SECTIONS)}.")
    if only == "spans" and data is None:
        raise InvalidRequestError("The section spans reads a file: give --data FILE.parquet.")
    runs: dict[str, Callable[[], dict[str, Any]]] = {
        "plain": lambda: guardrails_recall.plain(cases=cases, seed=seed, peer=peer),
        "hidden": lambda: guardrails_recall.hidden(cases=max(1, cases // CELL), seed=seed, peer=peer),
        "negatives": lambda: guardrails_clean.negatives(seed=seed, peer=peer),
        "refusals": guardrails_clean.refusals,
        "latency": lambda: guardrails_clean.latency(seed=seed, peer=peer),
    }
    if data is not None:
        runs["spans"] = lambda: guardrails_recall.spans(data, peer=peer)
    found: dict[str, Any] = {"seed": seed, "cases": cases}
    found.update({name: run() for name, run in runs.items() if only in (None, name)})
    if peer is not None and peer.version:
        found["peer"] = {"name": "Presidio without a model", "version": peer.version}
    return found


def main(
    data: Annotated[Path | None, typer.Option(help="Texts with marked personal data (.parquet), as pii_spans.")] = None,
    seed: Annotated[int, typer.Option(help="Of values, carriers and techniques.")] = 7,
    cases: Annotated[int, typer.Option(min=1, help="Of each class; a fifth of it for each technique.")] = 20,
    only: Annotated[str | None, typer.Option(metavar="SECTION", help=f"One of: {', '.join(SECTIONS)}.")] = None,
    with_peer: Annotated[bool, typer.Option("--peer/--no-peer", help="Presidio on the same texts.")] = True,
    peer_python: Annotated[Path | None, typer.Option(help="An interpreter that has presidio-analyzer.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """What the guardrails find and miss: all classes, techniques that hide them, false positives, latency."""
    peer = Peer.at(peer_python) if with_peer else None
    found = measure(cases=cases, seed=seed, only=only, data=data, peer=peer)
    if as_json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
        return
    console = Console(width=None if sys.stdout.isatty() else 132)
    render(found, console)
    if with_peer and peer is None:
        console.print(PEER_NEEDS)
