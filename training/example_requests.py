"""Choose the requests that ship for simulations, from the authored corpora.

What it knows: how often a company that uses a model for many things asks for what, and which rows to leave alone: the
authors that are only measured (``heldout``, ``calibration``, and the test part of the plan), rows with slots for keys
and card numbers, so that the file holds nothing that looks like one, and those written to be hard (with a ``note``), of
which traffic has fewer.
What it does not know: how often anybody's own traffic asks for what. Replace the file by your own requests.

``python -m training.example_requests`` writes ``router_ml/offline/simulation/traffic/requests.jsonl``.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from router_ml.contract import RouteRequest

ROOT = Path(__file__).parents[1]
OUT = ROOT / "router_ml" / "offline" / "simulation" / "traffic" / "requests.jsonl"
MEASURED = {"heldout", "calibration"}
SEED = 8

INTENTS = {
    **{"qa": 60, "writing": 32, "summarization": 24, "extraction": 24, "coding": 24, "rewriting": 20},
    **{"classification": 18, "reasoning": 14, "chitchat": 12, "action": 8},
}
"""Requests without tools, by intent."""
DOMAINS = {
    **{"general": 20, "support": 18, "software": 16, "finance": 10, "sales_marketing": 9, "hr": 8, "legal": 7},
    **{"medical": 6, "science_education": 6},
}
"""Weights of domains within an intent; where an intent has none of a domain, others take its place."""
MOST = {
    **{"pii": 16, "medical_advice": 6, "financial_advice": 6, "legal_advice": 6, "employment_decision": 3},
    **{"state_change": 4, "prompt_injection": 3, "harmful": 2, "secrets": 0},
}
"""The most rows with each risk: the corpora hold many more of them than traffic does."""
WITH_TOOLS, ASKED_BACK, WRITES = 56, 8, 16
"""Requests from the corpora of the plan, of these the ones to which something is missing, and the most of the others
that may use a tool which changes something."""
READING = {"order_lookup", "search", "sql"}
LONG = {"summarization": 10, "extraction": 7, "rewriting": 4, "qa": 4, "coding": 3, "classification": 2, "reasoning": 2}
"""Requests of more than ``USUAL`` characters, by intent."""
PERSONAL = {
    "qa": 3,
    "writing": 3,
    "summarization": 3,
    "extraction": 3,
    "rewriting": 2,
    "classification": 1,
    "action": 1,
}
"""Requests that hold personal data, by intent."""
USUAL, LONGEST = 600, 2_400


def choose() -> list[dict[str, Any]]:
    """The chosen requests as JSON, each once, in a random order."""
    luck = random.Random(SEED)
    rows = [row for path in sorted((ROOT / "data" / "corpus").glob("*.jsonl")) for row in _rows(path)]
    plans = [row for part in ("train", "dev", "practice") for row in _rows(ROOT / "data" / "plan" / f"{part}.jsonl")]
    luck.shuffle(rows)
    luck.shuffle(plans)
    chosen = [{"text": row["text"]} for row in _by_intent(rows)] + list(_with_tools(plans))
    unique = list({json.dumps(row, ensure_ascii=False, sort_keys=True): row for row in chosen}.values())
    luck.shuffle(unique)
    return unique


def _rows(path: Path) -> Iterable[dict[str, Any]]:
    if path.stem in MEASURED:
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _by_intent(rows: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """As many of each intent and domain as there are to be: those with personal data first, then long ones, then the
    rest; of each risk no more than is allowed."""
    left = Counter(MOST)
    for intent, count in INTENTS.items():
        mine = [row for row in rows if row["intent"] == intent and "⟦" not in row["text"] and "note" not in row]
        quota, taken = _quotas(count), list[dict[str, Any]]()
        for fits, most in ((_personal, PERSONAL.get(intent, 0)), (_long, LONG.get(intent, 0)), (_usual, count)):
            wanted = len(taken) + most
            for row in filter(fits, mine):
                if len(taken) < wanted and quota[row["domain"]] > 0 and all(left[risk] > 0 for risk in row["risks"]):
                    quota[row["domain"]] -= 1
                    left.subtract(row["risks"])
                    taken.append(row)
        yield from taken


def _personal(row: dict[str, Any]) -> bool:
    return "pii" in row["risks"] and len(row["text"]) <= USUAL


def _long(row: dict[str, Any]) -> bool:
    return "pii" not in row["risks"] and USUAL < len(row["text"]) <= LONGEST


def _usual(row: dict[str, Any]) -> bool:
    return "pii" not in row["risks"] and len(row["text"]) <= USUAL


def _quotas(count: int) -> Counter[str]:
    """A count over domains by largest remainder."""
    whole = sum(DOMAINS.values())
    exact = {domain: count * weight / whole for domain, weight in DOMAINS.items()}
    quota = Counter({domain: int(value) for domain, value in exact.items()})
    rest = sorted(exact, key=lambda domain: quota[domain] - exact[domain])
    quota.update(rest[: count - quota.total()])
    return quota


def _with_tools(plans: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Requests with tools or earlier turns, and some that lack something."""
    left = Counter({"lacking": ASKED_BACK, "writes": WRITES, "reads": WITH_TOOLS - ASKED_BACK - WRITES})
    for row in plans:
        tools = set(row.get("allowed_tools", ()))
        group = "lacking" if row["labels"]["missing"] else "reads" if tools <= READING else "writes"
        if left[group] > 0 and (group == "lacking" or tools or row.get("messages")):
            left[group] -= 1
            yield {key: row[key] for key in ("text", "messages", "allowed_tools") if row.get(key)}


def main() -> None:
    """Write the file."""
    chosen = choose()
    lines = [json.dumps(row, ensure_ascii=False) for row in chosen]
    for line in lines:
        RouteRequest.from_json(line)
    OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
