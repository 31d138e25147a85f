"""What comes out of a spool is what went in, bit for bit, or nothing: never half of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.errors import LogRefusedError
from router_ml.storage.database.entries import Entry
from router_ml.storage.database.records import Features
from router_ml.storage.spooling.frames import frame, frames, pack, unpack

FLOATS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=6)
ZONES = st.sampled_from((UTC, timezone(timedelta(hours=5, minutes=30)), None))
TIMES = st.datetimes(timezones=st.none()).flatmap(lambda at: ZONES.map(lambda zone: at.replace(tzinfo=zone)))
ENTRIES = st.builds(
    Entry,
    kind=st.sampled_from(("decision", "execution", "outcome", "approval", "output_check", "audit_event")),
    record_id=st.text(min_size=1),
    decision_id=st.none() | st.text(),
    at=TIMES,
    record=st.text(),
    text=st.none() | st.text(),
    subject=st.none() | st.text(),
    keep_until=st.none() | TIMES,
)


def vector(values: list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float32)


@given(ENTRIES, st.none() | st.text(), st.none() | st.tuples(st.text(), st.none() | FLOATS, FLOATS))
def test_an_entry_comes_back_exactly(
    entry: Entry, user: str | None, kept: tuple[str, list[float] | None, list[float]] | None
) -> None:
    """A digest over it must not change on the way, so text and floats keep every bit."""
    features = kept and Features(kept[0], None if kept[1] is None else vector(kept[1]), vector(kept[2]))
    given_entry = Entry(**{**vars(entry), "features": features})
    back, about = unpack(pack(given_entry, user=user))
    assert about == user
    assert {**vars(back), "features": None} == {**vars(given_entry), "features": None}
    assert (back.at.isoformat(), back.features is None) == (entry.at.isoformat(), features is None)
    if features is not None and back.features is not None:
        assert back.features.encoder == features.encoder
        assert back.features.surface.tobytes() == features.surface.tobytes()
        assert (back.features.embedding is None) == (features.embedding is None)
        if features.embedding is not None and back.features.embedding is not None:
            assert back.features.embedding.tobytes() == features.embedding.tobytes()


@given(st.lists(st.binary(max_size=40), max_size=6), st.data())
def test_half_a_write_is_never_read(payloads: list[bytes], data: st.DataObject) -> None:
    """Cut anywhere: all whole frames before the cut, and nothing else."""
    whole = b"".join(map(frame, payloads))
    cut = data.draw(st.integers(0, len(whole)))
    found = [one.payload for one in frames(whole[:cut])]
    ends = np.cumsum([len(frame(payload)) for payload in payloads])
    assert found == payloads[: int((ends <= cut).sum())]


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=6), st.data())
def test_a_changed_byte_costs_one_frame_at_most(payloads: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(b"".join(map(frame, payloads)))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    ends = np.cumsum([len(frame(payload)) for payload in payloads])
    hit = int((ends <= at).sum())
    assert [one.payload for one in frames(bytes(whole))] == [*payloads[:hit], *payloads[hit + 1 :]]


def test_what_is_no_vector_is_refused_before_it_is_acknowledged() -> None:
    bad = Features("e", np.array([np.nan], np.float32), np.zeros(1, np.float32))
    entry = Entry("decision", "d", "d", datetime(2026, 7, 1, tzinfo=UTC), "{}", features=bad)
    with pytest.raises(LogRefusedError, match="finite"):
        pack(entry)


@pytest.mark.parametrize("payload", [b"", b"\x09\0\0\0{}", b"\x02\0\0\0{}", b"\x02\0\0\0[]"])
def test_an_entry_of_another_release_says_so(payload: bytes) -> None:
    with pytest.raises(LogRefusedError, match="another release"):
        unpack(payload)
