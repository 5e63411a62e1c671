"""Small flows for tests of launching; children import this module by name."""

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import DynamicSink, StatelessSinkPartition

Numbered = tuple[str, int]


class _Counter(StatefulSourcePartition[Numbered, int]):
    def __init__(
        self, name: str, start: int, end: int | None, stop: threading.Event, deaf: bool
    ) -> None:
        self._name, self._next, self._end, self._stop = name, start, end, stop
        self._deaf = deaf

    def next_batch(self) -> list[Numbered]:
        if (self._stop.is_set() and not self._deaf) or self._next == self._end:
            raise StopIteration
        self._next += 1
        return [(self._name, self._next)]

    def next_awake(self) -> datetime | None:
        return None if self._end else datetime.now(UTC) + timedelta(milliseconds=20)  # noqa: TID251

    def snapshot(self) -> int:
        return self._next


class _Counters(FixedPartitionedSource[Numbered, int]):
    def __init__(self, end: int | None, stop: threading.Event, broken: str) -> None:
        self._end, self._stop, self._broken = end, stop, broken

    def list_parts(self) -> list[str]:
        return ["a", "b"]

    def build_part(self, _step: str, name: str, resume: int | None) -> _Counter:
        if self._broken == "open" and name == "b":
            raise ValueError("cannot open partition b")
        return _Counter(name, resume or 0, self._end, self._stop, self._broken == "deaf")


class _Lines(StatelessSinkPartition[Numbered]):
    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()

    def write_batch(self, items: list[Numbered]) -> None:
        with self._path.open("a") as file:
            file.writelines(f"{name} {number}\n" for name, number in items)


class _LineFiles(DynamicSink[Numbered]):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def build(self, _step: str, worker: int, _workers: int) -> _Lines:
        return _Lines(self._folder / f"out-{worker}.txt")


def counting(folder: Path, end: int | None, broken: str, stop: threading.Event) -> Dataflow:
    """Two partitions count to `end` or for ever, into a file a worker.

    `broken` is "", or where it breaks: "build", "open", "map" at 5, "kill" at 5; "deaf" hears no
    stop.
    """
    if broken == "build":
        raise ValueError("no such topic")

    def check(item: Numbered) -> Numbered:
        if item == ("b", 5) and broken == "map":
            raise ValueError("5 is too much") from KeyError("inner")
        if item == ("b", 5) and broken == "kill":
            os.kill(os.getpid(), 9)
        return item

    flow = Dataflow("counting")
    numbers = op.input("numbers", flow, _Counters(end, stop, broken))
    checked = op.map("check", numbers, check)
    op.output("out", checked, _LineFiles(folder))
    return flow
