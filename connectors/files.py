"""Files as a source, a partition a file: JSON lines, CSV, Parquet, messages of binary formats.

A file is read once, to its end, as it was when it was reached: growing files are not followed.
"""

from bisect import bisect_right
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

import msgspec

from connectors.file_lines import Run, read_lines
from connectors.file_listing import SourceFile, list_files
from connectors.file_tables import ROWS_AT_ONCE, TableColumns, read_csv, read_parquet
from connectors.file_whole import read_whole, reads_whole
from connectors.formats.encodings import check_encoding
from connectors.instants import bound_ms
from connectors.origin import Reader
from schema import Chunk


class FileSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="files"):
    """Which files to read, and how much of them at once.

    The results do not depend on `chunk_payloads` and `chunk_bytes`: they bound a read.
    """

    paths: tuple[str, ...]  # files, folders, or patterns such as "data/**/*.jsonl.gz"
    format: str = ""  # of lines or whole files; "": each folder's manifest.json names it
    encoding: str = "auto"  # of whole files; lines: gzip and Zstandard, by name or first bytes
    chunk_payloads: int = 10_000
    chunk_bytes: int = 4_194_304  # a larger payload comes alone
    max_payload_bytes: int = 16_777_216  # a longer line or message is cut here and rejected
    columns: TableColumns = TableColumns()
    start: str = ""  # an RFC 3339 time: samples from then on; "": all
    end: str = ""  # and before then

    def __post_init__(self) -> None:
        if not self.paths or "" in self.paths:
            raise ValueError(f"paths must name at least one file or folder, got {self.paths!r}")
        check_encoding(self.encoding)
        for name in ("chunk_payloads", "chunk_bytes", "max_payload_bytes"):
            if not 1 <= getattr(self, name) <= 2**30:
                raise ValueError(f"{name} must be in [1, 2**30], got {getattr(self, name)!r}")
        bound_ms("start", self.start)
        bound_ms("end", self.end)


class FileReader:
    """One open file. `ended` is true as soon as the last chunk has been returned."""

    def __init__(self, runs: Generator[Run, None, None], source: FileSource) -> None:
        self._runs = runs
        self._source = source
        self._payloads: list[bytes] = []  # read ahead, from `_taken` on
        self._positions: list[int] = []
        self._taken = 0
        self._ahead_bytes = 0
        self._next_position = 0  # after what was read ahead
        self._exhausted = False
        self._fill()

    @property
    def ended(self) -> bool:
        """True: everything was returned."""
        return self._exhausted and self._taken == len(self._payloads)

    @property
    def caught_up(self) -> bool:
        """True at the end: nothing is ever added to a file."""
        return self.ended

    @property
    def share(self) -> float:
        """Nobody knows."""
        return 0.0

    def read(self) -> Chunk | None:
        """Return the next chunk; None at the end."""
        if self.ended:
            return None
        start = self._taken
        window = self._payloads[start : start + self._source.chunk_payloads]
        sizes = list(accumulate(map(len, window)))
        count = max(1, bisect_right(sizes, self._source.chunk_bytes))
        self._taken = start + count
        self._ahead_bytes -= sizes[count - 1]
        positions = self._positions[start : self._taken]
        self._fill()
        after = self._positions[self._taken :][:1] or [self._next_position]
        return Chunk(window[:count], positions, after[0])

    def close(self) -> None:
        """Close the file."""
        self._runs.close()
        self._exhausted = True

    def _fill(self) -> None:
        source = self._source
        while (
            not self._exhausted
            and len(self._payloads) - self._taken < source.chunk_payloads
            and self._ahead_bytes <= source.chunk_bytes
        ):
            run = next(self._runs, None)
            if run is None:
                self._exhausted = True
                return
            del self._payloads[: self._taken], self._positions[: self._taken]
            self._taken = 0
            self._payloads += run.payloads
            self._positions += range(run.position, run.position + len(run.payloads))
            self._ahead_bytes += sum(map(len, run.payloads))
            self._next_position = run.next_position


class RunReader:
    """One open file whose runs are as long as chunks; see `connectors.origin.Reader`."""

    def __init__(self, runs: Generator[Run, None, None], source: FileSource) -> None:
        self._runs = runs
        self._next = next(runs, None)

    @property
    def ended(self) -> bool:
        """True: everything was returned."""
        return self._next is None

    @property
    def caught_up(self) -> bool:
        """True at the end."""
        return self.ended

    @property
    def share(self) -> float:
        """Nobody knows."""
        return 0.0

    def read(self) -> Chunk | None:
        """Return the next chunk; None at the end."""
        run = self._next
        if run is None:
            return None
        self._next = next(self._runs, None)
        positions = range(run.position, run.position + len(run.payloads))
        return Chunk(run.payloads, positions, run.next_position)

    def close(self) -> None:
        """Close the file."""
        self._runs.close()
        self._next = None


class FileOrigin:
    """The files of a `FileSource`, listed once, when it is built.

    Every process of a cluster must see the same files under the same paths.
    A position is a line number (CSV: the header is line 0) or a row number (Parquet), from 0; a
    file of a binary format has one payload, at 0.
    Raises: ValueError if a path is missing, means no file, or a file has no format.
    """

    def __init__(self, source: FileSource, name: str = "files") -> None:
        self.name = name
        self._source = source
        self._files = list_files(source.paths, source.format)

    @property
    def times_ms(self) -> tuple[int | None, int | None]:
        """Return from when and before when samples are taken; None: there is no bound."""
        return bound_ms("start", self._source.start), bound_ms("end", self._source.end)

    def partitions(self) -> list[str]:
        """Return the files' paths relative to their common folder, sorted."""
        return sorted(self._files)

    def format_of(self, partition: str) -> str:
        """Return the name of the format that the partition's payloads have."""
        return self._files[partition].format

    def encoding_of(self, partition: str) -> str:
        """Return the encoding of the partition's payloads."""
        file = self._files[partition]
        with _naming(file.path):
            return self._source.encoding if reads_whole(file.path, file.format) else "none"

    def open(self, partition: str, position: int | None) -> Reader:
        """Open at `position`: lines before it are read and skipped, row groups are not read.

        Raises: ValueError if the file cannot be read, or is shorter than `position`.
        """
        file = self._files[partition]
        with _naming(file.path):
            runs = self._runs(file, position or 0)
            return (RunReader if _is_table(file) else FileReader)(runs, self._source)

    def _runs(self, file: SourceFile, start: int) -> Generator[Run, None, None]:
        source = self._source
        if _is_table(file):
            rows = min(ROWS_AT_ONCE, source.chunk_payloads)
            return read_parquet(file.path, start, source.columns, rows)
        limit = source.max_payload_bytes
        if ".csv" in file.path.suffixes[-2:]:
            return read_csv(file.path, start, limit, source.columns)
        if reads_whole(file.path, file.format):
            return read_whole(file.path, start, limit)
        return read_lines(file.path, start, limit)


def _is_table(file: SourceFile) -> bool:
    return file.path.suffix == ".parquet"


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as ex:
        raise ValueError(f"{path}: must be readable, got {ex.strerror}") from ex
