"""A sink that shows each item to a function and keeps none."""

from collections.abc import Callable
from typing import Generic, TypeVar

from bytewax.outputs import DynamicSink, StatelessSinkPartition

X = TypeVar("X")


class Tap(DynamicSink[X], Generic[X]):
    """One worker's sink."""

    def __init__(self, look: Callable[[X], None]) -> None:
        self._look = look

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "TapPart[X]":
        """Return the part of the one worker."""
        return TapPart(self._look)


class TapPart(StatelessSinkPartition[X]):
    """Implements Bytewax's partition."""

    def __init__(self, look: Callable[[X], None]) -> None:
        self._look = look

    def write_batch(self, items: list[X]) -> None:
        """Show them."""
        for item in items:
            self._look(item)
