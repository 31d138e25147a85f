"""A wrong ``router.yaml`` is answered with file, line, key and fix, never with a traceback or a silent default."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from router_ml.config import RouterConfig, config_sha256, load_config, parse_config, policy_sha256, prices_sha256
from router_ml.errors import ConfigError, Problem

Break = Callable[[str, str], tuple[dict[str, Problem], int]]
ONE_LANE = """\
version: 1
lanes:
  only:
    model: openai/gpt-4.1
    provider: openai
    failure_domain: openai
    region: us
    boundary: vendor
    price: {input_per_mtok: 2.0, output_per_mtok: 8.0}
    latency: {base_ms: 450, ms_per_output_token: 12}
    prior: {quality: 0.8}
    context_window: 100000
    max_output_tokens: 8192
traffic_classes:
  default: {floor: 0.5, quality_per_usd: 30}
"""


def test_the_configuration_that_ships_is_valid(root: Path) -> None:
    config = load_config(root / "models" / "default" / "router.yaml")
    assert set(config.lanes) == {"private", "balanced", "fast", "premium", "code", "extraction", "openai", "anthropic"}
    assert next(reversed(config.traffic_classes)) == "default"


def test_one_lane_and_nothing_learned_is_enough() -> None:
    """Someone who only wants contract, guardrails and log starts here."""
    config = parse_config(ONE_LANE)
    assert config.lanes["only"].boundary == "vendor"
    assert config.policies == ()
    assert config.logging.url is None


@pytest.mark.parametrize(
    ("old", "new", "key", "message", "fix"),
    [
        ("    provider: openai\n", "    provder: openai\n", "lanes.fast.provder", "unknown key", "'provider'"),
        ("regions: [eu, us]", "xyz: [eu]", "xyz", "unknown key", "Known keys here: boundaries,"),
        ("provider: vllm", "modle: vllm", "lanes.own.modle", "unknown key", "'model'"),
        ("input_per_mtok: 2.0", "input: 2.0", "lanes.fast.price.input", "unknown key", "input_per_mtok"),
        ("  own:\n", "  fast:\n", "lanes.fast", "first defined on line 6", "Rename or remove"),
        ("floor: 0.8\n", "floor: 0.8\n    floor: 0.9\n", "traffic_classes.legal.floor", "twice", "Rename or"),
        ("{input_per_mtok: 2.0, ", "{", "lanes.fast.price.input_per_mtok", "missing", "Add 'input_per_mtok'"),
        ("input_per_mtok: 2.0", "input_per_mtok: -2", "lanes.fast.price.input_per_mtok", "greater than", ""),
        ("input_per_mtok: 2.0", "input_per_mtok: .nan", "lanes.fast.price.input_per_mtok", "finite", ""),
        ("effect: write", "effect: destroy", "tools.refund.effect", "'read' or 'write'", ""),
        ("version: 1\n", "version: 9\n", "version", "should be 1", ""),
        ("retrieval: light", "retrieval: broad", "plan[0].retrieval", "'none', 'light', 'deep' or 'clarify'", ""),
        ("floor: 0.8\n", "floor: 0.8\n    budget: {}\n", "traffic_classes.legal.budget", "unknown key", "floor"),
        ("  risk_tiers:", "  risk_thresholds: {}\n  risk_tiers:", "guardrails.risk_thresholds", "unknown key", ""),
        ("version: 1\n", "version: 1\nlogging: {keep_text: true}\n", "logging.keep_text", "unknown key", ""),
        ("version: 1\n", "version: 1\nlogging: {on_error: stop}\n", "logging.on_error", "'continue' or 'raise'", ""),
    ],
    ids=lambda value: str(value).strip()[:30],
)
def test_a_wrong_key_or_value_is_named_with_its_line(
    breaking: Break, old: str, new: str, key: str, message: str, fix: str
) -> None:
    problems, line = breaking(old, new)
    assert (problems[key].file, problems[key].line) == ("my.yaml", line)
    assert message in problems[key].message
    assert fix in problems[key].fix


def test_a_lane_without_a_price_is_refused(breaking: Break) -> None:
    """A lane that costs nothing would win every trade-off. The line is that of the lane: the key has none."""
    problems, line = breaking("    price: {input_per_mtok: 2.0, output_per_mtok: 8.0}\n", "")
    assert problems["lanes.fast.price"].line == line - 6
    assert problems["lanes.fast.price"].fix == "Add 'price'."


def test_a_value_of_the_wrong_type_comes_with_a_fix(breaking: Break) -> None:
    """An unquoted 1 is the commonest slip: YAML reads a number where a name is expected."""
    problems, line = breaking('    version: "1"', "    version: 1")
    assert problems["policies[0].version"].line == line
    assert problems["policies[0].version"].fix


@pytest.mark.parametrize("name", ["model", "price", "latency"])
def test_a_lane_may_be_called_like_a_key(name: str) -> None:
    """The hint has to list the keys of a lane, not those of the section that happens to share its name."""
    with pytest.raises(ConfigError) as caught:
        parse_config(ONE_LANE.replace("  only:\n", f"  {name}:\n    modle: x\n"))
    (problem,) = caught.value.problems
    assert (problem.line, problem.key, problem.fix) == (4, f"lanes.{name}.modle", "Did you mean 'model'?")


def test_all_problems_are_reported_at_once(small: str) -> None:
    broken = small.replace("boundary: vendor", "boundary: vendr").replace("index: help", "index: hlep")
    broken = broken.replace("then: {boundary: private}", "then: {boundary: privat}")
    with pytest.raises(ConfigError) as caught:
        parse_config(broken)
    keys = [problem.key for problem in caught.value.problems]
    assert keys == ["lanes.fast.boundary", "policies[0].then.boundary", "plan[0].index"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("version: 1\nlanes: [unclosed\n", 3),
        ("version: 1\n\tlanes: {}\n", 2),
        ("a: 1\n---\nb: 2\n", 2),
        ("a: *nowhere\n", 1),
        ("", 1),
        ("# only a comment\n", 1),
        ("- a list\n", 1),
        ("just words\n", 1),
    ],
    ids=repr,
)
def test_a_file_that_is_no_configuration_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, file="my.yaml")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.key) == ("my.yaml", line, "(file)")
    assert problem.fix


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("version: 1 # caf\xe9".encode("latin-1"))
    for path, reason in ((latin, "UTF-8"), (tmp_path / "absent.yaml", "No such file"), (tmp_path, "directory")):
        with pytest.raises(ConfigError, match=reason) as caught:
            load_config(path)
        assert caught.value.problems[0].file == str(path)
        assert caught.value.problems[0].fix


@given(st.text() | st.dictionaries(st.text(max_size=6), st.text(max_size=6)).map(yaml.safe_dump))
@example("=")
@example("a: <<")
@example("version: 2026-13-01")  # YAML takes it for a date
@example("a: 0b_")
@example("a: !!int x")
@example("a: !!python/object:os.system x")
@example("a: &x [*x]")
@example("- " * 3000)
@example("\ud800")
def test_any_text_is_a_configuration_or_a_configuration_error(text: str) -> None:
    """The command line prints ConfigErrors; anything else is a traceback for someone who mistyped a line."""
    with contextlib.suppress(ConfigError):
        assert isinstance(parse_config(text), RouterConfig)


@given(st.data())
def test_a_damaged_configuration_is_one_too(small: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(small)))
    end = data.draw(st.integers(start, min(len(small), start + 40)))
    inserted = data.draw(st.text("abz01 :,-[]{}#&*!|>'\"%@`~=<\n\t.\\", max_size=12))
    with contextlib.suppress(ConfigError):
        assert isinstance(parse_config(small[:start] + inserted + small[end:]), RouterConfig)


def test_a_byte_order_mark_is_no_mistake(small: str, tmp_path: Path) -> None:
    """Some editors write one without asking."""
    path = tmp_path / "router.yaml"
    path.write_text("\ufeff" + small, encoding="utf-8")
    assert load_config(path) == parse_config(small)


def test_the_bundle_says_which_labels_exist(small: str) -> None:
    """A policy on a risk that the classifier does not know would never fire."""
    taxonomy = {"intents": ("qa", "action"), "domains": ("general", "legal"), "risks": ("pii",)}
    with pytest.raises(ConfigError, match="'state_change' is not a known risk"):
        parse_config(small, taxonomy=taxonomy)
    assert parse_config(small, taxonomy={**taxonomy, "risks": ("pii", "state_change")}).taxonomy.risks[1:] == (
        "state_change",
    )


def test_digests_change_with_what_they_stand_for_and_nothing_else(small: str) -> None:
    """A decision logs them; equal digests must mean equal rules and prices."""
    config = parse_config(small)
    again = parse_config("# a comment\n" + small)
    dearer = parse_config(small.replace("output_per_mtok: 8.0", "output_per_mtok: 9.0"))
    stricter = parse_config(small.replace("then: {approval: true}", "then: {approval: true, explore: false}"))
    for digest in (config_sha256, policy_sha256, prices_sha256):
        assert digest(again) == digest(config)
    assert [digest(dearer) == digest(config) for digest in (config_sha256, policy_sha256, prices_sha256)] == [
        False,
        True,
        False,
    ]
    assert [digest(stricter) == digest(config) for digest in (config_sha256, policy_sha256, prices_sha256)] == [
        False,
        False,
        True,
    ]
