"""A cascade says no more than its parts, and all else of the lane follows from them."""

from __future__ import annotations

import pytest

from router_ml.config import parse_config, policy_sha256
from router_ml.errors import ConfigError

LANE = "  both:\n    cascade: {draft: own, final: fast}\n"


def test_all_else_follows_from_the_parts(small: str) -> None:
    lane = parse_config(small.replace("tools:\n", LANE + "tools:\n", 1)).lanes["both"]
    assert (lane.boundary, lane.provider, lane.region) == ("vendor", "openai", "us")
    assert lane.context_window == 100000
    assert lane.model == "cascade/own+fast"
    assert lane.cascade is not None
    assert lane.cascade.parts == ("own", "fast")


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ("draft: own", "draft: onw", "lanes.both.cascade.draft", "not a known lane"),
        ("final: fast", "final: both", "lanes.both.cascade.final", "not a known lane"),
        ("final: fast", "final: own", "lanes.both.cascade.final", "nothing would be gained"),
        ("final: fast}", "final: fast, check: vibes}", "lanes.both.cascade.check", "not a known lane"),
        ("final: fast}", "final: fast}\n    context_window: 200000", "lanes.both.context_window", "smallest part"),
        ("final: fast}", "final: fast}\n    boundary: private", "lanes.both.boundary", "narrower"),
        ("final: fast}", "final: fast, accept: 2}", "lanes.both.cascade.accept", "less than or equal to 1"),
    ],
)
def test_what_a_cascade_cannot_be_is_found(small: str, old: str, new: str, key: str, message: str) -> None:
    lane = LANE.replace(old, new)
    with pytest.raises(ConfigError) as caught:
        parse_config(small.replace("tools:\n", lane + "tools:\n", 1))
    found = {problem.key: problem.message for problem in caught.value.problems}
    assert message in found[key]


def test_a_cascade_counts_among_the_hard_rules_and_its_absence_does_not(small: str) -> None:
    """Where data may go depends on the parts; a release that knows cascades must not change every digest."""
    with_one = parse_config(small.replace("tools:\n", LANE + "tools:\n", 1))
    other = LANE.replace("final: fast", "final: fast, check: fast")
    assert policy_sha256(with_one) != policy_sha256(parse_config(small.replace("tools:\n", other + "tools:\n", 1)))
