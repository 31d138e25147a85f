"""A name that a mapping file misspells is told, and no column that nobody has."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from router_ml.config import RouterConfig
from router_ml.errors import ConfigError, OfflineDataError
from router_ml.offline.importing.fitting import columns_of
from router_ml.offline.importing.mapping import parse_mapping
from router_ml.offline.importing.rows import RowReader
from router_ml.offline.importing.survey import survey
from tests.offline.importing.conftest import TABLE, Written, row_of

NOW = datetime(2026, 11, 1, tzinfo=UTC)
EVERY = """\
executed: a
rated_probability: b
rated_at: {column: c}
tokens: {input: d.in, output: d.out}
latency_ms: e
user: f
session: g
org: h
region: {value: eu}
labels: {intent: i, risks: j}
propensity: {columns: {onsite: k, expert: l}, only: {column: m, values: [x]}}
"""


def test_each_key_that_names_a_column_is_looked_at() -> None:
    found = set(columns_of(parse_mapping(TABLE + EVERY)).values())
    assert found == {"question", "lane", "thumb", "at", "id", "d.in", "d.out", *"abcefghijklm"}


def test_a_table_without_a_column_of_the_mapping_is_refused(tmp_path: Path, config: RouterConfig) -> None:
    """Else a misspelt rating would be a log without ratings."""
    path = tmp_path / "a.csv"
    mapping = parse_mapping(TABLE.replace("jsonl", "csv").replace("column: thumb", "column: thum"))
    path.write_text('id,question,lane,thumb,at,"7 Main Street"\n1,Where is it?,onsite,up,2026-10-01,x\n')
    with pytest.raises(OfflineDataError, match=r"no column thum \(quality; did you mean thumb\?\)") as caught:
        survey(path, mapping, config=config, now=NOW)
    assert "Main Street" not in str(caught.value)
    path.write_text(path.read_text().replace(",", ";"))
    with pytest.raises(OfflineDataError, match=r"is read\.delimiter right"):
        survey(path, mapping, config=config, now=NOW)


def test_what_no_row_of_json_lines_has_is_a_problem(write_rows: Written, config: RouterConfig) -> None:
    """There, a column may come with a later row."""
    rows = [row_of(1), row_of(2, who="ann"), row_of(3)]
    found = survey(write_rows(rows), parse_mapping(TABLE + "user: who\ncost_usd: x.y\n"), config=config, now=NOW)
    assert [(one.column, one.rows, one.fatal, "cost_usd" in one.expected) for one in found.problems] == [
        ("x.y", 3, False, True)
    ]


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ("propensity: {uniform: [onsite, exprt]}\n", "propensity.uniform"),
        ("propensity: {column: p, over: [onsite, exprt]}\n", "propensity.over"),
        ("propensity: {columns: {onsite: p, exprt: q}}\n", "propensity.columns"),
        ("propensity: {epsilon: 0.1, around: exprt, over: [onsite, expert]}\n", "propensity.around"),
    ],
)
def test_lanes_of_a_mapping_are_lanes_of_the_configuration(more: str, key: str, config: RouterConfig) -> None:
    """A lane that is none would be given a probability, and a decision of the log would say so."""
    with pytest.raises(ConfigError, match=rf"{key}: 'exprt' is no lane of router.yaml; did you mean expert\?"):
        RowReader(parse_mapping(TABLE + more), config)
    with pytest.raises(ConfigError, match=r"lane\.lanes\.x: 'CHANGE_ME'"):
        RowReader(parse_mapping(TABLE.replace("lane: lane", "lane: {column: lane, lanes: {x: CHANGE_ME}}")), config)
