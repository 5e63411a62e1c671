"""A file of lines as a sink whose repeats vanish: after a crash it goes on where the state says.

The file is one partition, so in a cluster one worker of one process writes it, whichever made the
items. What was written after the last snapshot is cut off on resume and comes again.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Generic, Literal, TypeVar

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

Item = TypeVar("Item")
Existing = Literal["append", "replace"]  # what to do with a file that a run without state finds

_log = logging.getLogger(__name__)
_BLOCK_BYTES = 65_536


class LineFileSink(FixedPartitionedSink[Item, int], Generic[Item]):
    """Writes each item as a line of `path`, whatever its key.

    State: the file's length. A run without state adds to what it finds ("append": a torn last line
    is cut off) or starts anew ("replace"). `start` is how long the file was when the flow began,
    where that is known: a sink keeps no state before the first snapshot after its first item, and
    what it has written by then comes again after a crash, too.
    """

    def __init__(
        self,
        path: Path,
        encode: Callable[[Item], bytes],
        existing: Existing = "append",
    ) -> None:
        self.place = str(path)
        self._path = path
        self._encode = encode
        self._existing = existing
        self.start: int | None = None

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return ["file"]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> "LineFile[Item]":
        """Open the file, cut to where the state says.

        Raises: ValueError if it cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = self._path.open("r+b" if self._path.exists() else "w+b")
        except OSError as ex:
            raise ValueError(f"{self._path}: must be writable, got {ex.strerror}") from ex
        length = file.seek(0, os.SEEK_END)
        left = self.start if resume_state is None and self._existing == "append" else resume_state
        if left is not None:
            keep = min(length, left)
        else:
            keep = _whole_lines(file, length) if self._existing == "append" else 0
        if left is not None and length < left:
            _log.warning("file is shorter than when it was left, going on at its end")
        file.truncate(keep)
        file.seek(keep)
        return LineFile(file, self._encode)


class LineFile(StatefulSinkPartition[Item, int], Generic[Item]):
    """The open file. Each batch is handed to the system at once; a snapshot reaches the disk."""

    def __init__(self, file: BinaryIO, encode: Callable[[Item], bytes]) -> None:
        self._file = file
        self._encode = encode
        self._unsaved = True

    def write_batch(self, values: list[Item]) -> None:
        """Write whole lines."""
        self._file.write(b"".join(self._encode(value) + b"\n" for value in values))
        self._file.flush()
        self._unsaved = True

    def snapshot(self) -> int:
        """Return the length of what is safely on disk."""
        if self._unsaved:
            os.fsync(self._file.fileno())
            self._unsaved = False
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def whole_lines(path: Path) -> int:
    """Return the length of the whole lines in a file, 0 if there is none."""
    try:
        with path.open("rb") as file:
            return _whole_lines(file, file.seek(0, os.SEEK_END))
    except FileNotFoundError:
        return 0


def _whole_lines(file: BinaryIO, length: int) -> int:
    """Return the length of the file without a last line that has no end."""
    end = length
    while end > 0:
        start = max(0, end - _BLOCK_BYTES)
        file.seek(start)
        at = file.read(end - start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return 0
