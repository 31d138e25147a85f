"""``router-ml contract``: the schemas that others build on, and the page that people read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from router_ml.cli import contract_page, write_schemas
from router_ml.cli.document import all_schemas
from router_ml.config import parse_config
from router_ml.contract import json_schemas

Run = Callable[..., tuple[int, str, str]]


def test_the_contract_page_names_everything_that_is_promised(small: str, run: Run, yaml: Path) -> None:
    code, page, _ = run("contract", yaml)
    config = parse_config(small)
    assert code == 0
    assert page == contract_page(config)
    for name in (*config.lanes, *config.traffic_classes, "pii-private (1)", "risk pii", config.fallback.finally_):
        assert name in page
    assert "stays \\| on" in page, "a bar would start another column"
    for table in page.split("\n\n"):
        rows = [line for line in table.splitlines() if line.startswith("|")]
        assert len({line.replace("\\|", "").count("|") for line in rows}) <= 1, "every row has the columns of its table"
    for heading in (
        "comes in",
        "is decided",
        "Lanes",
        "Tools",
        "Policies",
        "Traffic",
        "Fallback",
        "be logged",
        "Owners",
        "Words",
        "Risks",
    ):
        assert f"{heading}\n" in page or f"{heading} classes\n" in page
    assert "| privacy | pii-private |" in page, "a reviewer finds who answers for a rule"
    assert "| restricted | " in page, "what makes a request restricted"
    record = json.loads(run("contract", yaml, "--json")[1])
    assert record["owners"] == {"privacy": ["pii-private"]}
    assert list(record["lanes"]) == list(config.lanes)


def test_the_committed_schemas_are_up_to_date(root: Path) -> None:
    """Consumers in other languages generate their types from these files: router-ml contract --schema data/schemas."""
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (root / "data/schemas").glob("*.json")}
    wanted = all_schemas()
    if "openapi" not in wanted:  # the extra is not installed
        del found["openapi"]
    assert found == wanted


def test_schemas_are_written_where_asked(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "schemas"
    code, shown, _ = run("contract", "--schema", folder)
    assert code == 0
    assert shown.split() == [str(path) for path in write_schemas(folder)]
    assert {path.stem for path in folder.iterdir()} == set(all_schemas()) >= set(json_schemas())
    assert json.loads(run("contract", "--schema", folder, "--json")[1])["written"] == shown.split()
