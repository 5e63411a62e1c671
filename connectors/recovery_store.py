"""The folder in which a flow's state outlives its processes."""

import fcntl
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
from bytewax.recovery import RecoveryConfig, init_db_dir

from connectors.recovery_manifest import Shape, settle

_log = logging.getLogger(__name__)

_FRESH = "new"  # where partitions are made before they are moved into place


class RecoverySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where state is kept, and how often it is written."""

    dir: str | None = None  # none: state is lost when the flow ends
    snapshot_interval_s: float = 30.0  # also the epoch: what a restart repeats at most
    backup_interval_s: float = 0.0  # how long replaced snapshots are kept
    partitions: int = 4  # files written side by side; fixed when the folder is first made

    def __post_init__(self) -> None:
        if not 0 < self.snapshot_interval_s <= 3600:
            raise ValueError(
                f"snapshot_interval_s must be in (0, 3600] s, got {self.snapshot_interval_s!r}"
            )
        if not 0 <= self.backup_interval_s <= 31_536_000:
            raise ValueError(
                f"backup_interval_s must be in [0, 31536000] s, got {self.backup_interval_s!r}"
            )
        if not 1 <= self.partitions <= 64:
            raise ValueError(f"partitions must be in [1, 64], got {self.partitions!r}")

    @property
    def epoch(self) -> timedelta:
        """The snapshot interval, as Bytewax takes it."""
        return timedelta(seconds=self.snapshot_interval_s)

    def config(self) -> RecoveryConfig | None:
        """Return Bytewax's own settings, for a folder that `held` has prepared."""
        if self.dir is None:
            return None
        return RecoveryConfig(Path(self.dir), timedelta(seconds=self.backup_interval_s))


@contextmanager
def held(settings: RecoverySettings, shape: Shape | None = None) -> Iterator[None]:
    """Make the folder if it is new, and keep other runs out of it meanwhile.

    Raises: BlockingIOError if another run holds it; OSError if it cannot be written; RecoveryError
    if it was made for a flow of another `shape`.
    """
    if settings.dir is None:
        yield
        return
    folder = Path(settings.dir)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as ex:
            raise BlockingIOError(ex.errno, "another run uses this recovery folder", folder) from ex
        if _unmade(folder):
            _make_partitions(folder, settings.partitions)
        made = len(list(folder.glob("part-*.sqlite3")))
        if made != settings.partitions:
            _log.warning(
                "%s: has %d files, the settings say %d: the number is that of the first start",
                folder,
                made,
                settings.partitions,
            )
        if shape is not None:
            settle(folder, shape)
        yield


def _unmade(folder: Path) -> bool:
    if (folder / "part-0.sqlite3").exists():
        return False
    return (folder / _FRESH).exists() or not any(folder.glob("part-*.sqlite3"))


def _make_partitions(folder: Path, count: int) -> None:
    """Make all the files or none: Bytewax refuses a folder in which one is missing."""
    fresh = folder / _FRESH
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    init_db_dir(fresh, count)
    for file in sorted(fresh.iterdir(), reverse=True):  # part-0 last: see _unmade
        file.replace(folder / file.name)
    fresh.rmdir()
