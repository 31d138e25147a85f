"""What a scan says of a request, and shares of many."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from router_ml import Router
from router_ml.config.rules import Guardrails
from router_ml.contract import RouteRequest
from router_ml.errors import OfflineDataError
from router_ml.guardrails import Scan, scan
from training.reading.metrics import share

Look = Callable[[RouteRequest], Scan]
MAX_BYTES = Guardrails().max_bytes
PRIVATE = ("pii", "secrets")
ANY = "any"  # an item for which either risk counts
SURE = 0.4  # score from which the peer's finding counts; below are digits of the right length without context
PEER = Path(__file__).parents[1] / "redteam" / "peer.py"
PEER_NEEDS = (
    "The peer is left out. python -m venv peer && peer/bin/pip install presidio-analyzer, "
    "then --peer-python peer/bin/python."
)


@dataclass(frozen=True)
class Item:
    """A request, what has to be reported for it, and what it is counted under."""

    request: RouteRequest
    risk: str
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All that the request says, as one text: what a scanner of texts would be given."""
        return "\n".join(
            text for part, text in self.request.strings() if not (part.startswith("messages") and part.endswith("key"))
        )


@dataclass(frozen=True)
class Verdict:
    """What was said of an item: by rule, by being undecided, in how long, and by the peer (None: not asked).

    ``named``: at least a name was recorded, which alone is no finding of risk.
    """

    reported: bool
    unknown: bool
    seconds: float = 0.0
    peer: float | None = None
    named: bool = False

    @property
    def found(self) -> bool:
        """Reported, or treated as if."""
        return self.reported or self.unknown


def scanned(request: RouteRequest) -> Scan:
    """The scan by patterns, with the router's default limit of bytes."""
    return scan(request, max_bytes=MAX_BYTES)


@cache
def _router() -> Router:
    return Router.load()


def scanned_by_router(request: RouteRequest) -> Scan:
    """The scan that the shipped router makes: patterns, and the tagger of names and addresses."""
    return _router().scan(request)


def judge(
    items: Sequence[Item], *, peer: Peer | None = None, what: str = "scanning", look: Look = scanned
) -> list[Verdict]:
    """A verdict on each item by a scan, with the peer's score where there is a peer."""
    scores = peer.scores([item.text for item in items]) if peer is not None else [None] * len(items)
    steps = track(items, what, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    return [_verdict(item, score, look) for item, score in zip(steps, scores, strict=True)]


def _verdict(item: Item, score: float | None, look: Look) -> Verdict:
    began = time.perf_counter()
    said = look(item.request)
    seconds = time.perf_counter() - began
    reported = any(item.risk in (ANY, risk.name) for risk in said.risks if risk.name in PRIVATE)
    return Verdict(reported, said.state == "unknown" and not reported, seconds, score, bool(said.findings))


def counted(verdicts: Iterable[Verdict]) -> dict[str, Any]:
    """Recall with its interval, of which undecided, and the peer's, sure and at any score."""
    rows = list(verdicts)
    asked = [row.peer for row in rows if row.peer is not None]
    made: dict[str, Any] = {
        "found": share(np.array([row.found for row in rows], bool)),
        "unknown": share(np.array([row.unknown for row in rows], bool))["share"],
        "median_ms": round(1000 * float(np.median([row.seconds for row in rows])), 3) if rows else None,
    }
    if asked:
        made["peer"] = share(np.array([score >= SURE for score in asked], bool))
        made["peer_any_score"] = share(np.array([score > 0 for score in asked], bool))
    return made


def by(items: Sequence[Item], verdicts: Sequence[Verdict], *names: str) -> dict[str, Any]:
    """Counts for each value of a key, or nested for several."""
    groups: dict[str, list[int]] = {}
    for at, item in enumerate(items):
        if names[0] in item.keys:
            groups.setdefault(item.keys[names[0]], []).append(at)
    if len(names) == 1:
        return {value: counted(verdicts[at] for at in rows) for value, rows in groups.items()}
    return {
        value: by([items[at] for at in rows], [verdicts[at] for at in rows], *names[1:])
        for value, rows in groups.items()
    }


@dataclass
class Peer:
    """Another detector, in an interpreter that has it."""

    python: str
    version: str = ""
    seconds: list[float] = field(default_factory=list)

    @classmethod
    def at(cls, python: Path | None) -> Peer | None:
        """The peer of this interpreter, or of this one if none is given; None if it is not there."""
        if python is not None:
            return cls(str(python))
        return cls(sys.executable) if find_spec("presidio_analyzer") else None

    def scores(self, texts: Sequence[str]) -> list[float | None]:
        """The highest score of a direct finding in each text; times are added to ``seconds``.

        Raises:
            OfflineDataError: the interpreter has no peer, or it failed.
        """
        lines = "".join(json.dumps(text) + "\n" for text in texts)
        ran = subprocess.run([self.python, str(PEER)], input=lines, capture_output=True, text=True, check=False)
        answers = [json.loads(line) for line in ran.stdout.splitlines()]
        if ran.returncode or len(answers) != len(texts) + 1:
            raise OfflineDataError(f"{self.python} could not run the peer (exit {ran.returncode}). {PEER_NEEDS}")
        self.version = answers[0]["version"]
        self.seconds += [answer["seconds"] for answer in answers[1:]]
        return [float(answer["score"]) for answer in answers[1:]]
