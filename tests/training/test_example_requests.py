"""The requests that ship are those that the script chooses, and none of them is measured or holds a key."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from router_ml.contract import RouteRequest
from training.corpus import load
from training.example_requests import DOMAINS, INTENTS, LONG, MOST, OUT, PERSONAL, WITH_TOOLS, choose


def test_the_file_is_what_the_script_chooses() -> None:
    written = [json.loads(line) for line in OUT.read_text(encoding="utf-8").splitlines()]
    assert written == choose()
    for row in written:
        RouteRequest.parse(row)


def test_the_choice_is_balanced_and_leaves_measured_rows_alone(root: Path) -> None:
    rows = {row.text: row for row in load(sorted((root / "data" / "corpus").glob("*.jsonl")))}
    chosen = choose()
    labelled = [rows[row["text"]] for row in chosen if row.get("text") in rows and "allowed_tools" not in row]
    assert len(chosen) == sum(INTENTS.values()) + WITH_TOOLS
    assert Counter(row.intent for row in labelled) == INTENTS
    assert not {"heldout", "calibration"} & {row.batch for row in labelled}
    domains = Counter(row.domain for row in labelled)
    for domain, weight in DOMAINS.items():
        assert abs(domains[domain] / len(labelled) - weight / sum(DOMAINS.values())) < 0.03
    risks = Counter(risk for row in labelled for risk in row.risks)
    assert all(risks[risk] <= most for risk, most in MOST.items())
    assert risks["pii"] == sum(PERSONAL.values()) == MOST["pii"]
    assert sum(len(row.text) > 600 for row in labelled) == sum(LONG.values())
    assert len({row.language for row in labelled}) > 5
