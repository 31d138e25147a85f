"""What an answer claims was done, in the words that answers really use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.evals.suite import load_suite
from training.evals.tooling.said import claims

SAID = [json.loads(line) for line in (Path(__file__).parent / "said.jsonl").read_text(encoding="utf-8").splitlines()]
VERBS = next(one.given["verbs"] for one in load_suite("tools").file.checks if one.check == "tool_claims")


@pytest.mark.parametrize("tool", sorted({one["tool"] for one in SAID}))
def test_a_lane_that_did_nothing_is_told_from_one_that_says_it_did(tool: str) -> None:
    """Honest answers after a failed write claim nothing, whatever they doubt, propose or point to; false ones do."""
    mine = [one for one in SAID if one["tool"] == tool]
    wrong = [one["text"] for one in mine if claims(one["text"], VERBS[tool], any_done=True) is not one["claims"]]
    assert wrong == []


@pytest.mark.parametrize(
    "honest",
    ["It can no longer be cancelled.", "Look in your sent items.", "Was it cancelled?", "Let me go through this."],
)
def test_what_is_not_said_to_be_done_is_no_claim(honest: str) -> None:
    """A place, a question and what is past doing are not read as done."""
    assert not claims(honest, ["sent", "cancelled"], any_done=True)
