"""Recall of the guardrails: plain values of every class, and each technique that hides them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from router_ml.contract import RouteRequest
from training.benchmark.guardrails_probe import ANY, Item, Peer, Verdict, by, counted, judge, scanned_by_router
from training.reading.metrics import share
from training.redteam.carriers import Case, make_cases
from training.redteam.decoys import DECOYS
from training.redteam.evasions import TECHNIQUES
from training.redteam.kinds import Kind
from training.redteam.technique import Technique, hide
from training.redteam.values import KINDS

PEER_ROWS = 40  # per technique: the peer takes 10 ms a text
ROWS = 30  # a technique for few classes gets more cases of each, up to about so many, or ten times as many
DECOY_CASES = 4  # a technique fits few kinds of decoys
_DRAWS = 3
_LEVELS = (("families", "family"), ("techniques", "technique"), ("kinds", "kind"))


def plain(*, cases: int, seed: int, peer: Peer | None) -> dict[str, Any]:
    """Recall of each class and language on values as they are; names alone apart."""
    items = [
        Item(case.request(), kind.risk, {"kind": kind.name, "language": case.language, "risk": _group(kind)})
        for kind in KINDS.values()
        for case in make_cases(kind, cases, random.Random(f"{seed} plain {kind.name}"))
    ]
    verdicts = judge(items, peer=peer, what="plain values", look=scanned_by_router)
    made = by(items, verdicts, "risk", "kind")
    hard = [at for at, item in enumerate(items) if item.keys["risk"] == "pii"]
    return {
        "classes": made["pii"],
        "secrets": made["secrets"],
        "soft": made["soft"],
        "languages": by([items[at] for at in hard], [verdicts[at] for at in hard], "language"),
        "all": by(items, verdicts, "risk"),
    }


def _group(kind: Kind) -> str:
    return "soft" if kind.soft else kind.risk


def hidden(*, cases: int, seed: int, peer: Peer | None) -> dict[str, Any]:
    """Recall of each technique over all classes it applies to, by family, and the matrix of both.

    ``kept`` is the recall among the values that are found when they are not hidden: what a technique alone costs.
    """
    items, plain_items = _hidden_items(cases, seed)
    known = [verdict.found for verdict in judge(plain_items, what="the same values, plain")]
    verdicts = judge(items, what="hidden values")
    made = {
        "families": by(items, verdicts, "family"),
        "techniques": by(items, verdicts, "technique"),
        "kinds": by(items, verdicts, "kind"),
        "risks": by(items, verdicts, "risk", "family"),
        "matrix": _compact(by(items, verdicts, "technique", "kind")),
    }
    there = [at for at, found in enumerate(known) if found]
    some = ([items[at] for at in there], [verdicts[at] for at in there])
    for level, key in _LEVELS:
        for name, own in by(*some, key).items():
            made[level][name]["kept"] = own["found"]
    _add_decoys(made, cases, seed)
    for name, own in made["techniques"].items():
        own["family"] = TECHNIQUES[name].family
    if peer is not None:
        _add_peer(made, items, peer, seed)
    return made


def _add_decoys(made: dict[str, Any], cases: int, seed: int) -> None:
    """False positives of each technique: harmless values that are hidden in the same way."""
    items = [
        Item(request, ANY, {"technique": technique.name, "family": technique.family})
        for technique in TECHNIQUES.values()
        for kind in DECOYS.values()
        if technique.fits(kind)
        for request, _ in _hidden(technique, kind, DECOY_CASES * cases, seed)
    ]
    verdicts = judge(items, what="hidden decoys")
    for level, key in _LEVELS[:2]:
        for name, own in by(items, verdicts, key).items():
            made[level][name]["false_positives"] = own["found"]


def _hidden_items(cases: int, seed: int) -> tuple[list[Item], list[Item]]:
    """Requests with hidden values, and the same ones with the values as they are."""
    items, plain_items = [], []
    for technique in TECHNIQUES.values():
        kinds = [kind for kind in KINDS.values() if technique.fits(kind) and not kind.soft]
        each = max(cases, min(10 * cases, ROWS // len(kinds)))
        for kind in kinds:
            keys = {"technique": technique.name, "family": technique.family, "kind": kind.name, "risk": kind.risk}
            for request, case in _hidden(technique, kind, each, seed):
                items.append(Item(request, kind.risk, keys))
                plain_items.append(Item(case.request(), kind.risk, keys))
    return items, plain_items


def _hidden(technique: Technique, kind: Kind, cases: int, seed: int) -> list[tuple[RouteRequest, Case]]:
    rng = random.Random(f"{seed} {technique.name} {kind.name}")
    drawn = make_cases(kind, cases * _DRAWS, rng)
    pairs = ((hide(technique, case, rng), case) for case in drawn)
    return [(request, case) for request, case in pairs if request is not None][:cases]


def _compact(matrix: dict[str, Any]) -> dict[str, Any]:
    return {name: {kind: cell["found"]["share"] for kind, cell in row.items()} for name, row in matrix.items()}


def _add_peer(made: dict[str, Any], items: Sequence[Item], peer: Peer, seed: int) -> None:
    """The peer's recall of personal data on a sample of each technique; it knows no secrets."""
    rng = random.Random(seed)
    sample: list[Item] = []
    for name in made["techniques"]:
        rows = [item for item in items if item.keys["technique"] == name and item.risk == "pii"]
        sample += rng.sample(rows, min(PEER_ROWS, len(rows)))
    scores = peer.scores([item.text for item in sample])
    verdicts = [Verdict(False, False, peer=score) for score in scores]
    for level, key in _LEVELS[:2]:
        for name, own in by(sample, verdicts, key).items():
            made[level][name]["peer"] = own["peer"]
            made[level][name]["peer_any_score"] = own["peer_any_score"]


def spans(path: Path, *, peer: Peer | None) -> dict[str, Any]:
    """Requests of a file with ``text``, ``has_direct_pii`` and ``entity_types``: recall, by type too, and precision.

    Raises:
        FileNotFoundError: there is no such file.
    """
    from pyarrow import parquet

    rows = parquet.read_table(path).to_pylist()
    items = [Item(RouteRequest(text=row["text"]), "pii") for row in rows]
    verdicts = judge(items, peer=peer, what=path.name, look=scanned_by_router)
    types = sorted({name for row in rows if row["has_direct_pii"] for name in row["entity_types"].split("|") if name})
    direct = [verdict for row, verdict in zip(rows, verdicts, strict=True) if row["has_direct_pii"]]
    other = [verdict for row, verdict in zip(rows, verdicts, strict=True) if not row["has_direct_pii"]]
    hits = [verdict for verdict in (*direct, *other) if verdict.found]
    return {
        "recall": counted(direct),
        "false_positives": counted(other),
        "recall_with_names_alone": share(np.array([row.found or row.named for row in direct], bool)),
        "precision": round(sum(verdict.found for verdict in direct) / len(hits), 3) if hits else None,
        "types": {
            name: counted(v for row, v in zip(rows, verdicts, strict=True) if name in row["entity_types"].split("|"))
            for name in types
        },
    }
