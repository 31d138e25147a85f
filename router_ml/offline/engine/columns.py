"""Columns of a record batch as arrays, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from router_ml.errors import OfflineDataError


def matrix(batch: Any, name: str, *, dtype: DTypeLike = np.float64, width: int | None = None) -> NDArray[Any]:
    """A column of lists of one length as (n, width).

    Raises:
        OfflineDataError: a list is missing or of another length.
    """
    column = batch.column(name)
    if column.null_count:
        raise OfflineDataError(f"{name} is missing in {column.null_count} rows. Leave them out, or fill the column.")
    flat = column.flatten()
    count = len(column)
    expected = width if width is not None else (len(flat) // count if count else 0)
    if len(flat) != count * expected or (count and _lengths(column, expected)):
        raise OfflineDataError(f"{name} holds lists of another length than {expected}. Write one entry for each.")
    values = flat.to_numpy(zero_copy_only=False)
    if flat.null_count and values.dtype == object:
        raise OfflineDataError(f"{name} holds lists with missing entries. Write one entry for each.")
    return np.asarray(values, dtype=dtype).reshape(count, expected)


def vector(batch: Any, name: str, *, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """A column as (n,); what is missing is NaN among numbers.

    Raises:
        OfflineDataError: something is missing where it cannot be.
    """
    column = batch.column(name)
    if np.dtype(dtype).kind == "f":
        return np.asarray(column.to_numpy(zero_copy_only=False), dtype=dtype)
    if column.null_count:
        raise OfflineDataError(f"{name} is missing in {column.null_count} rows. Leave them out, or fill the column.")
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=dtype)


def lists(values: NDArray[Any]) -> Any:
    """(n, width) as a column of lists of one length."""
    import pyarrow as arrow

    flat = arrow.array(np.ascontiguousarray(values).reshape(-1))
    return arrow.FixedSizeListArray.from_arrays(flat, values.shape[1])


def add(batch: Any, **columns: Any) -> Any:
    """A batch with further columns, which replace those of the same name."""
    for name, values in columns.items():
        if name in batch.schema.names:
            batch = batch.drop_columns([name])
        batch = batch.append_column(name, values)
    return batch


def drop(batch: Any, names: Sequence[str]) -> Any:
    """A batch without these columns, where it has them."""
    there = [name for name in names if name in batch.schema.names]
    return batch.drop_columns(there) if there else batch


def _lengths(column: Any, expected: int) -> bool:
    from pyarrow import compute

    return not bool(compute.all(compute.equal(compute.list_value_length(column), expected)).as_py())
