"""``rewards.yaml``: every mistake has its line, and what ships can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from router_ml.config import load_config
from router_ml.config.rewards import REWARDS, parse_rewards, rewards_beside, rewards_sha256, shipped_rewards
from router_ml.errors import ConfigError

GOOD = """\
version: 1
signals:
  resolved: {values: {true: 1.0, false: 0.0}}
  thumb: {values: {up: 1.0, down: 0.0}}
"""


def problems(text: str, root: Path | None = None) -> list[tuple[int | None, str]]:
    config = load_config(root / "models/default/router.yaml") if root else None
    with pytest.raises(ConfigError) as found:
        parse_rewards(text, config=config)
    return [(problem.line, problem.key) for problem in found.value.problems]


def test_a_mistake_is_named_with_its_line_and_what_was_meant() -> None:
    with pytest.raises(ConfigError, match=r"rewards.yaml:4: signals.thumb.value: unknown key. Did you mean 'values'?"):
        parse_rewards(GOOD.replace("thumb: {values:", "thumb: {value:"))
    assert problems("- 1\n") == [(1, "(file)")]
    assert problems("version: 1\nsignals: {}\n") == [(2, "signals")]
    assert problems(GOOD.replace("up: 1.0", "up: 1.5")) == [(4, "signals.thumb.values.up")]
    assert problems(GOOD.replace("version: 1", "version: 2")) == [(1, "version")]


@pytest.mark.parametrize(
    "rule",
    [
        "{values: {a: 1}, within: 3}",
        "{then: 0.5}",
        "{scale: {worst: 2, best: 2}}",
    ],
)
def test_a_signal_has_one_rule_that_can_be_read(rule: str) -> None:
    assert [line for line, _ in problems(f"{GOOD}  more: {rule}\n")] == [5]


def test_overrides_name_what_the_router_knows(root: Path) -> None:
    override = GOOD + "overrides:\n  - when: {intent: [cooding]}\n    signals: {gone: null}\n"
    assert problems(override, root) == [(7, "overrides[0].signals.gone"), (6, "overrides[0].when.intent")]


def test_the_digest_follows_meaning_not_layout() -> None:
    """Order is priority, so it counts; comments and spaces do not."""
    digest = rewards_sha256(parse_rewards(GOOD))
    first, second, third, fourth = GOOD.splitlines()
    assert rewards_sha256(parse_rewards("# mine\n" + GOOD.replace("{true", "{ true"))) == digest
    assert rewards_sha256(parse_rewards("\n".join([first, second, fourth, third]))) != digest


def test_the_one_beside_router_yaml_counts_else_the_one_that_ships(tmp_path: Path) -> None:
    assert rewards_beside(tmp_path) == rewards_beside(None) == shipped_rewards()
    (tmp_path / REWARDS).write_text(GOOD)
    assert rewards_beside(tmp_path) == parse_rewards(GOOD)
    (tmp_path / REWARDS).write_text("version: 1\n")
    with pytest.raises(ConfigError):
        rewards_beside(tmp_path)


def test_the_file_in_the_documentation_can_be_read(root: Path) -> None:
    page = (root / "docs/rewards.md").read_text(encoding="utf-8")
    config = load_config(root / "models/default/router.yaml")
    rewards = parse_rewards(page.split("```yaml\n")[1].split("```")[0], config=config)
    assert list(rewards.signals)[: len(shipped_rewards().signals) - 1] == list(shipped_rewards().signals)[:-1]
