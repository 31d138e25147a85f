"""``router-ml contract``: the schemas that others build on, and the page that people read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from router_ml.cli import contract_page, write_schemas
from router_ml.cli.contract_page import contract_record
from router_ml.cli.document import all_schemas
from router_ml.config import parse_config
from router_ml.config.rules import OutputThen, OutputWhen, Then, When
from router_ml.config.schema import FallbackRule, Promise
from router_ml.contract import RouteDecision, RouteRequest, json_schemas

PLAIN = ("intent", "domain", "channel", "org", "region", "tool", "language")
"""Conditions that say themselves what they are."""
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


def test_the_contract_page_leaves_nothing_out(root: Path) -> None:
    """Every field of a request and a decision, every destination of data, shape and notice; each condition and effect
    is a word that is explained; of a log its place without a password, or that there is none."""
    text = (root / "models" / "default" / "router.yaml").read_text(encoding="utf-8")
    page = contract_page(parse_config(text))
    exchange, explained = page[: page.index("## Lanes")].replace("_", " ").lower(), page[page.index("## Words") :]
    inside = {"created_at", "decision_id", "trace_id", "circumstances", "places", "guard_reasons", "learned_estimate"}
    for field in {*RouteRequest.model_fields, *RouteDecision.model_fields} - inside:
        assert field.replace("_", " ") in exchange, field
    for field in (*When.model_fields, *OutputWhen.model_fields, *Then.model_fields, *OutputThen.model_fields):
        if f"{field} " in page[page.index("## Policies") : page.index("## Shapes")] and field not in PLAIN:
            assert field in explained, field
    config = parse_config(text)
    for name in (*config.output_contracts, *config.notices, *config.rerankers, *config.judges, *config.trace_sinks):
        assert f"| {name} |" in page
    assert "`decisions.sqlite`" in page or "No log is named" in page
    secret = config.logging.model_copy(update={"url": "postgresql://me:hunter2/@db/log?password=hunter2"})
    assert "hunter2" not in (other := contract_page(config.model_copy(update={"logging": secret})))
    assert "postgresql://db/log" in other
    assert "hunter2" not in str(contract_record(config.model_copy(update={"logging": secret})))
    nowhere = config.logging.model_copy(update={"url": None})
    assert "No log is named" in contract_page(config.model_copy(update={"logging": nowhere}))


def test_the_contract_page_says_what_a_promise_and_a_fallback_are(small: str) -> None:
    """A promise of a loss is not called one of an average, and attempts on the first lane are counted."""
    config = parse_config(small)
    loss = Promise(kind="loss", max_loss=0.03)
    classes = {name: one.model_copy(update={"promise": loss}) for name, one in config.traffic_classes.items()}
    rule = FallbackRule(attempts=2, lanes=0, **{"finally": "static_answer"})
    page = contract_page(config.model_copy(update={"traffic_classes": classes, "fallback": rule}))
    assert "at most 0.03 below the best lane" in page
    assert "no other lane, after the first lane itself once more but for a refusal" in page
    assert config.execution.static_answer in page


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
