"""Payloads that are rows of a table: read as columns, written out only where one is looked at."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schema import F64, I64

B = npt.NDArray[np.bool_]


class TableName(NamedTuple):
    """What a row says but for time and value."""

    columns: tuple[str, ...]
    cells: tuple[str | None, ...]


class Columns(NamedTuple):
    """What rows say, as columns of equal length.

    A row that is not `plain` must be read as a payload; its `ts_ms` and `value` mean nothing.
    """

    plain: B
    ts_ms: I64
    value: F64  # as the row says it, finite
    name: I64  # number of all that a row says but for time and value
    names: list[TableName]  # by that number; equal ones say the same
    example: I64  # a row of each name


class Tabular(Sequence[bytes]):
    """Rows of one table, each a payload of `foreshock-json`."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Return about how much memory they take."""

    @abstractmethod
    def columns(self) -> Columns | None:
        """Return the rows as columns, None where only payloads can say what they are."""

    @abstractmethod
    def payloads(self, rows: Iterable[int]) -> list[bytes]:
        """Write out some rows."""


def size_of(payloads: Sequence[bytes]) -> int:
    """Return the bytes of some payloads; of rows, about."""
    return payloads.nbytes if isinstance(payloads, Tabular) else sum(map(len, payloads))
