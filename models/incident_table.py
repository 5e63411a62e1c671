"""Tables of incidents, a row each or a row a window: which columns a detector can judge by."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schema import F64

TIMESTAMP = "timestamp"  # the column of times, ms UTC; no detector takes it for a measure

Column = Sequence[object] | npt.NDArray[np.generic]


class Numbers(NamedTuple):
    """The columns of numbers."""

    names: tuple[str, ...]
    rows: F64  # (n, len(names)); NaN where a cell is empty or not finite


def numbers_of(table: Mapping[str, Column], names: tuple[str, ...] | None = None) -> Numbers:
    """Return a table's columns of numbers; of those that a model was fitted on, if it says so.

    >>> numbers_of({"severity": [3, None], "category": ["disk", "net"], "timestamp": [0, 1]})
    Numbers(names=('severity',), rows=array([[ 3.],
           [nan]]))

    Raises: ValueError where there is none, or one of those is missing.
    """
    found: dict[str, F64] = {}
    for name in table:
        column = _numeric(table[name])
        if name != TIMESTAMP and column is not None:
            found[name] = column
    if names is None:
        names = tuple(found)
    if not names:
        raise ValueError(f"a table must have a column of numbers, got {sorted(table)!r}")
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"a table must have the columns {list(names)!r}, got none of {missing!r}")
    lengths = {found[name].size for name in names}
    if len(lengths) > 1:
        raise ValueError(f"columns must be of one length, got {sorted(lengths)!r}")
    return Numbers(names, np.column_stack([found[name] for name in names]))


def times_of(table: Mapping[str, Column]) -> F64:
    """Return a table's times, in ms.

    Raises: ValueError where it has none, or some are missing.
    """
    column = _numeric(table[TIMESTAMP]) if TIMESTAMP in table else None
    if column is None:
        raise ValueError(f"a table must have a column {TIMESTAMP!r} of times, got {sorted(table)}")
    if np.isnan(column).any():
        raise ValueError(f"{TIMESTAMP} must be there in every row, got none in some")
    return column


def _numeric(column: Column) -> F64 | None:
    """Return a column as numbers, NaN where there is none; None if it is not of numbers."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "fiub":
        values = column.astype(np.float64)
    else:
        cells = [np.nan if cell is None else cell for cell in column]
        values = np.array([cell for cell in cells if isinstance(cell, Real)], np.float64)
        if len(values) < len(cells) or (cells and np.isnan(values).all()):
            return None
    return np.where(np.isfinite(values), values, np.nan)
