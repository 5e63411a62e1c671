"""What an input holds, sample by sample: read and decoded as the flow does it; nothing is judged.

Counters are differenced as in the flow, in event-time order a stream. So from the first counter on,
what is read is held back to the end of the input; what came before it has gone out already.
Memory: without counters a chunk; else, from the first counter on, about 500 bytes a sample.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isnan
from typing import NamedTuple

import numpy as np

from flows.peek_counters import Streams
from flows.peek_input import Feed, Taken
from schema import F64, Decoded, Series


class Place(NamedTuple):
    """Where a payload stands."""

    source: str  # "kafka:metrics.aws", "files", "stdin"
    partition: str
    position: int

    def __str__(self) -> str:
        return f"{self.source}:{self.partition}@{self.position}"


class Sample(NamedTuple):
    """A decoded sample, spelt out."""

    place: Place
    series: Series
    source_metric: str  # the vendor's name
    ts_ms: int
    value: float | None  # None: absorbed, it only is what the next one is measured from
    reading: float  # as it came in, converted unless it is a counter's


class Refused(NamedTuple):
    """What a decoder refused."""

    place: Place
    reason: str
    detail: str


@dataclass(slots=True)
class Block:
    """The samples and rejects of one chunk."""

    feed: Feed
    positions: Sequence[int]  # of the payloads
    decoded: Decoded
    value: F64  # NaN where absorbed

    @property
    def payloads(self) -> int:
        """Return how many payloads there were."""
        return len(self.positions)

    @property
    def samples(self) -> int:
        """Return how many samples have a value."""
        return len(self.value) - self.absorbed

    @property
    def absorbed(self) -> int:
        """Return how many samples gave no value."""
        return int(np.count_nonzero(np.isnan(self.value)))

    def rows(self) -> Iterator[Sample | Refused]:
        """Yield all in the order of the payloads, samples of a payload before its rejects."""
        batch, source, partition = self.decoded.batch, self.feed.source, self.feed.partition
        series, names = self.feed.table.series, self.feed.table.source_metric
        positions, rejects, at = self.positions, self.decoded.rejects, 0
        columns = (batch.payload, batch.series, batch.ts_ms, self.value, batch.value)
        for payload, index, ts_ms, value, reading in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            while at < len(rejects) and rejects[at][0] < payload:
                yield self._refused(rejects[at])
                at += 1
            place = Place(source, partition, positions[payload])
            known = None if isnan(value) else value
            yield Sample(place, series[index], names[index], ts_ms, known, reading)
        for row in rejects[at:]:
            yield self._refused(row)

    def _refused(self, row: tuple[int, str, str]) -> Refused:
        payload, reason, detail = row
        place = Place(self.feed.source, self.feed.partition, self.positions[payload])
        return Refused(place, reason, detail)


def decode_blocks(taken: Iterable[tuple[Feed, Taken]], streams: Streams) -> Iterator[Block]:
    """Yield a block a chunk, in order; counters have their values as soon as that can be."""
    held: list[Block] = []
    for feed, chunk in taken:
        decoded = feed.decoder(chunk.payloads, feed.table)
        value = streams.take(decoded.batch, feed.table, len(held))
        # raw bytes are not needed again, and would be most of what is held
        block = Block(feed, chunk.positions, decoded, value)
        if held or streams.waiting:
            held.append(block)
        else:
            yield block
    streams.settle([block.value for block in held])
    yield from held
