"""What the source of the flow is made of: origins, their readers, and the stages behind them."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from schema import Chunk

Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)


class Reader(Protocol):
    """One open partition of an outside system."""

    @property
    def ended(self) -> bool:
        """Whether the reader has an end and everything up to it was returned."""
        ...

    @property
    def caught_up(self) -> bool:
        """Whether it stands at the end of what exists now, and knows that it does."""
        ...

    @property
    def share(self) -> float:
        """How much of what there is to read has been returned, in [0, 1]; 0: nobody knows."""
        ...

    def read(self) -> Chunk | None:
        """Return what comes next, None if nothing has come yet; wait for 50 ms at most.

        A chunk without payloads says where the reader stands: at its start, or after a gap.
        """
        ...

    def close(self) -> None:
        """Let go of the outside system."""
        ...


class Origin(Protocol):
    """An outside system with a fixed list of partitions."""

    @property
    def name(self) -> str:
        """Return what rejects and tallies call it: "kafka:metrics.aws"."""
        ...

    def partitions(self) -> list[str]:
        """Return the names of the partitions, sorted, the same in every process."""
        ...

    def open(self, partition: str, position: int | None) -> Reader:
        """Open a partition at `position`; None: where the settings say that reading starts."""
        ...


class Stage(Protocol[Item_co]):
    """What becomes of one partition's payloads inside the source."""

    @property
    def watermark_ms(self) -> int:
        """Event time before which nothing more is expected of the partition."""
        ...

    def feed(self, chunk: Chunk) -> Item_co:
        """Take the next payloads; there is at least one."""
        ...

    def advance(self, position: int, watermark_ms: int) -> Item_co:
        """Take an idle mark at `position`: before the first payload at or after it."""
        ...

    def end(self) -> Item_co:
        """Take the end of the partition."""
        ...

    def snapshot(self) -> tuple[int | None, bytes]:
        """Return the state, and where to read on with it; None: after all that it was fed."""
        ...


StageFactory = Callable[[str, str, int, bytes | None], Stage[Item]]
"""(origin's name, partition, place in the global list, state to resume with) -> stage."""
