"""A chunk is decoded in blocks that fit the processor's cache: a third faster than at once."""

from collections.abc import Sequence

import numpy as np

from connectors.formats.tabular import Tabular
from schema import I32, Decoded, Decoder, SampleBatch, SeriesTable

_BLOCK_BYTES = 393_216

EMPTY = Decoded(
    SampleBatch(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int32)),
    [],
)


class InBlocks:
    """A decoder over another one. The result does not depend on where blocks end."""

    def __init__(self, decoder: Decoder) -> None:
        self._decode = decoder

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """See schema.Decoder."""
        if isinstance(payloads, Tabular):
            return self._decode(payloads, table)
        blocks = sum(map(len, payloads)) // _BLOCK_BYTES + 1
        size = -(-len(payloads) // blocks)
        if len(payloads) <= size:
            return self._decode(payloads, table)
        starts = range(0, len(payloads), size)
        return joined(
            [
                placed(
                    self._decode(payloads[start : start + size], table),
                    np.arange(start, start + size, dtype=np.int32),
                )
                for start in starts
            ]
        )


def placed(part: Decoded, positions: I32) -> Decoded:
    """Say which payloads of a chunk the payloads of `part` are: number i is `positions[i]`."""
    batch = part.batch
    return Decoded(
        SampleBatch(
            batch.series,
            batch.ts_ms,
            batch.value,
            positions[batch.payload],
            batch.start_ms,
            batch.count,
        ),
        [(int(positions[i]), reason, detail) for i, reason, detail in part.rejects],
    )


def joined(parts: Sequence[Decoded]) -> Decoded:
    """Put decoded parts of a chunk one after the other."""
    if len(parts) < 2:
        return parts[0] if parts else EMPTY
    batches = [part.batch for part in parts]
    start_ms = [batch.start_ms for batch in batches if batch.start_ms is not None]
    count = [batch.count for batch in batches if batch.count is not None]
    return Decoded(
        SampleBatch(
            np.concatenate([batch.series for batch in batches]),
            np.concatenate([batch.ts_ms for batch in batches]),
            np.concatenate([batch.value for batch in batches]),
            np.concatenate([batch.payload for batch in batches]),
            np.concatenate(start_ms) if start_ms else None,  # a format has them or has not
            np.concatenate(count) if count else None,
        ),
        [row for part in parts for row in part.rejects],
    )
