"""Means of Prometheus histograms and summaries: their sum over their count, as one reading."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from connectors.formats.columns import REJECTED
from connectors.formats.prometheus_metric import Half, mean_slot
from connectors.formats.series_book import SeriesBook
from schema import F64, I32, I64

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class Readings:
    """Columns of equal length."""

    slot: I32
    ts_ms: I64
    value: F64
    payload: I32
    count: F64


class Means:
    """Which series of a book are halves of a mean. Memory: an entry a pair of them."""

    def __init__(self) -> None:
        self._pairs: dict[Half, int] = {}  # from 1
        self._slots: list[int] = [REJECTED]  # of the mean, by pair; REJECTED until there is one
        self._halves: list[Half | None] = [None]
        self._role: I32 = np.zeros(64, np.int32)  # by slot: the pair, negative for its count

    def learn(self, slot: int, half: Half, *, is_sum: bool) -> None:
        """Remember what the series of a slot is half of."""
        pair = self._pairs.get(half)
        if pair is None:
            pair = self._pairs[half] = len(self._halves)
            self._halves.append(half)
            self._slots.append(REJECTED)
        while slot >= len(self._role):
            self._role = np.concatenate((self._role, np.zeros_like(self._role)))
        self._role[slot] = pair if is_sum else -pair

    def add(self, book: SeriesBook[K], rows: Readings) -> Readings:
        """Add the means of those sums and counts that came in one payload, of one time."""
        if len(self._halves) == 1:
            return rows
        known = (rows.slot != REJECTED) & (rows.slot < len(self._role)) & np.isfinite(rows.value)
        role = np.zeros(len(rows.slot), np.int32)
        role[known] = self._role[rows.slot[known]]
        at = np.flatnonzero(role)
        pair = np.abs(role)
        at = at[np.lexsort((role[at] > 0, rows.ts_ms[at], pair[at], rows.payload[at]))]
        counts, sums = at[:-1], at[1:]
        both = (
            (role[counts] == -role[sums])
            & (role[sums] > 0)
            & (rows.ts_ms[counts] == rows.ts_ms[sums])
            & (rows.payload[counts] == rows.payload[sums])
        )
        counts, sums = counts[both], sums[both]
        if not len(sums):
            return rows
        slot = np.array([self._slot(book, i) for i in pair[sums].tolist()], np.int32)
        order = np.argsort(np.concatenate((rows.payload, rows.payload[sums])), kind="stable")
        return Readings(
            np.concatenate((rows.slot, slot))[order],
            np.concatenate((rows.ts_ms, rows.ts_ms[sums]))[order],
            np.concatenate((rows.value, rows.value[sums]))[order],
            np.concatenate((rows.payload, rows.payload[sums]))[order],
            np.concatenate((rows.count, rows.value[counts]))[order],
        )

    def _slot(self, book: SeriesBook[K], pair: int) -> int:
        found, half = self._slots[pair], self._halves[pair]
        if found == REJECTED and half is not None:
            found = self._slots[pair] = mean_slot(book, half)
        return found
