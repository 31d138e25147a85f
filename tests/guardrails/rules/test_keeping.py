"""A log never keeps more of a request than tier, findings and rules each leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.config import RouterConfig
from router_ml.config.schema import Keep, Logging
from router_ml.contract import TIERS
from router_ml.guardrails import Facts
from router_ml.guardrails.rules.keeping import LOG_LEVELS, most_kept

LEVELS = st.sampled_from(LOG_LEVELS)


def facts(**changes: Any) -> Facts:
    fields = {"intent": "qa", "domain": "general", "mode": "chat", "channel": "web", "org": None, "region": None}
    rest = {"findings": frozenset(), "tools": (), "write_tool": False, "language_validated": True}
    return Facts(**{**fields, **rest, "risks": frozenset(), "tier": "low", "guard_state": "clean", **changes})


@given(
    keep=st.dictionaries(st.sampled_from(TIERS), LEVELS),
    tier=st.sampled_from(TIERS),
    asked=st.lists(st.none() | LEVELS, max_size=4),
    risks=st.frozensets(st.sampled_from(("pii", "secrets", "state_change"))),
    state=st.sampled_from(("clean", "hit", "unknown")),
)
def test_the_least_of_all_is_in_force(
    config: Callable[..., RouterConfig], keep: Any, tier: Any, asked: Any, risks: Any, state: Any
) -> None:
    table = {name: Keep(level=level) for name, level in keep.items()}
    settings = config().model_copy(update={"logging": Logging(keep=table)})
    level = most_kept(settings, facts(tier=tier, risks=risks, guard_state=state), asked)
    private = state != "clean" or bool(risks & {"pii", "secrets"})
    bounds = [keep.get(tier, "embedding"), *(one for one in asked if one), *(["features"] if private else [])]
    assert LOG_LEVELS.index(level) == min(map(LOG_LEVELS.index, bounds))


def test_text_is_never_kept_unless_a_table_says_so(config: Callable[..., RouterConfig]) -> None:
    """No rule can raise the level: a policy that logs text says only that it asks for no less."""
    assert most_kept(config(), facts(), ["text"]) == "embedding"


@pytest.mark.parametrize("changes", [{"risks": frozenset({"secrets"})}, {"guard_state": "unknown"}])
def test_nothing_private_is_kept_whatever_the_table_says(
    config: Callable[..., RouterConfig], changes: dict[str, Any]
) -> None:
    settings = config().model_copy(update={"logging": Logging(keep={"low": Keep(level="text")})})
    assert (most_kept(settings, facts(), ()), most_kept(settings, facts(**changes), ())) == ("text", "features")
