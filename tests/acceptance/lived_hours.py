"""Hours of an estate on a topic: late, duplicate and missing samples, and a partition that rests.

What is written of a time, and in which order, is decided by the seed alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

START_MS = 1_772_409_600_000  # 2026-03-02T00:00Z
MINUTE_MS = 60_000
PARTITIONS = 3
RESTS = 2  # this partition, for a while
RESOURCES = 18  # the first six are of a service whose level moves for good
MISSING, TWICE, DELAYED = 0.03, 0.03, 0.05  # shares of the samples
LONGEST_DELAY_MIN = 12  # well past what may be out of order


@dataclass(frozen=True)
class Record:
    """A record of one partition."""

    partition: int
    sent_ms: int
    of_ms: int  # event time
    payload: bytes


@dataclass(frozen=True)
class Hours:
    """So many hours of data; `rest` is when the partition rests, in minutes, half-open."""

    hours: int

    @property
    def minutes(self) -> int:
        return self.hours * 60

    @property
    def rest(self) -> tuple[int, int]:
        return self.minutes // 2, self.minutes // 2 + 75

    @property
    def moves(self) -> int:
        """When the level of a service moves."""
        return self.minutes * 2 // 5

    def records(self) -> list[Record]:
        """Return everything, by the time at which it was sent."""
        return sorted(self._made(), key=lambda record: (record.sent_ms, record.of_ms))

    def _made(self) -> Iterator[Record]:
        draw = np.random.default_rng(7)
        for minute in range(self.minutes):
            for resource in range(RESOURCES):
                partition = resource % PARTITIONS
                noise, chance, delay = draw.normal(), draw.random(), draw.random()
                resting = partition == RESTS and self.rest[0] <= minute < self.rest[1]
                if chance < MISSING or (resting and chance > MISSING + 0.02):
                    continue  # of the time of rest, a few come when it is over
                sent = minute
                if resting:
                    sent = self.rest[1]  # before all else that comes then
                elif chance > 1 - DELAYED:
                    sent = minute + 1 + int(delay * LONGEST_DELAY_MIN)
                payload = _line(resource, minute, self._value(resource, minute) + float(noise))
                copies = 2 if MISSING < chance < MISSING + TWICE else 1
                sent_ms, of_ms = (START_MS + at * MINUTE_MS for at in (sent, minute))
                for _ in range(copies):
                    yield Record(partition, sent_ms, of_ms, payload)

    def _value(self, resource: int, minute: int) -> float:
        level = 30.0 + 3.0 * (resource % 4) + 5.0 * float(np.sin(minute / 229.0))
        if resource < 6 and minute >= self.moves:
            level += 25.0  # another normal
        if resource in {8, 13} and 0 <= minute - self.minutes * 3 // 5 < 40:
            level += 40.0
        if resource == 10 and 0 <= minute - self.rest[0] - 20 < 30:
            level += 62.0
        if resource == 7 and 0 <= minute - (self.minutes - 150) < 20:
            level = 97.0
        return level


def _line(resource: int, minute: int, value: float) -> bytes:
    return msgspec.json.encode(
        {
            "resource": f"i-{resource}",
            "cloud": "aws",
            "service": "aws.rds" if resource < 6 else "aws.ec2",
            "account": str(resource % 4),
            "region": "eu-west-1",
            "metric": "cpu.utilization",
            "ts_ms": START_MS + minute * MINUTE_MS,
            "value": round(value, 4),
        }
    )
