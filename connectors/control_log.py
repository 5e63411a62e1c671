"""The log of what people and the flow itself do to a running flow, with effective times."""

import logging
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from schema import Command

logger = logging.getLogger(__name__)


class IdleMark(msgspec.Struct, frozen=True, tag_field="kind", tag="idle"):
    """A source partition had nothing to read at `position`, so its watermark was moved on.

    A replay moves it on at the same position, before the first payload at or after it.
    """

    partition: str  # "origin/partition"
    position: int
    effective_ms: int  # the watermark that the mark sets, event time


Record = IdleMark | Command  # told apart by `kind`

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


class ControlTail(Protocol):
    """A reader of the log that goes on where it stood."""

    @property
    def position(self) -> int:
        """Return where to open the log to go on from here."""
        ...

    def read(self) -> list[Record] | None:
        """Return what was added since the last call: all that was durable when it was made.

        None: that cannot be had now; ask again.
        """
        ...

    def close(self) -> None:
        """Let go of the outside system."""
        ...


class ControlLog(Protocol):
    """One ordered log for all processes of a flow."""

    def append(self, record: Record) -> None:
        """Write a record; on return it is durable."""
        ...

    def read(self) -> list[Record]:
        """Return every record that is in the log now, in order."""
        ...

    def tail(self, position: int | None) -> ControlTail:
        """Open the log at a tail's `position`; None: at its beginning."""
        ...


def soonest_ms(now: datetime, tick_s: int) -> int:
    """Return the least effective time that a record written now may have, in a live flow.

    At least two whole ticks lie before it. A live flow's control watermark stays behind the wall
    clock, and no key group gets ahead of it, so the record is there before its tick.
    """
    tick_ms = tick_s * 1000
    return (int(now.timestamp() * 1000) // tick_ms + 3) * tick_ms


def encode(record: Record) -> bytes:
    """Return the wire form, one JSON object without a line end."""
    return _encoder.encode(record)


def decode(line: bytes, where: str) -> Record:
    """Return the record of a wire form.

    Raises: ValueError that leads with `where`, if the kind or a field is unknown to us: a record
    that one version obeyed and another skipped would break the one outcome.
    """
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError as ex:
        raise ValueError(f"{where}: {ex}") from ex


def idle_marks(log: ControlLog, partition: str) -> list[IdleMark]:
    """Return the marks of a partition, by position, of equal positions only the furthest."""
    furthest: dict[int, IdleMark] = {}
    for record in log.read():
        if not isinstance(record, IdleMark) or record.partition != partition:
            continue
        known = furthest.get(record.position)
        if known is None or record.effective_ms > known.effective_ms:
            furthest[record.position] = record
    return [furthest[position] for position in sorted(furthest)]


class FileControlLog:
    """A control log in a file of JSON lines, for the processes of one host.

    Each record is one `write` at the file's end, so writers do not mix. A crash in the middle of
    one leaves a torn line, which was never obeyed and is skipped.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, record: Record) -> None:
        """Write a record and wait for the disk."""
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            size = os.fstat(file).st_size
            torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
            line = (b"\n" if torn else b"") + encode(record) + b"\n"
            if os.write(file, line) != len(line):
                raise OSError(f"{self._path}: the disk took only a part of a control record")
            os.fsync(file)
        finally:
            os.close(file)

    def read(self) -> list[Record]:
        """Return the records in the file; none where there is no file yet."""
        return self.tail(None).read() or []

    def tail(self, position: int | None) -> "FileTail":
        """Open the file at a number of lines.

        Raises: ValueError if it has fewer.
        """
        return FileTail(self._path, position or 0)


def write_log(path: Path, records: Iterable[Record]) -> None:
    """Make a control log in a file of records that are durable elsewhere."""
    path.write_bytes(b"".join(encode(record) + b"\n" for record in records))


class FileTail:
    """Reads the whole lines that a file of JSON lines has got since."""

    def __init__(self, path: Path, lines: int) -> None:
        self._path = path
        self._lines = 0
        self._bytes = 0
        if lines:
            self._skip(lines)

    @property
    def position(self) -> int:
        """Return the number of lines read."""
        return self._lines

    def read(self) -> list[Record] | None:
        """Return the records of new lines; a torn line is skipped."""
        records = []
        for line in self._new_lines():
            self._lines += 1
            self._bytes += len(line)
            if len(line) == 1:
                continue
            try:
                records.append(decode(line, f"{self._path}:{self._lines}"))
            except msgspec.DecodeError:  # not JSON: only a torn write leaves that
                logger.warning("%s:%d: skipped a torn record", self._path, self._lines)
        return records

    def close(self) -> None:
        """Hold nothing open."""

    def _new_lines(self) -> list[bytes]:
        size = self._path.stat().st_size if self._path.exists() else 0
        if size < self._bytes:
            raise ValueError(
                f"{self._path}: a control log is only added to, it must have at least "
                f"{self._bytes} bytes, got {size!r}"
            )
        if size == self._bytes:
            return []
        with self._path.open("rb") as file:
            file.seek(self._bytes)
            found = file.read(size - self._bytes)
        return found[: found.rfind(b"\n") + 1].splitlines(keepends=True)

    def _skip(self, lines: int) -> None:
        found = self._new_lines()
        if len(found) < lines:
            raise ValueError(
                f"{self._path}: must have at least {lines} lines to go on, got {len(found)!r}"
            )
        self._lines, self._bytes = lines, sum(map(len, found[:lines]))
