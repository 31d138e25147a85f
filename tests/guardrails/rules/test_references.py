"""Names that only detectors know: a typo is an error with its place, what may be missing a note."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from router_ml.config import RouterConfig
from router_ml.guardrails import patterns
from router_ml.guardrails.rules import references
from router_ml.guardrails.rules.references import issues, notes

Config = Callable[..., RouterConfig]
CODES = frozenset({"en", "de", "und"})
PRIVATE: dict[str, Any] = {"boundary": "private"}


def asking(config: Config, when: dict[str, Any], **more: Any) -> RouterConfig:
    return config((when, PRIVATE), **more)


def test_every_type_that_ships_may_be_named(config: Config) -> None:
    types = [*{row.type for row in patterns.DETECTORS}, *references.ENTITIES]
    assert list(issues(asking(config, {"finding": types}))) == []


def test_a_typo_in_a_finding_names_what_was_meant(config: Config) -> None:
    (issue,) = issues(asking(config, {"finding": ["email", "emial"]}))
    assert issue.path == ("policies", 0, "when", "finding")
    assert issue.fix == "Did you mean 'email'?"


def test_findings_of_output_policies_are_checked_too(config: Config) -> None:
    rule = {"id": "o", "version": "1", "owner": "o", "rationale": "r", "then": {"withhold": "No."}}
    (issue,) = issues(config(output_policies=[{**rule, "when": {"finding": ["emial"]}}]))
    assert issue.path[0] == "output_policies"


def test_a_pack_has_to_exist_and_to_be_named_for_its_types(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    row = next(row for row in patterns.DETECTORS if row.type == "email")
    monkeypatch.setattr(patterns, "PACKS", {"extra": (row,)}, raising=False)
    monkeypatch.setattr(patterns, "DETECTORS", tuple(row for row in patterns.DETECTORS if row.type != "email"))
    (issue,) = issues(asking(config, {"finding": ["email"]}))
    assert issue.fix == "Add 'extra' to guardrails.packs."
    assert list(issues(asking(config, {"finding": ["email"]}, guardrails={"packs": ["extra"]}))) == []
    (issue,) = issues(config(guardrails={"packs": ["extras"]}))
    assert issue.fix == "Did you mean 'extra'?"


def test_what_ones_own_detectors_report_is_not_known_beforehand(config: Config) -> None:
    own = asking(config, {"finding": ["loyalty_card"]}, guardrails={"detectors": [{"path": "loyalty.py"}]})
    assert list(issues(own)) == []
    assert ["loyalty_card" in note.message for note in notes(own, languages=CODES)] == [True]


@pytest.mark.parametrize("code", ["English", "EN", "zh-Hant", "e"])
def test_a_language_is_written_as_its_code(config: Config, code: str) -> None:
    (issue,) = issues(asking(config, {"language": [code, "und"]}))
    assert repr(code) in issue.message


def test_a_language_that_is_never_detected_deserves_a_look(config: Config) -> None:
    asked = asking(config, {"language": ["de", "tlh"]})
    assert list(issues(asked)) == []
    assert [note.policies for note in notes(asked, languages=CODES)] == [("p0",)]


def test_a_risk_that_needs_a_classifier_is_said_where_no_labels_are_listed(config: Config) -> None:
    asked = asking(config, {"risk": ["pii", "gambling"]})
    assert ["gambling" in note.message for note in notes(asked, languages=CODES)] == [True]
    assert list(notes(asking(config, {"risk": ["gambling"]}, taxonomy={"risks": ["gambling"]}), languages=CODES)) == []
