"""The last step of every decoder: vendors' values to the columns of a batch."""

from collections.abc import Hashable
from typing import TypeVar

import numpy as np

from connectors.formats.reasons import NO_OBSERVATION, NOT_FINITE
from connectors.formats.series_book import SeriesBook
from schema import F64, I32, I64, Decoded, SampleBatch

REJECTED = -1  # slot of a point that has been rejected already

K = TypeVar("K", bound=Hashable)

RejectRow = tuple[int, str, str]  # payload index, reason, detail


def assemble(
    book: SeriesBook[K],
    slot: I32,
    ts_ms: I64,
    value: F64,
    payload: I32,
    rejects: list[RejectRow],
    start_ms: I64 | None = None,
    count: F64 | None = None,
) -> Decoded:
    """Convert and keep what is good; columns of equal length, `value` in the vendor's unit.

    `start_ms` and `count` (finite) are those of `SampleBatch`, for formats that have counters.
    Adds to `rejects` what is not finite and sorts them by payload. The samples of one payload
    are put oldest first: GCP sends them newest first, which would make the older ones late.
    """
    converted = book.convert(slot, value)
    good = np.isfinite(converted) & (slot != REJECTED)
    if not good.all():
        for i in np.flatnonzero(~good & (slot != REJECTED)):
            reason, detail = (
                NOT_FINITE,
                f"value {float(value[i])!r} becomes {float(converted[i])!r}",
            )
            if np.isnan(value[i]) and book.is_quantile(int(slot[i])):
                reason, detail = NO_OBSERVATION, "a quantile of no observations"
            rejects.append((int(payload[i]), reason, detail))
        slot, ts_ms, converted, payload = slot[good], ts_ms[good], converted[good], payload[good]
        start_ms = None if start_ms is None else start_ms[good]
        count = None if count is None else count[good]
    if ((payload[1:] == payload[:-1]) & (ts_ms[1:] < ts_ms[:-1])).any():
        order = np.lexsort((ts_ms, payload))  # stable
        slot, ts_ms, converted, payload = (
            slot[order],
            ts_ms[order],
            converted[order],
            payload[order],
        )
        start_ms = None if start_ms is None else start_ms[order]
        count = None if count is None else count[order]
    if len(rejects) > 1:
        rejects.sort(key=_payload)
    batch = SampleBatch(book.series(slot), ts_ms, converted, payload, start_ms, count)
    return Decoded(batch, rejects)


def _payload(row: RejectRow) -> int:
    return row[0]
