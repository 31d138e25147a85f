"""Plain values cross from one process to another as they are."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from training.evals.judges.handed import Peer

_SINGLE = st.one_of(
    *(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(),
        st.binary(),
        st.decimals("0", "9"),
    ),
    *(st.fractions(), st.datetimes(), st.dates(), st.times(), st.timedeltas(), st.complex_numbers(allow_nan=False)),
)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    _SINGLE,
    lambda inside: st.one_of(
        *(st.lists(inside, max_size=3), st.tuples(inside), st.dictionaries(_SINGLE, inside, max_size=3)),
        *(st.sets(_SINGLE, max_size=3), st.frozensets(_SINGLE, max_size=3)),
    ),
    max_leaves=6,
)


@given(_VALUES)
def test_values_come_back(value: object) -> None:
    """As they are, and of the type that they are."""
    peer = Peer(-1, -1, opens=False)
    said = peer.unpack(json.loads(json.dumps(peer.pack(value))))
    assert said == value
    assert type(said) is type(value)
