"""Questions about a log are read as they are written, and what is not known stays "not known"."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.errors import InvalidRequestError
from router_ml.offline.proving.condition import Condition, Is, Joined, Not, Values, comparisons, holds, parse, to_text

FIELDS = {"finding": None, "region": None, "tier": ("low", "high")}
words = st.text(alphabet="abz01_.:/@+*- andorti'\"()=,!", min_size=1, max_size=6).filter(
    lambda word: not ('"' in word and "'" in word)
)
leaves = st.one_of(
    st.builds(
        Is,
        st.sampled_from(["finding", "region"]),
        st.lists(words.map(str.casefold), min_size=1, max_size=3).map(tuple),
    ),
    st.builds(Is, st.just("tier"), st.sampled_from([("low",), ("high", "low")])),
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(Joined, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)
known = st.fixed_dictionaries(
    {
        name: st.builds(Values, st.frozensets(st.sampled_from(["a", "b", "low", "high"])), st.booleans())
        for name in FIELDS
    }
)


def ask(text: str, **values: str) -> bool | None:
    def of(name: str) -> Values:
        return Values(frozenset(values.get(name, "").split()))

    return holds(parse(text, fields=FIELDS), of)


@given(conditions)
def test_what_is_written_is_read_back(condition: Condition) -> None:
    assert parse(to_text(condition), fields=FIELDS) == condition


@given(conditions, known)
def test_more_knowledge_never_overturns_an_answer(condition: Condition, values: dict[str, Values]) -> None:
    """True and false are promises whatever an incomplete scan would have shown; "not known" is a way out of both."""
    answer = holds(condition, values.__getitem__)
    open_fields = [name for name, value in values.items() if not value.complete]
    more = [frozenset[str](), *(frozenset(each.values) for each in comparisons(condition))]
    for added in product(more, repeat=len(open_fields)):
        whole = {name: Values(value.known) for name, value in values.items()}
        whole |= {name: Values(values[name].known | extra) for name, extra in zip(open_fields, added, strict=True)}
        final = holds(condition, whole.__getitem__)
        assert final is not None
        assert answer is None or final is answer


def test_and_binds_tighter_than_or_and_not_tighter_than_both() -> None:
    text = "finding=a or finding=b and not region=eu"
    assert ask(text, finding="a", region="eu") is True
    assert ask(text, finding="b", region="eu") is False
    assert ask("(finding=a or finding=b) and not region=eu", finding="a", region="eu") is False
    assert ask("NOT finding IN (A, b)", finding="c") is True


def test_one_of_several_values_is_enough_and_unequal_means_none_is() -> None:
    assert ask("finding=iban", finding="iban email") is True
    assert ask("finding!=iban", finding="iban email") is False
    assert ask("finding not in (iban, phone)", finding="email") is True
    assert ask("region=eu") is False


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("", 1, "the end, expected a field: finding, region, tier"),
        ("findin=pii", 1, "'findin', expected a field"),
        ("finding pii", 9, "'pii', expected =, !=, 'in' or 'not in'"),
        ("finding=", 9, "the end, expected a value"),
        ("finding=a and", 14, "the end, expected a field"),
        ("finding=a region=b", 11, "'region', expected 'and', 'or' or the end"),
        ("(finding=a", 11, "the end, expected ')'"),
        ("finding in (a b)", 15, "'b', expected ')'"),
        ("tier=lo", 6, "'lo', expected a tier: low, high"),
        ("finding='a", 9, "a quote that does not end"),
        ("finding=a & region=b", 11, "'&', expected a field, a value"),
        ("not " * 60 + "finding=a", 205, "'not', expected at most 50 levels"),
    ],
)
def test_a_mistake_says_where_and_what_was_expected(text: str, place: int, said: str) -> None:
    with pytest.raises(InvalidRequestError) as found:
        parse(text, fields=FIELDS, name="--where")
    assert f"The --where, character {place}: found {said}" in str(found.value)


def test_no_input_takes_long_or_breaks() -> None:
    for text in ("(" * 5000, "not " * 2000, "finding=a and " * 500 + "finding=a", "a" * 20_000):
        try:
            parse(text, fields=FIELDS)
        except InvalidRequestError:
            continue
        assert "and" in text
