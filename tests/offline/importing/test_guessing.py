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


GERMAN = (
    "Zeitpunkt;Kunde;Frage;Modell;Bewertung;Kosten (EUR);Dauer (s)\n"
    "01.11.2026 08:00;K1;Wo bleibt mein Paket?;gpt-4.1;👍;0,0097;3,7\n"
    "01.11.2026 09:30;K2;Wie kündige ich?;mistral-small;;1.204,5;1\n"
)


def test_a_german_export_is_guessed_with_its_commas(tmp_path: Path, config: RouterConfig) -> None:
    """Names in another language, decimals behind a comma, units in brackets, and another currency."""
    path = tmp_path / "anfragen.csv"
    path.write_text(GERMAN, encoding="utf-8-sig")
    text = guess(path, config)
    assert '# cost_usd: "Kosten (EUR)" # not named USD' in text, "euros must not pass for dollars"
    mapping = parse_mapping(text.replace("# cost_usd", "cost_usd"))
    assert (mapping.text, mapping.lane.column, mapping.user) == ("Frage", "Modell", "Kunde")
    rows = [RowReader(mapping, config).read(line, cells or {}) for line, cells in rows_of(path, read=mapping.read)]
    assert [troubles for _, troubles in rows] == [(), ()]
    assert [(row.cost_usd, row.latency_ms, row.quality) for row, _ in rows if row] == [
        (0.0097, 3700.0, 1.0),
        (1204.5, 1000.0, None),
    ]


def test_where_no_name_is_known_what_stands_in_the_columns_tells(tmp_path: Path, config: RouterConfig) -> None:
    path = tmp_path / "pedidos.csv"
    path.write_text(
        "cuando,motor,cliente,dicho,pulgar\n2026-10-01T08:00:00,gpt-4.1,c1,¿Dónde está mi paquete hoy?,👍\n"
        "2026-10-01T09:00:00,mistral-small,c2,Quiero cambiar la dirección.,👎\n",
        encoding="utf-8",
    )
    text = guess(path, config)
    mapping = parse_mapping(text)
    assert (mapping.time.column, mapping.lane.column, mapping.text) == ("cuando", "motor", "dicho")
    assert mapping.quality is not None
    assert (mapping.quality.column, mapping.quality.how) == ("pulgar", "thumbs")
    assert "# Columns that are not used: cliente" in text


def test_how_numbers_are_written_makes_no_other_rows(tmp_path: Path, config: RouterConfig) -> None:
    """Who corrects the mapping and imports again adds nothing twice: ids are of what stands there."""
    path = tmp_path / "anfragen.csv"
    path.write_text(GERMAN, encoding="utf-8-sig")
    mapping = parse_mapping(guess(path, config))
    pointed = mapping.model_copy(update={"read": mapping.read.model_copy(update={"decimal": "."})})
    keys = [
        [
            row.key
            for line, cells in rows_of(path, read=one.read)
            if (row := RowReader(one, config).read(line, cells or {})[0])
        ]
        for one in (mapping, pointed)
    ]
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 2


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


def test_columns_of_probabilities_and_names_with_units_are_guessed(tmp_path: Path, config: RouterConfig) -> None:
    """Who has drawn lanes at random must not lose it because a column is called otherwise here."""
    path = tmp_path / "versuch.csv"
    rows = [f"{at};01.10.2026 08:0{at};Wo ist Paket {at}?;gpt-4.1;0,00{at};{at},5;0,25;0,75;0;1" for at in range(3)]
    path.write_text("Nr;Zeit;Frage;Modell;Kosten_USD;Dauer_s;p_haus;p_gpt-4.1;neu;alt\n" + "\n".join(rows), "utf-8")
    text = guess(path, config)
    assert "propensity: {columns: {CHANGE_ME_0: p_haus, expert: p_gpt-4.1}}" in text
    assert "not used: neu, alt" in text, "what is 0 or 1 throughout is no probability"
    mapping = parse_mapping(text)
    assert (mapping.request_id, mapping.cost_usd, mapping.read.decimal) == ("Nr", "Kosten_USD", ",")
    assert mapping.latency_ms is not None
    assert (mapping.latency_ms.column, mapping.latency_ms.unit) == ("Dauer_s", "s")
