"""What a run costs: CPU time and memory of each process that takes part in it."""

import os
import resource
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
from bytewax.outputs import DynamicSink, StatelessSinkPartition

X = TypeVar("X")

_FILE = "usage.{}.json"  # by process id
_KIB = 1024  # Linux counts peaks in KiB


class Usage(NamedTuple):
    """Sums over processes."""

    cpu_s: float
    peak_rss_bytes: int  # each at its own peak, which includes what it held before the run


class UsageSink(DynamicSink[X]):
    """Takes no notice of items; each process that ends in order leaves its usage in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> "_UsagePart[X]":
        """Begin to count."""
        return _UsagePart(self._folder / _FILE.format(os.getpid()))


class _UsagePart(StatelessSinkPartition[X]):
    def __init__(self, file: Path) -> None:
        self._file = file
        self._before_s = _cpu_s()

    def write_batch(self, items: list[X]) -> None:
        pass

    def close(self) -> None:
        peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        usage = Usage(_cpu_s() - self._before_s, peak_kib * _KIB)
        self._file.write_bytes(msgspec.json.encode(usage))


def usage_in(folder: Path) -> Usage:
    """Return what the processes have left there, summed up."""
    found = [
        msgspec.json.decode(file.read_bytes(), type=Usage)
        for file in folder.glob(_FILE.format("*"))
    ]
    return Usage(sum(each.cpu_s for each in found), sum(each.peak_rss_bytes for each in found))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
