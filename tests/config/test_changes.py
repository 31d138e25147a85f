"""A wrong change of rules is told as exactly as a wrong file, and changes nothing but rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from router_ml.config import Policy, RouterConfig, parse_config, policy_sha256
from router_ml.config.changes import added_policies, compare_rules, newer_rules, with_policies
from router_ml.errors import ConfigError, Problem

KILL: dict[str, Any] = {
    "id": "kill-fast",
    "version": "1",
    "owner": "ops",
    "rationale": "The vendor has an incident.",
    "when": {},
    "then": {"lanes": {"deny": ["fast"]}},
}
FILE = """\
policies:
  - id: kill-fast
    version: "1"
    owner: ops
    rationale: r
    when: {}
    then: {lanes: {deny: [fast]}}
"""


@pytest.fixture(scope="module")
def base(small: str) -> RouterConfig:
    return parse_config(small)


def problems(base: RouterConfig, given: Any) -> dict[str, Problem]:
    with pytest.raises(ConfigError) as caught:
        added_policies(base, given)
    return {problem.key: problem for problem in caught.value.problems}


def test_policies_come_as_mapping_policy_or_file(base: RouterConfig, tmp_path: Path) -> None:
    path = tmp_path / "override.yaml"
    path.write_text(FILE)
    policy = Policy.model_validate(KILL)
    assert added_policies(base, KILL) == (policy,)
    assert added_policies(base, policy) == (policy,)
    assert added_policies(base, {"policies": [KILL]}) == (policy,)
    assert [added.id for added in added_policies(base, path)] == ["kill-fast"]
    assert with_policies(base, (policy,)).policies == (*base.policies, policy)


def test_mistakes_are_told_with_line_key_and_fix(base: RouterConfig, tmp_path: Path) -> None:
    """Overrides are written in a hurry."""
    path = tmp_path / "override.yaml"
    path.write_text(FILE.replace("deny: [fast]", "deny: [fsat]"))
    found = problems(base, path)["policies[0].then.lanes.deny"]
    assert (found.file, found.line) == (str(path), 7)
    assert "Did you mean 'fast'?" in found.fix
    path.write_text(FILE.replace("owner: ops", "owners: ops"))
    found = problems(base, path)["policies[0].owners"]
    assert (found.line, found.fix) == (4, "Did you mean 'owner'?")


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({**KILL, "id": "pii-private"}, "policies[0].id"),
        ({"policies": []}, "policies"),
        ({"policies": [KILL, KILL]}, "policies[1].id"),
        ({**KILL, "when": {"risk": ["no-such-risk"]}}, "policies[0].when.risk"),
        ({**KILL, "then": {"widen": True}}, "policies[0].then.widen"),
        ({"policies": [KILL], "lanes": {}}, "lanes"),
        ({"id": object()}, "(mapping)"),
        (Path("/nowhere/override.yaml"), "(file)"),
    ],
)
def test_what_cannot_be_an_override_is_refused(base: RouterConfig, given: Any, key: str) -> None:
    assert key in problems(base, given)


def test_newer_rules_keep_the_sections_that_a_file_leaves_out(base: RouterConfig, tmp_path: Path) -> None:
    """Leaving a section out is no way to remove rules; an empty list is."""
    path = tmp_path / "rules.yaml"
    path.write_text('notices:\n  legal: {text: "Ask a lawyer.", phrases: [ask a lawyer]}\n')
    config = newer_rules(base, path)
    assert (config.policies, list(config.notices)) == (base.policies, ["legal"])
    path.write_text("policies: []\n")
    assert newer_rules(base, path).policies == ()


def test_newer_rules_come_from_a_whole_file_too(base: RouterConfig, small: str, tmp_path: Path) -> None:
    path = tmp_path / "router.yaml"
    path.write_text(small.replace("then: {boundary: private}", "then: {boundary: private, explore: false}"))
    config = newer_rules(base, path)
    assert compare_rules(base, config) == {"added": [], "removed": [], "changed": ["pii-private"]}
    assert policy_sha256(config) != policy_sha256(base)
    assert newer_rules(base, base) == base


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("quality: 0.8}", "quality: 0.9}", "lanes"),
        ("floor: 0.7", "floor: 0.6", "traffic_classes"),
        ("risk: [pii]", "risk: [piy]", "policies[0].when.risk"),
        ("risk_tiers: {", "packs: [more]\n  risk_tiers: {", "guardrails.packs"),
        ("boundary: private}", "bondary: private}", "tools.refund.bondary"),
        ("version: 1\n", "version: 1\nversion: 1\n", "version"),
    ],
)
def test_anything_but_rules_needs_a_restart(
    base: RouterConfig, small: str, tmp_path: Path, old: str, new: str, key: str
) -> None:
    """Lanes are bound to what was learned; a silent half of a change would be worse than none."""
    assert old in small
    path = tmp_path / "router.yaml"
    path.write_text(small.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        newer_rules(base, path)
    found = {problem.key: problem for problem in caught.value.problems}
    assert key in found
    assert found[key].line is not None


def test_a_file_that_is_no_mapping_is_refused(base: RouterConfig, tmp_path: Path) -> None:
    path = tmp_path / "router.yaml"
    path.write_text("- policies\n")
    with pytest.raises(ConfigError, match="expected a mapping of sections, found list"):
        newer_rules(base, path)


def test_every_kind_of_rule_is_compared(base: RouterConfig) -> None:
    """The audit event must name whatever was weakened."""
    own = {"version": "1", "owner": "o", "rationale": "r"}
    notices = {"n": {"text": "t", "phrases": ["p"]}}
    output = [{"id": "pii-private", **own, "when": {}, "then": {"withhold": "No."}}]
    raw = base.model_dump(mode="json", by_alias=True)
    after = RouterConfig.model_validate(
        {
            **raw,
            "policies": [],
            "notices": notices,
            "output_policies": output,
            "guardrails": {**raw["guardrails"], "max_bytes": 10},
        }
    )
    assert compare_rules(base, after) == {
        "added": ["output_policies.pii-private", "notices.n"],
        "removed": ["pii-private", "no-tools"],
        "changed": ["guardrails.max_bytes"],
    }


@pytest.mark.parametrize("section", ["output_policies", "notices", "rerankers", "judges", "trace_sinks"])
def test_the_digest_of_the_rules_covers_each_of_them(base: RouterConfig, section: str) -> None:
    """Two decisions with one digest were made under the same rules."""
    own = {"id": "x", "version": "1", "owner": "o", "rationale": "r"}
    more: dict[str, Any] = {
        "output_policies": [{**own, "when": {}, "then": {}}],
        "notices": {"n": {"text": "t", "phrases": ["p"]}},
    }
    raw = base.model_dump(mode="json", by_alias=True)
    after = RouterConfig.model_validate({**raw, section: more.get(section, {"place": {"boundary": "private"}})})
    assert policy_sha256(after) != policy_sha256(base)
