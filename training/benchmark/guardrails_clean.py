"""What the guardrails do to requests with nothing to hide: false positives, over-refusals, milliseconds."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from router_ml import Router
from router_ml.contract import RouteRequest
from router_ml.storage.bundle import Bundle
from training import corpus
from training.benchmark.guardrails_probe import SURE, Peer, scanned, scanned_by_router
from training.reading.metrics import share
from training.redteam.carriers import make_cases
from training.redteam.values import KINDS

ROOT = Path(__file__).parents[2]
NEGATIVES = "training.redteam.negatives"
_STOPPED = ("refuse", "human_review")
_TOKENS = (55, 65)
_ROUNDS = {200: 300, 5_000: 60, 100_000: 9}  # characters: how often timed


def negatives(*, seed: int, peer: Peer | None) -> dict[str, Any]:
    """False positives by kind on texts that only look private, on technical texts and in many languages."""
    if find_spec(NEGATIVES) is None:
        return {"missing": f"{NEGATIVES} is not there, so false positives are not measured."}
    texts = import_module(NEGATIVES)
    sets = {
        "hard_negatives": texts.hard_negatives(seed),
        "benign_technical": texts.benign_technical(seed),
        "multilingual": texts.multilingual(seed),
    }
    return {name: _false_positives([(one.kind, one.text) for one in rows], peer) for name, rows in sets.items()}


def _false_positives(rows: Sequence[tuple[str, str]], peer: Peer | None) -> dict[str, Any]:
    scans = [scanned_by_router(RouteRequest(text=text)) for _, text in rows]
    private = [any(risk.name in ("pii", "secrets") for risk in said.risks) for said in scans]
    unknown = [said.state == "unknown" for said in scans]
    scores = peer.scores([text for _, text in rows]) if peer is not None else []
    kinds = sorted({kind for kind, _ in rows})

    def of(where: Sequence[int]) -> dict[str, Any]:
        found = {
            "flagged": share(np.array([private[at] or unknown[at] for at in where], bool)),
            "unknown": share(np.array([unknown[at] for at in where], bool))["share"],
        }
        if scores:
            found["peer"] = share(np.array([(scores[at] or 0) >= SURE for at in where], bool))
            found["peer_any_score"] = share(np.array([(scores[at] or 0) > 0 for at in where], bool))
        return found

    return {
        "all": of(range(len(rows))),
        "kinds": {kind: of([at for at, (own, _) in enumerate(rows) if own == kind]) for kind in kinds},
    }


def refusals() -> dict[str, Any]:
    """How many harmless requests in dangerous words the shipped router refuses or sends to a person, by kind."""
    if find_spec(NEGATIVES) is None:
        return {"missing": f"{NEGATIVES} is not there, so over-refusals are not measured."}
    probes = import_module(NEGATIVES).over_refusal()
    router = Router.load()
    stopped = np.array([router.predict_route(one.text).action in _STOPPED for one in probes], bool)
    kinds = np.array([one.kind for one in probes])
    return {"all": share(stopped), "kinds": {kind: share(stopped[kinds == kind]) for kind in sorted(set(kinds))}}


def latency(*, seed: int, peer: Peer | None) -> dict[str, Any]:
    """Milliseconds of a scan of clean text by length, of dense personal data, and the slope per character."""
    rng = random.Random(seed)
    rows = corpus.load([ROOT / "data" / "corpus" / "heldout.jsonl"])
    clean = [row.text for row in rows if row.language == "en" and not row.risks]
    rng.shuffle(clean)
    encoder = Bundle.load(ROOT / "models" / "default").encoder
    sixty = [_up_to(clean, rng, 300) for _ in range(2_000)]
    sixty = [text for text in sixty if _TOKENS[0] <= encoder.count_tokens(text) <= _TOKENS[1]][:300]
    found = {"60 tokens": _timed(sixty, peer)}
    for characters, rounds in _ROUNDS.items():
        texts = [_up_to(clean, rng, characters) for _ in range(rounds)]
        found[f"{characters:,} characters"] = _timed(texts, peer if characters <= 5_000 else None)
    dense = [_up_to(_private(rng), rng, 5_000) for _ in range(20)]
    found["5,000 characters, dense personal data"] = _timed(dense, peer)
    short, long = (found[f"{size:,} characters"]["median_ms"] for size in (5_000, 100_000))
    found["slope"] = {
        "ns_per_character": round((long - short) / 95_000 * 1e6, 1),
        "of_linear": round(long / 20 / short, 2),
    }
    return found


def _private(rng: random.Random) -> list[str]:
    kinds = [kind for kind in KINDS.values() if kind.risk == "pii"]
    return [case.text() for kind in kinds for case in make_cases(kind, 1, rng)]


def _up_to(texts: Sequence[str], rng: random.Random, characters: int) -> str:
    parts: list[str] = []
    size = 0
    while size < characters:
        parts.append(rng.choice(texts))
        size += len(parts[-1]) + 1
    return "\n".join(parts)[:characters]


def _timed(texts: Sequence[str], peer: Peer | None) -> dict[str, Any]:
    requests = [RouteRequest(text=text) for text in texts]
    for request in requests[:3]:
        scanned(request)
    seconds = []
    for request in requests:
        began = time.perf_counter()
        scanned(request)
        seconds.append(time.perf_counter() - began)
    median, late = np.quantile(seconds, [0.5, 0.95]) * 1000
    made = {"median_ms": round(float(median), 3), "p95_ms": round(float(late), 3), "texts": len(texts)}
    if peer is not None:
        done = len(peer.seconds)
        peer.scores(texts)
        made["peer_median_ms"] = round(float(np.median(peer.seconds[done:])) * 1000, 3)
    return made
