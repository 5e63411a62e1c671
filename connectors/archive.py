"""A topic's range in Parquet files, as `foreshock export` writes it; read like the topic itself.

    archive.json                              what it is of, and whether it is complete
    partition-0/<from offset>-<to offset>.parquet

A file holds the records of a half-open range of offsets. The files of a partition follow each other
without a gap, be there records or not, so their names say how far it has come.
"""

import re
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connectors.instants import bound_ms
from schema import Chunk

MANIFEST = "archive.json"
COLUMNS = pa.schema(
    [
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp", pa.timestamp("ms", "UTC")),  # null: the record has none
        ("key", pa.binary()),
        ("payload", pa.binary()),  # null: a tombstone
        ("headers", pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))),
    ]
)
_FILE = re.compile(r"(\d{20})-(\d{20})\.parquet")


class Archive(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`archive.json`."""

    topic: str
    format: str  # of the payloads
    encoding: str
    start: str  # as asked for
    end: str
    partitions: dict[str, tuple[int, int]]  # offsets, half-open
    complete: bool = False


class Part(NamedTuple):
    """A file."""

    path: Path
    first: int
    end: int


class ArchiveSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="archive"):
    """An export to read in place of its topic, as far as it goes."""

    path: str
    format: str = ""  # "": as the topic was said to have
    start: str = ""  # from the first record stamped at or after this time; "": all
    end: str = ""  # up to before the first record stamped at or after this time
    chunk_payloads: int = 5_000

    def __post_init__(self) -> None:
        bound_ms("start", self.start)
        bound_ms("end", self.end)
        if not 1 <= self.chunk_payloads <= 2**20:
            raise ValueError(f"chunk_payloads must be in [1, 2**20], got {self.chunk_payloads!r}")


def read_manifest(folder: Path) -> Archive:
    """Return what the folder says of itself.

    Raises: ValueError if it is not an export's.
    """
    path = folder / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Archive)
    except (msgspec.DecodeError, OSError) as ex:
        raise ValueError(f"{path}: must be of an export: {ex}") from ex


def parts_of(folder: Path, partition: str, first: int) -> list[Part]:
    """Return a partition's files, in order.

    Raises: ValueError naming the file that does not begin where the one before it ends.
    """
    found = sorted((folder / f"partition-{partition}").glob("*.parquet"))
    parts = [
        Part(path, int(name[1]), int(name[2]))
        for path in found
        if (name := _FILE.fullmatch(path.name)) is not None
    ]
    at = first
    for part in parts:
        if part.first != at:
            raise ValueError(f"{part.path}: must begin at offset {at}, a file is missing")
        at = part.end
    return parts


class ArchiveOrigin:
    """An export in the place of its topic: partitions, positions and stamps are the topic's.

    Raises: ValueError if there is no export, or it was broken off.
    """

    def __init__(self, source: ArchiveSource) -> None:
        self._source = source
        self._folder = Path(source.path).expanduser()
        self._archive = read_manifest(self._folder)
        if not self._archive.complete:
            raise ValueError(
                f"{self._folder}: must be a complete export, this was broken off: the same "
                "`foreshock export` goes on with it"
            )
        self.name = f"kafka:{self._archive.topic}"
        self.format = source.format or self._archive.format
        self.encoding = self._archive.encoding

    def partitions(self) -> list[str]:
        """Return the topic's partitions."""
        return sorted(self._archive.partitions)

    def open(self, partition: str, position: int | None) -> "ArchiveReader":
        """Open at an offset; None: at the start."""
        first, end = self._archive.partitions[partition]
        parts = parts_of(self._folder, partition, first)
        return ArchiveReader(self._source, parts, (first, end), position)


class ArchiveReader:
    """A partition of an export."""

    def __init__(
        self,
        source: ArchiveSource,
        parts: list[Part],
        span: tuple[int, int],
        position: int | None,
    ) -> None:
        self.ended = False
        self._source = source
        self._first, self._end = span
        self._start_ms = bound_ms("start", source.start) if position is None else None
        self._end_ms = bound_ms("end", source.end)
        self._next = self._first if position is None else position
        self._batches = self._read(parts)
        self._ahead = self._take()
        self._told = False

    @property
    def caught_up(self) -> bool:
        """True at the end."""
        return self.ended

    @property
    def share(self) -> float:
        """How much has been read, by offsets."""
        return (self._next - self._first) / max(1, self._end - self._first)

    def read(self) -> Chunk | None:
        """Return the next records; at first where it begins."""
        chunk = self._ahead
        if not self._told:
            self._told = True
            return Chunk([], [], self._next if chunk is None else int(chunk.positions[0]))
        if chunk is None:
            self.ended = True
            return None
        self._ahead = self._take()
        if self._ahead is None:
            self.ended = self._end_ms is None and chunk.next_position == self._end
        self._next = chunk.next_position
        return chunk

    def close(self) -> None:
        """Close the file."""
        self._batches.close()

    def _take(self) -> Chunk | None:
        for batch in self._batches:
            stamps = batch.column("timestamp").cast(pa.int64())
            stamps_ms = np.asarray(pc.fill_null(stamps, -1), dtype=np.int64)
            offsets = np.asarray(batch.column("offset"))
            lo = int(np.searchsorted(offsets, self._next))
            if self._start_ms is not None:
                later = np.flatnonzero(stamps_ms >= self._start_ms)
                if len(later) == 0:
                    continue
                lo, self._start_ms = int(later[0]), None
            hi = len(offsets)
            if self._end_ms is not None:
                beyond = np.flatnonzero(stamps_ms[lo:] >= self._end_ms)
                if len(beyond):
                    hi = lo + int(beyond[0])
                    self._batches.close()
            if lo < hi:
                payloads = batch.column("payload").slice(lo, hi - lo).to_pylist()
                known = None if (stamps_ms[lo:hi] < 0).any() else stamps_ms[lo:hi]
                positions = offsets[lo:hi].tolist()
                raw = [payload or b"" for payload in payloads]
                return Chunk(raw, positions, positions[-1] + 1, known)
        return None

    def _read(self, parts: list[Part]) -> Generator[pa.RecordBatch, None, None]:
        for part in parts:
            if part.end <= self._next:
                continue
            with pq.ParquetFile(part.path) as file:
                yield from file.iter_batches(
                    self._source.chunk_payloads, columns=["offset", "timestamp", "payload"]
                )
