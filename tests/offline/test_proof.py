"""An auditor's question is answered from what was recorded; what is not known is never an all-clear."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from router_ml.config import load_config
from router_ml.contract import Execution, Outcome, RouteDecision
from router_ml.errors import InvalidRequestError
from router_ml.guardrails.measured import measured
from router_ml.offline.proof import Proof, answer
from router_ml.offline.proving.vocabulary import Vocabulary, vocabulary
from router_ml.storage.proof.verify import Verification
from router_ml.storage.views.stories import Story

SOUND = Verification(ok=True, writers=1, entries=3, erased=0, compacted=0, problems=())
PLACES = {
    "balanced": {"provider": "mistral", "region": "eu", "boundary": "vendor"},
    "private": {"provider": "vllm", "region": "eu", "boundary": "private"},
    "code": {"provider": "vllm", "region": "eu", "boundary": "private"},
}
PII: dict[str, Any] = {
    "risks": [{"name": "pii", "probability": 1.0, "source": "rule"}],
    "findings": [{"type": "iban", "part": "text", "start": 0, "end": 22}],
    "guard_state": "hit",
    "circumstances": {"region": "eu"},
    "places": PLACES,
}
WORDS = Vocabulary({"boundary": frozenset({"private", "vendor", "public"}), "tool": frozenset({"refund"})})
Make = Callable[..., RouteDecision]


def hop(lane: str = "private", boundary: str = "private", **fields: Any) -> dict[str, Any]:
    return {"lane": lane, "provider": "vllm", "region": "eu", "boundary": boundary, **fields}


def ran(decision: RouteDecision, *hops: dict[str, Any]) -> Story:
    return Story(decision, (Execution.model_validate({"decision_id": decision.decision_id, "hops": hops}),))


def said(decision_id: str, lane: str | None) -> Outcome:
    return Outcome(decision_id=decision_id, executed_lane=lane, at=datetime(2026, 3, 2, tzinfo=UTC))


def ask(
    *stories: Story, where: str = "finding=pii and region=eu", never: str = "boundary=public", **more: Any
) -> Proof:
    return answer(stories, where=where, never=never, **{"chain": SOUND, "words": WORDS, **more})


def test_every_hop_of_every_execution_is_looked_at(make_decision: Make) -> None:
    """The answer came from a private lane; the retry before it did not."""
    decision = make_decision(**PII)
    clean = make_decision(decision_id="dec-2", places=PLACES)
    found = ask(ran(decision, hop("code", "public"), hop()), ran(clean, hop("code", "public")))
    assert (found.answer, found.decisions, found.matched, found.executed, found.hops) == ("exceptions", 2, 1, 1, 2)
    (stated,) = found.listed
    assert (stated.decision_id, stated.execution, stated.hop, stated.lane, stated.boundary) == (
        *("dec-1", 0, 0, "code", "public"),
    )
    assert not stated.frozen
    assert not ask(ran(decision, hop())).exceptions


def test_a_call_that_was_not_made_sent_nothing_anywhere(make_decision: Make) -> None:
    """A rule that took a public lane away in time is no exception; and a call that cost something was made."""
    decision = make_decision(**PII)
    stopped = hop("code", "public", kind="not_allowed", error="NotAllowedError")
    assert not ask(ran(decision, stopped, hop())).exceptions
    assert ask(ran(decision, {**stopped, "tokens_in": 9}, hop())).exceptions


def test_a_hop_cannot_talk_itself_out_of_where_its_lane_stood(make_decision: Make) -> None:
    places = {**PLACES, "code": {"provider": "x", "region": "us", "boundary": "public"}}
    found = ask(ran(make_decision(**{**PII, "places": places}), hop("code", "private")))
    assert found.answer == "exceptions"
    assert [(each.boundary, each.frozen) for each in found.listed] == [("public", True)]
    both = ask(ran(make_decision(**{**PII, "places": places}), hop("code", "public")))
    assert (both.exceptions, [each.frozen for each in both.listed]) == (1, [False])


def test_without_an_execution_the_plan_is_looked_at_and_counted_apart(make_decision: Make) -> None:
    decision = make_decision(**PII)
    found = ask(Story(decision))
    assert (found.answer, found.executed, found.planned_only) == ("proven", 0, 1)
    assert any("no execution was reported" in note for note in found.notes)
    widened = {**PLACES, "code": {"provider": "x", "region": "us", "boundary": "public"}}
    fallback = ask(Story(make_decision(**{**PII, "places": widened})))
    assert [(each.lane, each.hop) for each in fallback.listed] == [("code", None)]
    refused = ask(Story(make_decision(**{**PII, "lane": None, "action": "refuse"})))
    assert (refused.answer, refused.nowhere, refused.planned_only) == ("proven", 1, 0)


def test_a_record_without_places_shows_nothing(make_decision: Make) -> None:
    """Logs of earlier contracts froze no places."""
    found = ask(Story(make_decision(**{**PII, "places": {}})))
    assert (found.answer, found.exceptions, found.unknown) == ("not shown", 0, 3)


def test_what_could_not_be_scanned_counts_as_what_it_may_hold(make_decision: Make) -> None:
    unknown = make_decision(guard_state="unknown", circumstances={"region": "eu"}, places=PLACES)
    found = ask(ran(unknown, hop("code", "public")))
    assert (found.matched, found.perhaps, found.answer) == (1, 1, "exceptions")
    assert all(each.perhaps for each in found.listed)
    elsewhere = make_decision(guard_state="unknown", circumstances={"region": "us"}, places=PLACES)
    assert ask(ran(elsewhere, hop("code", "public"))).matched == 0
    unplaced = make_decision(**{**PII, "circumstances": {"region": "?"}})
    assert ask(Story(unplaced)).perhaps == 1


def test_a_broken_chain_proves_nothing(make_decision: Make) -> None:
    broken = Verification(ok=False, writers=1, entries=3, erased=0, compacted=0, problems=("entry 2 was changed",))
    found = ask(ran(make_decision(**PII), hop()), chain=broken)
    assert (found.answer, found.chain.problems) == ("not shown", ("entry 2 was changed",))


def test_versions_in_force_are_listed_with_when(make_decision: Make) -> None:
    versions = make_decision().versions.model_dump()
    later = datetime(2026, 4, 1, tzinfo=UTC)
    found = ask(
        Story(make_decision(**PII)),
        Story(make_decision(**PII, created_at=later, decision_id="b", versions={**versions, "policy_sha256": "new"})),
        Story(make_decision(decision_id="c", versions={**versions, "policy_sha256": "unmatched"})),
    )
    assert [(each.policy_sha256, each.decisions, each.matched, each.last.month) for each in found.versions] == [
        ("aa11", 1, 1, 3),
        ("unmatched", 1, 0, 3),
        ("new", 1, 1, 4),
    ]


def test_a_value_that_is_nowhere_is_pointed_out(make_decision: Make) -> None:
    """A misspelled boundary is never hit, which would look like a proof."""
    found = ask(ran(make_decision(**PII), hop()), never="boundary=pubic")
    assert found.answer == "not shown"
    assert ask(ran(make_decision(**PII), hop()), where="region in (eu, ue)").answer == "not shown"
    assert [note for note in found.notes if "boundary=pubic" in note]
    assert not [note for note in found.notes if "region=eu" in note]
    assert any("lane_region" in note for note in ask(ran(make_decision(**PII), hop()), never="region=us").notes)
    with pytest.raises(InvalidRequestError, match="--where, character 6: found 'hihg'"):
        ask(where="tier=hihg")


def test_a_value_that_is_configured_and_never_used_is_known(make_decision: Make, root: Path) -> None:
    """The question is a good one, and the answer says that no lane could have been meant."""
    words, story = vocabulary(load_config(root / "models/default/router.yaml")), ran(make_decision(**PII), hop())
    found = ask(story, words=words)
    assert found.answer == "proven"
    assert any("boundary=public; no lane that is configured has it" in note for note in found.notes)
    assert ask(story, words=Vocabulary()).answer == "not shown"
    assert ask(story, words=Vocabulary(), never="boundary=vendor").answer == "proven"  # a lane stood there
    assert ask(story, words=words, where="lane in (balanced, code)", never="boundary=public").answer == "proven"
    assert ask(story, words=words, where="tier!=restricted", never="guard_state=unknown").answer == "proven"


def test_where_there_was_nothing_to_look_at_nothing_is_shown(make_decision: Make) -> None:
    assert ask().answer == "not shown"
    found = ask(ran(make_decision(**PII), hop()), where="finding=pii and region=eu and channel=batch")
    assert (found.matched, found.answer) == (0, "not shown")


def test_it_says_that_a_spool_is_not_in_the_log(make_decision: Make) -> None:
    assert any(".refused" in note for note in ask(ran(make_decision(**PII), hop())).notes)


def test_it_says_what_it_rests_on(make_decision: Make) -> None:
    story = ran(make_decision(**PII), hop())
    assert ask(story).recall == measured()
    assert ask(story, where="org=acme").recall == ()
    assert ask(story, where="finding=iban").matched == ask(story, where="risk=pii and tier=medium").matched == 1
    assert any("callers reported" in note for note in ask(story).notes)


def test_what_a_shadow_planned_went_nowhere_but_what_it_did_counts(make_decision: Make) -> None:
    shadow = make_decision(**PII, decision_id="dec-1.shadow")
    assert ask(Story(shadow), never="boundary=private").decisions == 0
    assert ask(ran(shadow, hop()), never="boundary=private").exceptions == 1
    assert ask(Story(shadow, (), (said("dec-1.shadow", "balanced"),)), never="boundary=vendor").exceptions == 1


def test_an_arm_takes_no_decision_out_of_what_is_looked_at(make_decision: Make) -> None:
    state = {**make_decision().state.model_dump(), "arm": "shadow"}
    assert ask(Story(make_decision(**PII, state=state)), never="boundary=private").exceptions


def test_the_lane_that_answered_counts_without_hops(make_decision: Make) -> None:
    """The short form of an execution names nothing else."""
    decision = make_decision(**PII)
    short = Story(decision, (Execution(decision_id="dec-1", final_lane="balanced"),))
    assert (ask(short).answer, ask(short).executed, ask(short).planned_only) == ("proven", 1, 0)
    (found,) = ask(short, never="lane=balanced").listed
    assert (found.execution, found.hop, found.boundary, found.only_planned) == (0, None, "vendor", False)
    away = Story(decision, (Execution(decision_id="dec-1", final_lane="openai"),))
    assert ask(away, never="lane=openai").exceptions == 1
    assert (ask(away).answer, ask(away).unknown) == ("not shown", 1)
    assert ask(away, never="lane=balanced").listed[0].only_planned  # what was called before another lane answered
    behind = ran(decision, hop())
    (execution,) = behind.executions
    behind = Story(decision, (execution.model_copy(update={"final_lane": "openai"}),))
    assert ask(behind, never="lane=openai").exceptions == 1


def test_the_lane_of_an_outcome_counts_also_after_a_later_outcome(make_decision: Make) -> None:
    decision = make_decision(**PII)
    for story in (
        Story(decision, (), (said("dec-1", "openai"),)),
        Story(decision, (), (said("dec-1", None),), (said("dec-1", "openai"),)),
        Story(decision, ran(decision, hop()).executions, (said("dec-1", "openai"),)),
    ):
        (found,) = ask(story, never="lane=openai").listed
        assert (found.outcome, found.only_planned) == ("user", False)
        assert ask(story).answer == "not shown"


def test_what_was_stopped_and_went_somewhere_all_the_same_is_an_exception(make_decision: Make) -> None:
    decision = make_decision(**{**PII, "lane": None, "action": "refuse"})
    for story in (
        Story(decision, (Execution(decision_id="dec-1", final_lane="openai"),)),
        Story(decision, (), (said("dec-1", "openai"),)),
    ):
        assert (ask(story, never="lane=openai").exceptions, ask(story).answer) == (1, "not shown")
        assert (ask(story).executed, ask(story).nowhere) == (1, 0)


def test_what_a_hop_leaves_blank_is_what_the_decision_froze_or_not_known(make_decision: Make) -> None:
    blank = {"provider": "", "region": " ", "boundary": ""}
    found = ask(ran(make_decision(**PII), {"lane": "openai", **blank}))
    assert (found.answer, found.unknown) == ("not shown", 1)
    frozen = ask(ran(make_decision(**PII), {"lane": "balanced", **blank}), never="boundary=vendor")
    assert [(each.boundary, each.frozen) for each in frozen.listed] == [("vendor", False)]
    assert ask(ran(make_decision(**PII), {"lane": "", **blank}), never="lane=openai").answer == "not shown"


def test_tools_that_were_called_can_be_asked_about(make_decision: Make) -> None:
    decision = make_decision(**PII)
    call = {"name": "refund", "version": "1"}
    execution = Execution.model_validate({"decision_id": "dec-1", "hops": [hop()], "tool_calls": [call]})
    assert ask(Story(decision, (execution,)), never="tool=refund").exceptions == 1
    assert ask(ran(decision, hop()), never="tool=refund").exceptions == 0
    alone = execution.model_copy(update={"hops": ()})
    assert ask(Story(decision, (alone,)), never="tool=refund").exceptions == 3  # whichever of its lanes asked for it
    assert ask(Story(decision, (alone, *ran(decision, hop()).executions)), never="tool=refund").exceptions == 1
    stopped = make_decision(**{**PII, "lane": None, "action": "refuse"})
    assert ask(Story(stopped, (alone,)), never="tool=refund").exceptions == 1
    assert ask(Story(stopped, (alone,))).answer == "not shown"


def test_the_record_is_plain(make_decision: Make) -> None:
    record = ask(ran(make_decision(**PII), hop("code", "public"))).to_dict()
    assert record["listed"][0]["at"] == "2026-03-01T12:00:00+00:00"
    assert record["where"] == "finding=pii and region=eu"


def test_recall_is_the_one_that_the_documentation_states(root: Path) -> None:
    """Both come from one run; an edit of either alone would be a number that nobody measured."""
    page = (root / "docs/guardrails.md").read_text(encoding="utf-8")
    for found in measured():
        assert found.command in page
        row = next(line for line in page.splitlines() if line.startswith(f"| {found.what}"))
        assert re.search(rf"\| \.{found.recall * 1000:03.0f}\b", row), row
        if found.low is not None and found.high is not None:
            interval = f"[{found.low:.2f}, {found.high:.2f}]".replace("0.", ".")
            assert interval in row
            assert f"{found.requests:,} requests" in row
