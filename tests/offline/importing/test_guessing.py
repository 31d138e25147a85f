"""A guessed mapping is one that can be read, and says what it could not guess."""

from __future__ import annotations

from pathlib import Path

import pytest

from router_ml.config import RouterConfig
from router_ml.errors import ConfigError, OfflineDataError
from router_ml.offline.importing.files import rows_of
from router_ml.offline.importing.guessing import guess
from router_ml.offline.importing.mapping import parse_mapping
from router_ml.offline.importing.rows import RowReader


def test_the_example_is_guessed_but_for_its_zone_and_its_share_of_ratings(example: Path, config: RouterConfig) -> None:
    """A new user corrects two lines and starts."""
    text = guess(example / "outcomes.csv", config)
    mapping = parse_mapping(text)
    assert mapping.text == "question"
    assert mapping.lane.lanes == {"gpt-4.1": "expert", "llama-8b-onsite": "onsite", "mistral-small": "everyday"}
    assert mapping.quality is not None
    assert (mapping.quality.how, mapping.time.format) == ("thumbs", "%d.%m.%Y %H:%M:%S")
    assert mapping.latency_ms is not None
    assert mapping.latency_ms.unit == "s"
    assert mapping.propensity is not None
    assert mapping.propensity.table == "chances"
    reader = RowReader(mapping, config)
    for line, cells in rows_of(example / "outcomes.csv", read=mapping.read):
        row, troubles = reader.read(line, cells or {})
        assert row is not None
        assert troubles == ()


def test_what_cannot_be_guessed_is_asked_for(tmp_path: Path, config: RouterConfig) -> None:
    """A guess must not import nonsense: it does not pass for a mapping."""
    path = tmp_path / "strange export.csv"
    path.write_text("a,model,when\nhello,some-model,2026-10-01\n")
    text = guess(path, config)
    assert "text: COLUMN # not found" in text
    assert "some-model: CHANGE_ME" in text
    assert "source: strange-export" in text
    assert "# propensity: {uniform: [onsite, everyday, expert]}" in text


@pytest.mark.parametrize(
    ("cells", "how"),
    [(("1", "5", "3"), "scale"), (("0.5", "1"), "unit"), (("true", "false"), "boolean"), (("ok", "poor"), "table")],
)
def test_ratings_are_told_apart_by_their_values(
    tmp_path: Path, config: RouterConfig, cells: tuple[str, ...], how: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,model,rating,time\n" + "".join(f"hello,expert,{cell},2026-10-01\n" for cell in cells))
    quality = parse_mapping(guess(path, config)).quality
    assert quality is not None
    assert quality.how == how


def test_nothing_to_guess_from(tmp_path: Path, config: RouterConfig) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,model\n")
    with pytest.raises(OfflineDataError, match="no row to guess from"):
        guess(path, config)
    with pytest.raises(ConfigError):
        parse_mapping("- a list")
