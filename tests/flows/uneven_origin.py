"""Partitions as uneven as can be, in memory: one hot, one idle, one that is dead at first."""

import threading
from functools import cache

from schema import Chunk
from tests.operators.small_estate import point

HOT, TICKS, FAULT = 100, 90, range(60, 75)
CHUNK = 50


@cache
def parts(count: int) -> tuple[tuple[bytes, ...], ...]:
    """Return the payloads of each partition: the first has HOT times the others', the last none.

    With one partition alone it is the hot one. Every resource is busy for a while.
    """
    made: list[tuple[bytes, ...]] = []
    for part in range(count):
        resources = HOT if part == 0 else 0 if part == count - 1 else 1
        made.append(
            tuple(
                point(
                    f"r-{part}-{resource}",
                    "cpu.utilization",
                    minute,
                    97.0 if minute in FAULT else 20.0 + (minute * 7 + resource) % 5,
                    account=str(part),
                )
                for minute in range(TICKS)
                for resource in range(resources)
            )
        )
    return tuple(made)


class Reader:
    """Reads a partition; one that is `shut` has nothing to tell until others have let it."""

    def __init__(
        self, part: tuple[bytes, ...], at: int, shut: threading.Event | None, idle: bool
    ) -> None:
        self._part, self._at, self._shut, self._idle = part, at, shut, idle
        self._placed = False

    @property
    def ended(self) -> bool:
        """True at the end of what there is."""
        return self._is_open() and self._at == len(self._part)

    @property
    def caught_up(self) -> bool:
        """An idle partition has read all there is; of a dead one nobody knows."""
        return self._idle or self.ended

    @property
    def share(self) -> float:
        """Nobody asks how far it is."""
        return 0.0

    def read(self) -> Chunk | None:
        """Return the next payloads."""
        if self._idle and not self._placed:
            self._placed = True
            return Chunk([], [], self._at)  # as a topic's reader says where it stands
        if not self._is_open() or self.ended:
            return None
        at, until = self._at, min(self._at + CHUNK, len(self._part))
        self._at = until
        return Chunk(list(self._part[at:until]), range(at, until), until)

    def close(self) -> None:
        """Hold nothing."""

    def _is_open(self) -> bool:
        return self._shut is None or self._shut.is_set()


class UnevenOrigin:
    """The partitions, even-tempered or not.

    Uneven: the second says nothing until the hot one has had to wait for it; the last is idle until
    all others have ended.
    """

    name = "test"

    def __init__(self, count: int, uneven: bool) -> None:
        self._count, self._uneven = count, uneven
        self.answers = threading.Event()
        self.over = threading.Event()

    def partitions(self) -> list[str]:
        """Return their names."""
        return [f"{i:02d}" for i in range(self._count)]

    def open(self, partition: str, position: int | None) -> Reader:
        """Open one."""
        index = int(partition)
        dead = self._uneven and self._count > 2 and index == 1
        idle = self._uneven and self._count > 1 and index == self._count - 1
        shut = self.answers if dead else self.over if idle else None
        return Reader(parts(self._count)[index], position or 0, shut, idle)
