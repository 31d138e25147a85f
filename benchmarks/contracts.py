"""What is said of answers and passages, measured on the authored sets in ``data/answers`` and ``data/retrieval``.

    python -m benchmarks.contracts refusals|claims|retrieval|speed

``refusals``: plain-word refusals and their look-alikes, those that the patterns were written on and those of unusual
wording that they were not. ``claims``: sentences that their passage supports or not; of the odd pairs nothing was
chosen. ``retrieval``: questions in other words than the passages. ``speed``: of one validation, in microseconds.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from router_ml.contract import OutputContract
from router_ml.execution.lanes.reply import Reply
from router_ml.execution.retrieval.embedding import Embedding, Layer
from router_ml.execution.retrieval.folder import FolderIndex
from router_ml.execution.retrieval.passages import Passage
from router_ml.execution.retrieval.rerank import SentenceReranker
from router_ml.execution.validation.checking import check
from router_ml.execution.validation.grounded import ENOUGH, support
from router_ml.execution.validation.refusals import is_refusal
from router_ml.understanding.encoder import Encoder

DATA = Path(__file__).parents[1] / "data"
ENCODER = Path(__file__).parents[1] / "models" / "default" / "encoder"


def refusals() -> dict[str, Any]:
    """Recognised refusals and false alarms of each set, as counts."""
    result: dict[str, Any] = {}
    for name in ("tuning", "held_out"):
        said, others = (_lines(DATA / "answers" / name / f"{what}.txt") for what in ("refusals", "answers"))
        result[name] = {
            "refusals": len(said),
            "recognised": sum(map(is_refusal, said)),
            "answers": len(others),
            "false_alarms": sum(map(is_refusal, others)),
        }
    texts = [row["text"] for path in sorted((DATA / "corpus").glob("*.jsonl")) for row in _rows(path)]
    result["corpus"] = {"requests": len(texts), "false_alarms": sum(map(is_refusal, texts))}
    return result


def claims() -> dict[str, Any]:
    """Claims judged right, by half (pairs alternate between them), and claims held against another passage."""
    passages = {(Path(one.source).stem, one.heading.split(" > ")[-1]): one.text for one in _index(None).pieces}
    rows = _rows(DATA / "retrieval" / "claims.jsonl")
    scores = np.array([support(row["claim"], passages[row["document"], row["heading"]]) for row in rows])
    truth = np.array([row["supported"] for row in rows])
    result: dict[str, Any] = {}
    for half, name in enumerate(("chosen on", "held out")):
        mine = np.arange(len(rows)) // 2 % 2 == half
        kept, found = scores[mine & truth] >= ENOUGH, scores[mine & ~truth] < ENOUGH
        result[name] = {
            "right": round(float(np.concatenate([kept, found]).mean()), 3),
            "supported_kept": f"{kept.sum()}/{len(kept)}",
            "unsupported_found": f"{found.sum()}/{len(found)}",
        }
    others = [
        support(row["claim"], text)
        for row in rows
        for (document, heading), text in passages.items()
        if row["supported"] and document == row["document"] and heading != row["heading"]
    ]
    caught = sum(score < ENOUGH for score in others)
    result["another passage of the document"] = {"unsupported_found": f"{caught}/{len(others)}"}
    return result


def retrieval() -> dict[str, Any]:
    """Share of questions whose passage is among the first 1, 3 and 5, and mean reciprocal rank, by way of search."""
    encoder = Encoder.load(ENCODER)
    layers: tuple[Layer, ...] = ("last", "early", "both")
    ways: dict[str, Callable[[str], list[Passage]]] = {"words": lambda query: words.search(query, top_k=20)}
    words = _index(None)
    for layer in layers:
        for share in (0.0, 0.5):
            index = _index(Embedding(encoder, layer), share)
            ways[f"{layer}, words {share:g}"] = lambda query, index=index: index.search(query, top_k=20)  # type: ignore[misc]
    light, reranker = _index(Embedding(encoder), 0.5), SentenceReranker(Embedding(encoder))
    ways["deep"] = lambda query: reranker.rerank(query, light.search(query, top_k=20), top_k=20)
    rows = _rows(DATA / "retrieval" / "questions.jsonl")
    return {name: _ranked(rows, search) for name, search in ways.items()}


def _ranked(rows: Sequence[dict[str, Any]], search: Callable[[str], list[Passage]]) -> dict[str, float]:
    ranks = []
    for row in rows:
        found = search(row["question"])
        places = [at for at, one in enumerate(found) if _is(one, row)]
        ranks.append(places[0] if places else 1_000_000)
    rank = np.array(ranks)
    shares = {f"top_{k}": round(float((rank < k).mean()), 3) for k in (1, 3, 5)}
    reciprocal = 1 / (1 + rank)
    return {**shares, "mrr": round(float(reciprocal.mean()), 3), "mrr_odd": round(float(reciprocal[1::2].mean()), 3)}


def _is(found: Passage, row: dict[str, Any]) -> bool:
    heading = found.text.split("\n")[0]
    return Path(found.source).stem == row["document"] and heading.endswith(f"> {row['heading']}")


def _index(embed: Embedding | None, share: float = 0.5) -> FolderIndex:
    where = tempfile.mkdtemp(prefix="router-ml-index-")
    return FolderIndex(DATA / "retrieval" / "documents", embed=embed, cache=where, words=share)


def speed() -> dict[str, float]:
    """Microseconds of one ``check``, the median of 200."""
    fields: dict[str, Any] = {f"field_{n}": {"type": "string", "maxLength": 80} for n in range(12)}
    schema = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    reply = Reply(text=json.dumps(dict.fromkeys(fields, "some text of a field")))
    cited = Reply(text="You have 28 days [leave.md#0-abc123]. " * 5)
    passages = [Passage("leave.md#0-abc123", "Full-time employees have 28 days of leave.")]
    return {
        "json, 12 fields": _timed(lambda: check(OutputContract(type="json", schema=schema), reply)),
        "text": _timed(lambda: check(OutputContract(), Reply(text="A short answer. " * 20))),
        "cited, 5 sentences": _timed(lambda: check(OutputContract(citations_required=True), cited, passages=passages)),
    }


def _timed(work: Callable[[], object]) -> float:
    took = []
    for _ in range(200):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return round(float(np.median(took)) * 1e6, 1)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _lines(path)]


if __name__ == "__main__":
    parts = {"refusals": refusals, "claims": claims, "retrieval": retrieval, "speed": speed}
    chosen = sys.argv[1:] or list(parts)
    sys.stdout.write(json.dumps({name: parts[name]() for name in chosen}, indent=1) + "\n")
