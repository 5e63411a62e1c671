"""What is in a recovery store, read beside a run or without one. Nothing is changed.

The tables are Bytewax 0.21's: `parts`, `exs` (starts), `fronts` (how far each worker got),
`commits` (what a partition may forget), `snaps`. A snapshot is a pickle; ours hold bytes, numbers
or nothing, and no other pickle is opened.
"""

import io
import pickle
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NoReturn

import msgspec

from connectors.recovery_manifest import RecoveryError

PATTERN = "part-*.sqlite3"


class Snapshot(msgspec.Struct, frozen=True):
    """One row: what a key of a step held at the end of an epoch."""

    part: int
    step: str
    key: str
    epoch: int
    written: str  # UTC, "YYYY-MM-DD HH:MM:SS"
    raw: bytes | None  # None: the key was let go

    @property
    def size(self) -> int:
        """How long it is."""
        return len(self.raw or b"")


class Start(msgspec.Struct, frozen=True):
    """One start of the flow over the store."""

    number: int
    at: str  # UTC
    workers: int
    epoch: int  # that it went on from


class Part(msgspec.Struct, frozen=True):
    """One file of the store."""

    file: Path
    index: int
    count: int  # of all files
    starts: tuple[Start, ...]
    fronts: dict[tuple[int, int], int]  # start, worker: the epoch that it has not ended
    committed: int | None  # snapshots that newer ones before this epoch replaced may be gone


def part_files(folder: Path) -> list[Path]:
    """Return the store's files.

    Raises: RecoveryError where there is none.
    """
    files = sorted(folder.glob(PATTERN))
    if not files:
        raise RecoveryError(
            f"{folder}: no recovery store; `foreshock recovery init` or `foreshock run` makes one"
        )
    return files


def read_part(file: Path) -> Part:
    """Return what a file says of itself and of the flow's starts.

    Raises: RecoveryError if it cannot be read.
    """
    with _reading(file) as db:
        found = db.execute("SELECT part_index, part_count FROM parts").fetchone()
        if found is None:
            raise RecoveryError(f"{file}: does not say which part of the store it is")
        starts = db.execute(
            "SELECT ex_num, created_at, worker_count, resume_epoch FROM exs ORDER BY ex_num"
        )
        fronts = db.execute("SELECT ex_num, worker_index, worker_frontier FROM fronts")
        committed = db.execute("SELECT max(commit_epoch) FROM commits").fetchone()
        return Part(
            file,
            found[0],
            found[1],
            tuple(Start(*row) for row in starts),
            {(number, worker): epoch for number, worker, epoch in fronts},
            committed[0],
        )


def check_file(file: Path) -> list[str]:
    """Return what SQLite finds wrong with a file."""
    with _reading(file) as db:
        found = [str(line) for (line,) in db.execute("PRAGMA integrity_check(3)")]
    return [] if found == ["ok"] else found


def read_snapshots(part: Part) -> Iterator[Snapshot]:
    """Yield every snapshot of a file, the replaced ones that are still kept too.

    Raises: RecoveryError if the file is damaged.
    """
    with _reading(part.file) as db:
        rows = db.execute(
            "SELECT step_id, state_key, snap_epoch, created_at, ser_change FROM snaps "
            "ORDER BY step_id, state_key, snap_epoch"
        )
        for row in rows:
            yield Snapshot(part.index, *row)


def opened(raw: bytes) -> object:
    """Return what a snapshot holds.

    Raises: ValueError if it is damaged, or names a class: none of ours does.
    """
    try:
        return _Plain(io.BytesIO(raw)).load()
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError) as ex:
        raise ValueError(f"cannot be read: {ex or type(ex).__name__}") from ex
    except (AttributeError, TypeError, OverflowError, MemoryError) as ex:  # of damaged opcodes
        raise ValueError(f"cannot be read: {type(ex).__name__}") from ex


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"names {module}.{name}, which no state of ours does")


@contextmanager
def _reading(file: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as db:
            yield db
    except sqlite3.Error as ex:
        raise RecoveryError(f"{file}: {ex}") from ex
