"""What a decoder makes of a payload, comparable, and whether it may."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from config.catalogue import load_catalogue
from connectors.formats.reasons import REASONS
from connectors.formats.settings import DecodeSettings
from schema import Catalogue, Decoded, Series, SeriesTable
from tests.fuzz.cases import Case

# So small that caches are full soon.
LIMITS = DecodeSettings(max_payload_bytes=1_000_000, cache_entries=500, cache_bytes=500_000)

Row = tuple[int, Series, int, float, int, float]  # payload, series, time, value, start, count


class Fault(AssertionError):
    """A payload that breaks what must hold; the message has its bytes."""


class Outcome(NamedTuple):
    """What a decoder made of payloads, comparable."""

    rows: list[Row]
    rejects: list[tuple[int, str, str]]


@cache
def catalogue() -> Catalogue:
    """Return the shipped catalogue."""
    return load_catalogue()


def outcome(decoded: Decoded, table: SeriesTable) -> Outcome:
    """Return what was decoded, without positions in the table.

    Rejects of one payload have no order: what is known of a series, fails later.
    """
    batch = decoded.batch
    zeros = np.zeros(len(batch.value))
    columns = (
        batch.payload.tolist(),
        [table.series[i] for i in batch.series.tolist()],
        batch.ts_ms.tolist(),
        batch.value.tolist(),
        (zeros.astype(np.int64) if batch.start_ms is None else batch.start_ms).tolist(),
        (zeros if batch.count is None else batch.count).tolist(),
    )
    return Outcome(list(zip(*columns, strict=True)), sorted(decoded.rejects))


def check(made: Case, found: Outcome, is_empty: Callable[[bytes], bool]) -> None:
    """Raise AssertionError unless the outcome is one that the payload may have."""
    points = len(found.rows) + len(found.rejects)
    if made.samples is not None:
        assert (len(found.rows), found.rejects) == (made.samples, []), f"not {made.samples} samples"
        return
    if points == 0:
        assert is_empty(made.data), "neither sample nor reject"
        return
    said = f"{len(found.rows)} samples and {found.rejects}, not {made.least} to {made.most} in all"
    assert made.least <= points <= made.most, said
    assert all(np.isfinite(row[3]) for row in found.rows), "a value is not finite"
    assert {reason for _, reason, _ in found.rejects} <= set(REASONS), "an unknown reason"
