"""What the schemas of Parquet files say, and whether a function can read them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from router_ml.errors import MissingExtraError, OfflineDataError

LANES = b"router_ml.lanes"  # key in the schema: what lists over lanes are lists of
ENCODER = b"router_ml.encoder"  # key in the schema: the sha256 of what made the embeddings
HIVE = {b"router_ml.hive": b"1"}  # of the field of a column that the names of folders say, and the file does not


def lanes_of(schema: Any) -> tuple[str, ...] | None:
    """What lists over lanes are lists of, by the notes of a schema; None where they do not say."""
    noted = (schema.metadata or {}).get(LANES)
    return None if noted is None else tuple(json.loads(noted))


def with_lanes(batch: Any, lanes: Sequence[str]) -> Any:
    """A batch that says what its lists over lanes are lists of."""
    return noting(batch, LANES, list(lanes))


def noting(batch: Any, key: bytes, value: Any) -> Any:
    """A batch with a note in its schema."""
    return batch.replace_schema_metadata({**(batch.schema.metadata or {}), key: plain(value)})


def need(schema: Any, columns: Mapping[str, str], *, what: str) -> None:
    """Check columns.

    Args:
        columns: kind by name: ``text``, ``number``, ``integer``, ``truth``, ``list``, or ``any``.

    Raises:
        OfflineDataError: one is missing or of another kind.
    """
    missing = [name for name in columns if name not in schema.names]
    if missing:
        raise OfflineDataError(
            f"{what} needs the columns {', '.join(columns)}; {', '.join(missing)} are not among those found: "
            f"{', '.join(schema.names)}. Rename yours, or make them with the step before."
        )
    for name, kind in columns.items():
        found = schema.field(name).type
        if not _fits(found, kind):
            raise OfflineDataError(f"{what} needs {name} as {kind}, found {found}. Convert the column.")


def _fits(found: Any, kind: str) -> bool:
    types = arrow("types")
    if kind == "list":
        return _listed(found) and bool(types.is_floating(found.value_type) or types.is_boolean(found.value_type))
    tests = {
        "text": (types.is_string, types.is_large_string, types.is_dictionary),
        "number": (types.is_floating, types.is_integer, types.is_null),
        "integer": (types.is_integer,),
        "truth": (types.is_boolean,),
    }
    return kind == "any" or any(bool(test(found)) for test in tests[kind])


def _listed(found: Any) -> bool:
    types = arrow("types")
    return bool(types.is_list(found) or types.is_large_list(found) or types.is_fixed_size_list(found))


def difference(schema: Any, first: Any) -> str:
    """How two schemas differ, in words."""
    here, there = ({f"{each.name} ({each.type})" for each in one} for one in (schema, first))
    said = [f"only here {', '.join(sorted(here - there))}"] if here - there else []
    said += [f"only there {', '.join(sorted(there - here))}"] if there - here else []
    return "; ".join(said) or "they are in another order, or over other lanes"


def hive(column: Any) -> bool:
    """Whether a column comes from the names of folders alone."""
    return bool((column.metadata or {}).get(b"router_ml.hive"))


def plain(value: Any) -> bytes:
    """A note as it stands in a schema."""
    return json.dumps(value, sort_keys=True).encode()


def arrow_errors() -> tuple[type[BaseException], ...]:
    """What pyarrow raises besides errors of the system."""
    return (arrow().ArrowException,)


def arrow(module: str = "") -> Any:
    """pyarrow, or a module of it.

    Raises:
        MissingExtraError: it is not installed.
    """
    import importlib

    try:
        return importlib.import_module(f"pyarrow.{module}" if module else "pyarrow")
    except ImportError:
        raise MissingExtraError("pyarrow", "archive") from None
