"""The log of what people and the flow itself do to a running flow, with effective times."""

import logging
import os
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
_decoder = msgspec.json.Decoder(Record)


class ControlLog(Protocol):
    """One ordered log for all processes of a flow."""

    def append(self, record: Record) -> None:
        """Write a record; on return it is durable."""
        ...

    def read(self) -> list[Record]:
        """Return every record that is in the log now, in order."""
        ...


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
        if not self._path.exists():
            return []
        records = []
        for number, line in enumerate(self._path.read_bytes().split(b"\n"), start=1):
            if not line:
                continue
            try:
                records.append(decode(line, f"{self._path}:{number}"))
            except msgspec.DecodeError:  # not JSON: only a torn write leaves that
                logger.warning("%s:%d: skipped a torn record", self._path, number)
        return records
