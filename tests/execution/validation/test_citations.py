"""What an answer cites was given to it, and says what it is cited for as far as words can tell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.contract import OutputContract
from router_ml.execution.lanes.reply import Reply
from router_ml.execution.retrieval.passages import Passage
from router_ml.execution.validation.checking import check
from router_ml.execution.validation.citations import citations_of
from router_ml.execution.validation.grounded import claims, grounded, support

CITED = OutputContract(citations_required=True)
IDS = ["hr/leave.md#0-aa11bb", "hr/leave.md#1-cc22dd"]


def test_ids_are_read_alone_in_lists_and_apart() -> None:
    both = f"[{IDS[1]}; {IDS[0]}]"
    assert citations_of(Reply(text=f"So {both}."), IDS).known == (IDS[1], IDS[0])
    assert citations_of(Reply(text="So.", citations=(IDS[0],)), IDS).known == (IDS[0],)
    assert check(CITED, Reply(text=f"So {both}."), context_ids=IDS).citations == (IDS[1], IDS[0])


@pytest.mark.parametrize("text", ["Ten days [hr/leave.md#7-ff00ff].", "Ten days [leave-2].", f"[{IDS[0]}, doc3] Ten."])
def test_an_invented_citation_fails_and_is_named(text: str) -> None:
    found = check(CITED, Reply(text=text), context_ids=IDS)
    assert found.kind == "schema"
    assert "which is none of the passages" in found.errors[0]


@pytest.mark.parametrize(
    "text",
    [
        f"Ten days [{IDS[0]}][hr/pay.md#7-ff00ff].",
        f"Ten days [{IDS[0]}], pay is 5[hr/pay.md#7-ff00ff].",
        f"Ten days [{IDS[0]}], pay is 5 [hr/pay.md#7-ff00ff](x).",
        f"Ten days [{IDS[0]}], pay is 5 [hr/pay.md#7-ff00ff](https://pay.example).",
        f"Ten days [{IDS[0]} and hr/pay.md#7-ff00ff].",
        f"Ten days [{IDS[0]}], pay is 5 [as hr/pay.md#7-ff00ff says].",
        f"Ten days [{IDS[0]}], pay is 5 \u3010hr/pay.md#7-ff00ff\u3011",
    ],
)
@pytest.mark.parametrize("contract", [CITED, OutputContract()])
def test_an_invented_citation_fails_wherever_its_bracket_stands(text: str, contract: OutputContract) -> None:
    found = check(contract, Reply(text=text), context_ids=IDS)
    assert (found.kind, found.citations) == ("schema", (IDS[0],))
    assert "hr/pay.md#7-ff00ff" in found.errors[0]


def test_a_citation_counts_behind_a_word_in_other_brackets_and_with_another() -> None:
    assert check(CITED, Reply(text=f"30 days[{IDS[0]}]."), context_ids=IDS).citations == (IDS[0],)
    assert check(CITED, Reply(text=f"30 days\uff3b{IDS[0]}\uff3d."), context_ids=IDS).citations == (IDS[0],)
    assert check(CITED, Reply(text=f"30 days [{IDS[1]} and {IDS[0]}]."), context_ids=IDS).citations == (IDS[1], IDS[0])
    strict = CITED.model_copy(update={"grounded": True})
    passage = [Passage(IDS[0], "Employees have 28 days of annual leave.")]
    held = check(strict, Reply(text=f"Employees have 28 days of annual leave\u3010{IDS[0]}\u3011."), passages=passage)
    assert (held.kind, held.citations) == (None, (IDS[0],))


def test_a_bracket_that_a_lane_lists_as_a_citation_is_held_to_the_same_rule() -> None:
    """Lanes list whatever stands in brackets, "[sic]" too."""
    text = f"He said [sic] ten days [{IDS[0]}], [page](https://a.b/c), rows[7]."
    assert check(CITED, Reply(text=text, citations=("sic", IDS[0], "7", "page")), context_ids=IDS).kind is None


def test_ids_of_one_word_may_be_an_index_where_nothing_has_to_be_cited() -> None:
    assert check(OutputContract(), Reply(text="Use rows[p7] [p0]."), context_ids=["p0"]).kind is None
    assert check(CITED, Reply(text="Pay is 5[p7] [p0]."), context_ids=["p0"]).kind == "schema"


def test_an_invented_citation_fails_where_nothing_had_to_be_cited() -> None:
    """A source that does not exist is a lie whether or not it was asked for."""
    assert check(OutputContract(), Reply(text="Ten [hr/leave.md#7-ff00ff]."), context_ids=IDS).kind == "schema"
    assert check(OutputContract(), Reply(text="Ten [hr/leave.md#7-ff00ff].")).kind is None


def test_what_does_not_look_like_an_id_is_counted_and_not_repeated() -> None:
    found = check(CITED, Reply(text=f"Ten [{IDS[0]}].", citations=("Ann Lee, 4 Mill Road",)), context_ids=IDS)
    assert found.kind == "schema"
    assert "Ann" not in "".join(found.errors)
    assert "1 sources" in found.errors[0]


@pytest.mark.parametrize(
    "text",
    ["He said [sic] so.", "See [the page](https://a.b/c1).", "Use items[0] there.", "```\na = [x1, y2]\n```", "`[z9]`"],
)
def test_a_bracket_is_not_always_a_citation(text: str) -> None:
    assert check(CITED, Reply(text=f"{text} [{IDS[0]}]"), context_ids=IDS).kind is None


def test_an_answer_that_has_to_cite_must() -> None:
    assert check(CITED, Reply(text="Ten days."), context_ids=IDS).errors == (
        "cites none of the passages that were given",
    )
    assert check(CITED, Reply(text="Ten days.")).errors == ("no passage was given to cite",)


def test_json_cites_in_its_strings_or_in_a_field() -> None:
    contract = OutputContract(type="json", schema={"type": "object"}, citations_required=True)
    for value in ({"answer": f"Ten [{IDS[0]}]"}, {"answer": "Ten", "citations": [IDS[0]]}, {"a": {"sources": IDS[0]}}):
        assert check(contract, Reply(text=json.dumps(value)), context_ids=IDS).citations == (IDS[0],)
    wrong = json.dumps({"answer": "Ten", "citations": [IDS[0], "hr/leave.md#9-000000"]})
    assert check(contract, Reply(text=wrong), context_ids=IDS).kind == "schema"


@given(st.lists(st.sampled_from([*IDS, "hr/leave.md#8-eeeeee"]), max_size=5))
def test_known_and_invented_ids_are_told_apart(ids: list[str]) -> None:
    found = citations_of(Reply(text=" ".join(f"A thing [{one}]." for one in ids)), IDS)
    assert set(found.known) == set(ids) & set(IDS)
    assert set(found.invented) == set(ids) - set(IDS)


def test_a_bracket_behind_the_full_stop_belongs_to_the_sentence_before() -> None:
    assert list(claims("First one. [a1] Second one [b2].", ["a1", "b2"])) == [
        ("First one.", ("a1",)),
        ("Second one.", ("b2",)),
    ]


def test_each_citation_is_held_against_its_own_sentences() -> None:
    given = [Passage("a1", "A parcel takes three days."), Passage("b2", "Refunds are paid in five days.")]
    found = grounded("A parcel takes three days [a1]. Refunds are paid in nine days [b2].", ["a1", "b2"], given)
    assert [(one.id, one.supported) for one in found] == [("a1", True), ("b2", False)]


def test_doubt_is_a_warning_unless_the_contract_asks_for_more() -> None:
    passage = [Passage(IDS[0], "Employees have 28 days of annual leave.")]
    reply = Reply(text=f"Employees have 35 days of annual leave [{IDS[0]}].")
    doubted = check(CITED, reply, passages=passage)
    assert (doubted.kind, doubted.warnings) == (None, (f"what cites {IDS[0]} is not in that passage",))
    strict = CITED.model_copy(update={"grounded": True})
    assert check(strict, reply, passages=passage).kind == "schema"
    assert check(strict, Reply(text=f"There are 28 days of annual leave [{IDS[0]}]."), passages=passage).kind is None


def test_a_score_is_a_share_and_the_passage_supports_itself(root: Path) -> None:
    for row in map(json.loads, (root / "data/retrieval/claims.jsonl").read_text(encoding="utf-8").splitlines()):
        assert support(row["claim"], row["claim"]) == 1.0
        assert 0.0 <= support(row["claim"], "The moon is made of cheese.") < 0.3
