"""Later readings are looked at only where they differ, so nothing that differs may be left out."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from router_ml.guardrails.readings.changes import changed_places

PIECES = st.lists(
    st.sampled_from(["the quarterly report is due on Monday. ", "4111 ", "card ", "x", "\n", "0" * 40]), max_size=40
)
EDITS = st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 30), st.text("1 aZ@", max_size=12)), max_size=6)


@given(pieces=PIECES, edits=EDITS)
def test_what_is_left_out_stands_in_the_earlier_text(pieces: list[str], edits: list[tuple[int, int, str]]) -> None:
    before = after = "".join(pieces)
    for place, cut, put in edits:
        at = min(place, len(after))
        after = after[:at] + put + after[at + cut :]
    spans = changed_places(before, after)
    assert all(0 <= start < end <= len(after) for start, end in spans)
    assert all(first[1] < second[0] for first, second in itertools.pairwise(spans))
    kept, last = [], 0
    for start, end in spans:
        kept.append(after[last:start])
        last = end
    assert all(stretch in before for stretch in (*kept, after[last:]))


def test_equal_texts_have_no_changes_and_a_small_one_is_found_where_it_is() -> None:
    text = "All quiet on this line of the report. " * 60
    assert changed_places(text, text) == []
    changed = f"{text[:1000]}4111{text[1000:]}"
    ((start, end),) = changed_places(text, changed)
    assert start < 1000
    assert end > 1004
    assert end - start < 400
    assert changed_places(text, text[::-1]) == [(0, len(text))]


def test_a_cut_end_is_looked_at() -> None:
    text = f"{'nothing to see here. ' * 60}value 123**"
    ((start, end),) = changed_places(text, text[:-2])
    assert end == len(text) - 2 > start
