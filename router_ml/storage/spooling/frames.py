"""Entries as bytes, and bytes as frames that show where a write was torn; no files here.

A frame is ``RMLE | length | crc32 | payload``, a payload ``header length | header | record | text | embedding |
surface``: the header is JSON with the lengths of the rest, which is kept as it is, vectors as little-endian float32.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import LogRefusedError
from router_ml.storage.database.entries import Entry
from router_ml.storage.database.records import Features

MARK = b"RMLE"
_FRAME = struct.Struct("<4sII")
_HEADER = struct.Struct("<I")
_FLOAT_BYTES = 4
_HELD = 4096


@dataclass(frozen=True)
class Frame:
    """A whole frame: its payload, and where it ends in the bytes that were read."""

    payload: bytes
    end: int


def frame(payload: bytes) -> bytes:
    """A payload that a reader can tell from half of it."""
    return _FRAME.pack(MARK, len(payload), _checksum(payload)) + payload


def frames(data: bytes) -> Iterator[Frame]:
    """The whole frames in some bytes, in order. What lies between them was torn or damaged and is left out.

    >>> torn = frame(b"one") + frame(b"two")[:-1] + frame(b"three")
    >>> [found.payload for found in frames(torn)]
    [b'one', b'three']
    """
    at = 0
    while at >= 0 and at + _FRAME.size <= len(data):
        mark, length, checksum = _FRAME.unpack_from(data, at)
        end = at + _FRAME.size + length
        if mark == MARK and end <= len(data):
            payload = data[at + _FRAME.size : end]
            if _checksum(payload) == checksum:
                yield Frame(payload, end)
                at = end
                continue
        at = data.find(MARK, at + 1)


def pack(entry: Entry, *, user: str | None = None) -> bytes:
    """An entry as a payload. ``user``: whom it is about, where the log could not be asked yet for the keyed hash.

    Raises:
        LogRefusedError: a vector is not one row of finite numbers.
    """
    features = entry.features
    embedding = None if features is None or features.embedding is None else _bytes(features.embedding, "embedding")
    surface = None if features is None else _bytes(features.surface, "surface")
    record, text = _encoded(entry.record), None if entry.text is None else _encoded(entry.text)
    parts = (record, text, embedding, surface)
    header = {
        "kind": entry.kind,
        "record_id": entry.record_id,
        "decision_id": entry.decision_id,
        "at": entry.at.isoformat(),
        "encoder": None if features is None else features.encoder,
        "subject": entry.subject,
        "keep_until": None if entry.keep_until is None else entry.keep_until.isoformat(),
        "user": user,
        "parts": [None if part is None else len(part) for part in parts],
    }
    head = json.dumps(header, separators=(",", ":")).encode()
    return b"".join([_HEADER.pack(len(head)), head, *(part for part in parts if part is not None)])


def unpack(payload: bytes) -> tuple[Entry, str | None]:
    """The entry of a payload, and the user that it names.

    Raises:
        LogRefusedError: another release wrote it.
    """
    try:
        (size,) = _HEADER.unpack_from(payload)
        header = json.loads(payload[_HEADER.size : _HEADER.size + size])
        record, text, embedding, surface = _parts(payload, _HEADER.size + size, header["parts"])
        features = None
        if surface is not None:
            vector = None if embedding is None else _vector(embedding)
            features = Features(header["encoder"], vector, _vector(surface))
        keep_until = header["keep_until"]
        entry = Entry(
            kind=header["kind"],
            record_id=header["record_id"],
            decision_id=header["decision_id"],
            at=datetime.fromisoformat(header["at"]),
            record=_decoded(record or b""),
            features=features,
            text=None if text is None else _decoded(text),
            subject=header["subject"],
            keep_until=None if keep_until is None else datetime.fromisoformat(keep_until),
        )
        return entry, header["user"]
    except (struct.error, ValueError, KeyError, TypeError):
        raise LogRefusedError(
            "The spool holds an entry of another release. Drain it with the release that wrote it."
        ) from None


def _checksum(payload: bytes) -> int:
    """crc32, in pieces for which zlib keeps the interpreter lock: to get it back from a busy thread may take longer
    than all the rest of an append."""
    value = 0
    for start in range(0, len(payload), _HELD):
        value = zlib.crc32(payload[start : start + _HELD], value)
    return value


def _parts(payload: bytes, start: int, sizes: list[int | None]) -> Iterator[bytes | None]:
    for size in sizes:
        yield None if size is None else payload[start : start + size]
        start += size or 0


def _bytes(vector: Any, what: str) -> bytes:
    array = np.asarray(vector, dtype="<f4")
    if array.ndim != 1 or not all(map(math.isfinite, array.tolist())):  # numpy would let go of the interpreter lock
        raise LogRefusedError(
            f"The {what} of a decision must be one vector of finite numbers; its shape is {array.shape}."
        )
    return array.tobytes()


def _vector(data: bytes) -> NDArray[np.float32]:
    return np.frombuffer(data, dtype="<f4", count=len(data) // _FLOAT_BYTES).astype(np.float32)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")
