"""A dry run says what is wrong, what is missing for which purpose, and shows no value of anybody."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from router_ml.config import RouterConfig
from router_ml.errors import OfflineDataError
from router_ml.offline.importing.mapping import Mapping, parse_mapping
from router_ml.offline.importing.survey import Survey, survey
from tests.offline.importing.conftest import TABLE, Written, row_of

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def surveyed(write_rows: Written, config: RouterConfig, rows: list[dict[str, Any]], more: str = "") -> Survey:
    mapping: Mapping = parse_mapping(TABLE + more)
    return survey(write_rows(rows), mapping, config=config, now=NOW)


def lacks(found: Survey) -> set[str]:
    return {one.topic for one in found.missing if not one.ok}


def test_problems_are_counted_by_line_and_hold_no_value(write_rows: Written, config: RouterConfig) -> None:
    """A dry run is shown around; what people wrote stays in the file."""
    rows = [
        row_of(0),
        row_of(1, thumb="SECRET-1"),
        row_of(2, at="SECRET-2"),
        row_of(3, question=None),
        row_of(4, lane="other-model"),
        row_of(0),
    ]
    found = surveyed(write_rows, config, rows)
    assert (found.rows, found.usable, found.left_out, found.duplicates) == (6, 2, 3, 1)
    assert found.unknown_lanes == {"other-model": 1}
    told = {(one.column, one.fatal): one.lines for one in found.problems}
    assert told == {("thumb", False): (2,), ("at", True): (3,), ("question", True): (4,), ("lane", True): (5,)}
    assert "SECRET" not in json.dumps(found.to_dict())
    assert (found.rated, found.quality) == (1, (0, 0, 0, 0, 1))


def test_rows_without_propensities_judge_nobody_and_teach_all_the_same(
    write_rows: Written, config: RouterConfig
) -> None:
    found = surveyed(write_rows, config, [row_of(number, cost=0.1) for number in range(30)], "cost_usd: cost\n")
    assert found.drawn == 0
    assert lacks(found) == {"propensities", "clusters"}
    quality, cost = found.learnable[:2]
    assert "may have known what the text does not say" in quality.text
    assert "everyday (0)" in quality.text
    assert cost.ok


def test_ratings_that_nothing_explains_are_named(write_rows: Written, config: RouterConfig) -> None:
    """Off-policy estimates refuse them; here it is said before the import."""
    rows = [row_of(number, thumb="up" if number % 2 else "") for number in range(200)]
    drawn = "propensity: {uniform: [onsite, everyday, expert]}\nuser: id\n"
    assert lacks(surveyed(write_rows, config, rows, drawn)) == {"ratings", "amount"}
    assert lacks(surveyed(write_rows, config, rows, drawn + "rated_probability: 0.5\n")) == {"amount"}
    assert lacks(surveyed(write_rows, config, rows, drawn + "rated_probability: 0.9\n")) == {"ratings", "amount"}


def test_lanes_that_could_never_be_drawn_are_named(write_rows: Written, config: RouterConfig) -> None:
    found = surveyed(
        write_rows, config, [row_of(1)], "propensity: {epsilon: 0.02, around: onsite, over: [onsite, everyday]}\n"
    )
    overlap = next(one for one in found.missing if one.topic == "overlap")
    assert not overlap.ok
    assert "expert could never be drawn" in overlap.text
    assert "everyday had a chance below" in overlap.text


def test_what_the_log_would_not_keep_or_use_is_counted(write_rows: Written, config: RouterConfig) -> None:
    rows = [row_of(1, rated="2026-12-30T00:00:00Z"), row_of(2, rated="2026-10-02T00:00:00Z")]
    found = surveyed(write_rows, config, rows, "rated_at: {column: rated}\n")
    assert (found.late, found.expired, found.ahead) == (1, 0, 0)
    assert surveyed(write_rows, config, [row_of(1), row_of(2, at="2026-11-03T00:00:00Z")]).ahead == 1
    short = config.model_copy(
        update={"logging": config.logging.model_validate({"keep": {"low": {"level": "embedding", "days": 3}}})}
    )
    assert surveyed(write_rows, short, rows).expired == 2


def test_a_table_of_lanes(write_rows: Written, config: RouterConfig) -> None:
    pytest.importorskip("pandas", reason="needs the extra 'offline'")
    frame = surveyed(write_rows, config, [row_of(1), row_of(2, lane="expert")]).frame()
    assert frame.set_index("lane")["rows"].to_dict() == {"onsite": 1, "everyday": 0, "expert": 1}


def test_an_empty_file_is_no_import(write_rows: Written, config: RouterConfig) -> None:
    with pytest.raises(OfflineDataError, match="holds no row"):
        surveyed(write_rows, config, [])


def test_an_id_that_two_rows_share_is_told_instead_of_losing_one(write_rows: Written, config: RouterConfig) -> None:
    """Somebody maps the id of a conversation: its further rows are left out, and not called duplicates."""
    rows = [row_of(0), row_of(1, id="r0"), row_of(0, thumb="down"), row_of(0)]
    found = surveyed(write_rows, config, rows)
    assert (found.usable, found.left_out, found.duplicates) == (1, 2, 1)
    assert [(one.column, one.fatal, one.lines) for one in found.problems] == [("id", True, (2, 3))]


def test_a_rating_whose_chance_cannot_be_read_is_left_out(write_rows: Written, config: RouterConfig) -> None:
    """With a chance of 1 it would count for too little, and nobody would see it; unrated rows need none."""
    rows = [row_of(0, p=0.5), row_of(1, p=0), row_of(2), row_of(3, p="often"), row_of(4, thumb="")]
    found = surveyed(write_rows, config, rows, "rated_probability: p\n")
    assert (found.usable, found.left_out, found.rated) == (5, 0, 1)
    assert sorted(line for one in found.problems for line in one.lines) == [2, 3, 4]
