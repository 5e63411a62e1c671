"""Commands of the control log that wait for their tick."""

from collections.abc import Iterable

import msgspec

from schema import Command


def tick_of(effective_ms: int, tick_ms: int) -> int:
    """Return the start of the first tick at or after an effective time.

    >>> tick_of(60_000, 60_000), tick_of(60_001, 60_000)
    (60000, 120000)
    """
    return -(-effective_ms // tick_ms) * tick_ms


class Agenda:
    """What is still to be obeyed. The order of arrival decides nothing, nor does a repetition."""

    def __init__(self, tick_ms: int) -> None:
        self._tick_ms = tick_ms
        self._waiting: dict[tuple[int, str, bytes], Command] = {}

    def add(self, commands: Iterable[Command]) -> None:
        """Keep commands until they are due; one that is here already is the same one."""
        for command in commands:
            wire = msgspec.msgpack.encode(command)
            self._waiting[command.effective_ms, type(command).__name__, wire] = command

    def commands(self) -> tuple[Command, ...]:
        """Return what waits, in the order in which it will be obeyed."""
        return tuple(self._waiting[key] for key in sorted(self._waiting))

    def next_ms(self) -> int | None:
        """Return the tick before which the next command is due; None: nothing waits."""
        if not self._waiting:
            return None
        return tick_of(min(self._waiting)[0], self._tick_ms)

    def take(self, tick_ms: int) -> list[Command]:
        """Remove and return what is due before the tick at `tick_ms`, in order."""
        due = sorted(key for key in self._waiting if tick_of(key[0], self._tick_ms) <= tick_ms)
        return [self._waiting.pop(key) for key in due]
