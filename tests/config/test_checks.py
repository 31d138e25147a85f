"""References that lead nowhere and rules that can never act are found before a request does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from router_ml.config import parse_config, policy_sha256
from router_ml.errors import ConfigError, Problem

Break = Callable[[str, str], tuple[dict[str, Problem], int]]


@pytest.mark.parametrize(
    ("old", "new", "key", "message", "fix"),
    [
        ("boundary: vendor", "boundary: vendr", "lanes.fast.boundary", "'vendr' is not a known boundary", "'vendor'"),
        ("region: us", "region: mars", "lanes.fast.region", "'mars' is not a known region", "Known: eu, us"),
        ("write, boundary: private", "write, boundary: x", "tools.refund.boundary", "boundary", "Known: private"),
        ("effect: write", "effect: write, region: x", "tools.refund.region", "region", "Known: eu, us"),
        ("top_k: 5, boundary: private", "boundary: x", "indexes.help.boundary", "boundary", "Known: private"),
        ("{pii: high,", "{pi: high,", "guardrails.risk_tiers.pi", "'pi' is not a known risk", "'pii'"),
        ("when: {risk: [pii]}", "when: {risk: [ppi]}", "policies[0].when.risk", "known risk", "'pii'"),
        ("when: {risk: [pii]}", "when: {intent: [q]}", "policies[0].when.intent", "known intent", "'qa'"),
        ("when: {risk: [pii]}", "when: {domain: [leg]}", "policies[0].when.domain", "known domain", "'legal'"),
        ("when: {risk: [pii]}", "when: {region: [ue]}", "policies[0].when.region", "known region", "eu"),
        ("when: {risk: [pii]}", "when: {tool: [refnd]}", "policies[0].when.tool", "known tool", "'refund'"),
        ("{boundary: private}\n", "{boundary: privat}\n", "policies[0].then.boundary", "boundary", "'private'"),
        ("{boundary: private}\n", "{regions: [ue]}\n", "policies[0].then.regions", "region", "eu"),
        ("{boundary: private}\n", "{lanes: {allow: [x]}}\n", "policies[0].then.lanes.allow", "lane", "fast, own"),
        ("{boundary: private}\n", "{lanes: {deny: [fst]}}\n", "policies[0].then.lanes.deny", "lane", "'fast'"),
        ("{boundary: private}\n", "{output_contract: cite}\n", "policies[0].then.output_contract", "", "'cited'"),
        ("domain: [legal]", "domain: [legl]", "traffic_classes.legal.when.domain", "known domain", "'legal'"),
        ("intent: [qa]", "intent: [qaa]", "plan[0].when.intent", "known intent", "'qa'"),
        ("index: help", "index: hepl", "plan[0].index", "known index", "'help'"),
        ("output_contract: cited", "output_contract: c", "plan[0].output_contract", "output contract", "cited"),
    ],
    ids=lambda value: str(value).strip()[:30],
)
def test_a_name_that_is_defined_nowhere_is_found(
    breaking: Break, old: str, new: str, key: str, message: str, fix: str
) -> None:
    """A policy with a typo in it protects nothing, and says so only when it is too late."""
    problems, line = breaking(old, new)
    assert list(problems) == [key]
    assert problems[key].line == line
    assert message in problems[key].message
    assert fix in problems[key].fix


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("when: {risk: [pii]}", "when: {risk: []}", "policies[0].when.risk"),
        ("when: {risk: [pii]}", "when: {risk: [pii], tier: [low, medium]}", "policies[0].when.tier"),
        ("effect: write", "effect: read", "policies[1].when.write_tool"),
        ("when: {risk: [pii]}", "when: {tool: [refund], write_tool: false}", "policies[0].when.write_tool"),
        ("then: {approval: true}", "then: {}", "policies[1].then"),
        ("then: {approval: true}", "then: {approval: false}", "policies[1].then"),
        ("then: {approval: true}", "then: {lanes: {}}", "policies[1].then"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_policy_that_can_never_act_is_found(breaking: Break, old: str, new: str, key: str) -> None:
    """Someone believes that this rule protects them."""
    problems, _ = breaking(old, new)
    assert list(problems) == [key]
    assert problems[key].line is not None
    assert "unreachable" in problems[key].message or "no effect" in problems[key].message
    assert problems[key].fix


@pytest.mark.parametrize(
    "when",
    [
        "{risk: [pii, state_change], tier: [medium]}",
        "{risk: [pii], tier: [low, high]}",
        "{tool: [refund, look_up], write_tool: false}",
        "{tool: [refund], write_tool: true}",
    ],
)
def test_a_policy_that_some_request_reaches_is_left_alone(small: str, when: str) -> None:
    text = small.replace("indexes:\n", '  look_up: {version: "1", effect: read}\nindexes:\n')
    assert parse_config(text.replace("when: {risk: [pii]}", f"when: {when}")).policies[0].id == "pii-private"


def test_two_policies_of_one_id_are_found(breaking: Break) -> None:
    """The decision log names policies by id: an auditor could not tell which of the two fired."""
    problems, line = breaking("id: no-tools", "id: pii-private")
    assert problems["policies[1].id"].line == line
    assert "policies[0]" in problems["policies[1].id"].message
    assert problems["policies[1].id"].fix


@pytest.mark.parametrize(
    "earlier",
    ["", "    when: {domain: [legal]}\n", "    when: {domain: [general, legal]}\n"],
    ids=["takes everything", "asks for the same", "asks for more"],
)
def test_a_class_that_no_request_reaches_is_found(small: str, earlier: str) -> None:
    """Its floor and its limits would never hold."""
    first = f"traffic_classes:\n  first:\n{earlier}    floor: 0.5\n    quality_per_usd: 60\n"
    with pytest.raises(ConfigError, match="unreachable") as caught:
        parse_config(small.replace("traffic_classes:\n", first))
    assert all(problem.key.startswith("traffic_classes.") for problem in caught.value.problems)
    assert all(problem.line and problem.fix for problem in caught.value.problems)


def test_classes_that_leave_requests_out_are_found(breaking: Break) -> None:
    problems, line = breaking("  default:\n", "  default:\n    when: {mode: [chat]}\n")
    problem = problems["traffic_classes.default"]
    assert problem.line == line - 1
    assert "no class" in problem.message
    assert problem.fix


def test_a_router_without_an_enabled_lane_is_found(small: str) -> None:
    off = small.replace("    context_window: 100000\n", "    context_window: 100000\n    enabled: false\n")
    with pytest.raises(ConfigError, match="every lane is disabled"):
        parse_config(off)
    one_on = off.replace("enabled: false", "enabled: true", 1)
    assert [name for name, lane in parse_config(one_on).lanes.items() if lane.enabled] == ["fast"]


def test_policies_can_only_narrow(breaking: Break) -> None:
    """Nothing in a rule may widen the choice: exploration can be forbidden, not forced."""
    problems, _ = breaking("then: {boundary: private}", "then: {boundary: private, explore: true}")
    assert list(problems) == ["policies[0].then.explore"]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("boundaries: [private, vendor]", "boundaries: [private, vendor, private]", "boundaries"),
        ("regions: [eu, us]", "regions: [eu, us, us]", "regions"),
    ],
)
def test_a_place_that_is_listed_twice_is_found(small: str, old: str, new: str, key: str) -> None:
    """From narrow to wide has one order only."""
    with pytest.raises(ConfigError, match="listed twice") as caught:
        parse_config(small.replace(old, new))
    assert caught.value.problems[0].key == key


def test_retrieval_without_an_index_is_found(small: str) -> None:
    """It would silently look nothing up."""
    with pytest.raises(ConfigError, match="needs an index"):
        parse_config(small.replace("plan:\n", "plan:\n  - {when: {intent: [qa]}, retrieval: light}\n"))


def test_the_policy_digest_covers_what_decides_eligibility(small: str) -> None:
    """An auditor compares digests: moving a lane must change it, a price cut must not."""
    digest = policy_sha256(parse_config(small))
    moved = small.replace("boundary: vendor", "boundary: private", 1)
    cheaper = small.replace("output_per_mtok: 8.0", "output_per_mtok: 4.0")
    assert moved != small
    assert cheaper != small
    assert policy_sha256(parse_config(moved)) != digest
    assert policy_sha256(parse_config(cheaper)) == digest


NOTICES = "notices: {medical: {text: Ask a doctor., phrases: [ask a doctor]}}\n"
OUTPUT = """\
output_policies:
  - id: advice
    version: "1"
    owner: o
    rationale: r
    when: {request_risk: [pii], notice_missing: [medical]}
    then: {add_notice: medical}
"""


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ("request_risk: [pii]", "request_risk: [ppi]", "when.request_risk", "known risk"),
        ("request_risk: [pii]", "risk: [ppi]", "when.risk", "known risk"),
        ("request_risk: [pii]", "domain: [leg]", "when.domain", "known domain"),
        ("request_risk: [pii]", "channel: []", "when.channel", "unreachable"),
        ("[pii]", "[pii], tier: [low]", "when.tier", "unreachable"),
        ("notice_missing: [medical]", "notice_missing: [med]", "when.notice_missing", "known notice"),
        ("add_notice: medical", "add_notice: med", "then.add_notice", "known notice"),
        ("{add_notice: medical}", "{}", "then", "no effect"),
    ],
)
def test_rules_on_answers_are_checked_as_rules_on_requests_are(
    small: str, old: str, new: str, key: str, message: str
) -> None:
    """A notice that no rule can find would be missing from every answer, or from none."""
    parse_config(small + NOTICES + OUTPUT)
    with pytest.raises(ConfigError, match=message) as caught:
        parse_config(small + NOTICES + OUTPUT.replace(old, new))
    assert [problem.key for problem in caught.value.problems] == [f"output_policies[0].{key}"]
    with pytest.raises(ConfigError, match="defined twice"):
        parse_config(small + NOTICES + OUTPUT + OUTPUT.removeprefix("output_policies:\n"))


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ("per_usd: 30", "per_usd: 30, at_cap: queue", "traffic_classes.default.at_cap", "without a budget"),
        ("per_usd: 30", "per_usd: 30, promise: {delta: 0}", "traffic_classes.default.promise.delta", "probability 0 "),
        (
            "per_usd: 30",
            "per_usd: 30, promise: {delta: 1.0}",
            "traffic_classes.default.promise.delta",
            "probability 1 ",
        ),
        ("per_usd: 30", "per_usd: 30, promise: {max_loss: 0.1}", "traffic_classes.default.promise.max_loss", "loss"),
    ],
)
def test_money_and_promises_that_cannot_do_what_they_say_are_found(
    breaking: Break, old: str, new: str, key: str, message: str
) -> None:
    """A cap without a budget never comes, and what no sample can prove is not promised."""
    flow = "default: {floor: 0.7, quality_per_" + new.removeprefix("per_") + "}"
    problems, _ = breaking(f"default:\n    floor: 0.7\n    quality_{old}", flow)
    assert list(problems) == [key]
    assert message in problems[key].message


def test_a_lane_is_not_probed_where_nothing_is_explored(small: str) -> None:
    text = small.replace("quality_per_usd: 10", "quality_per_usd: 10\n    explore_share: 0")
    text = text.replace("quality_per_usd: 30", "quality_per_usd: 30\n    explore_share: 0")
    parse_config(text)
    with pytest.raises(ConfigError, match=r"lanes\.own\.probe: no traffic class explores"):
        parse_config(text.replace("  own:\n", "  own:\n    probe: {requests: 20}\n"))


def test_a_budget_with_every_key_is_fine(small: str) -> None:
    money = "budget_usd_per_day: 5\n    at_cap: refuse\n    promise: {kind: loss, delta: 0.1, max_loss: 0.02}"
    config = parse_config(small.replace("quality_per_usd: 30", f"quality_per_usd: 30\n    {money}"))
    assert config.traffic_classes["default"].at_cap == "refuse"
