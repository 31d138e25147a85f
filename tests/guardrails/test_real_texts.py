"""Rates on texts that others wrote. They are not part of the repository; without them these tests are skipped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from router_ml.guardrails import Scan

DATA = Path(__file__).parents[2] / "../shared/data"
COVERED = {"EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "CREDIT_CARD": "card", "US_SSN": "us_ssn"}
ScanText = Callable[[str], Scan]


def column(file: str, *names: str) -> list[tuple[object, ...]]:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow reads the public data sets")
    if not (DATA / file).exists():
        pytest.skip(f"the public data set {file} is not here")
    table = parquet.read_table(DATA / file, columns=list(names))
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def test_requests_with_a_covered_type_are_found_and_requests_without_personal_data_are_left_alone(
    scan_text: ScanText,
) -> None:
    """Request level, as a route is decided: recall at least .98, false positives at most 1%."""
    rows = column("pii_spans.parquet", "text", "spans", "has_direct_pii")
    present = [
        (str(text), {span["type"] for span in json.loads(str(spans))} & COVERED.keys()) for text, spans, _ in rows
    ]
    wanted = [(text, {COVERED[kind] for kind in kinds}) for text, kinds in present if kinds]
    found = [kinds <= {finding.type for finding in scan_text(text).findings} for text, kinds in wanted]
    # the set counts a date of birth as a date; beside "date of birth" it is personal
    other = [{finding.type for finding in scan_text(str(text)).findings} for text, _, direct in rows if not direct]
    clean = [bool(types - {"date_of_birth"}) for types in other]
    assert sum(found) / len(found) >= 0.98
    assert sum(clean) / len(clean) <= 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "name"), [("prompts_general.parquet", "prompt"), ("prompts_regulated.parquet", "prompt")]
)
def test_ordinary_prompts_are_left_alone(file: str, name: str, scan_text: ScanText) -> None:
    """Code, mathematics, law and medicine are full of digits; a false hit sends them to the private lane."""
    results = [scan_text(str(text)) for (text,) in column(file, name) if str(text).strip()]
    assert sum(result.state != "clean" for result in results) / len(results) <= 0.01
    assert not any(risk.name == "state_change" for result in results for risk in result.risks)
