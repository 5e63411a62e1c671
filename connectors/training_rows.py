"""Rows that key groups hand out to train from, in files below the model registry's folder.

rows/<request>/<group>.bin    msgpack; appears whole, and a repetition writes the same again
"""

import logging
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from connectors.model_files import ModelRefused, read_bounded
from schema import FeatureBatch, TrainingRows

FOLDER = "rows"
KEPT_REQUESTS = 10
MAX_BYTES = 2**30  # of a group
REQUEST = re.compile(r"[0-9a-z][0-9a-z_-]{0,63}")

_log = logging.getLogger(__name__)


class _Rows(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="rows.v1"):
    service: str
    names: tuple[str, ...]
    rows: bytes  # float32
    tick_ms: bytes  # int64
    from_ms: int
    until_ms: int
    drawn_from: int


_decoder = msgspec.msgpack.Decoder(_Rows)


class RowsFolder:
    """The rows below a registry's folder."""

    def __init__(self, registry: Path) -> None:
        self._path = registry / FOLDER

    def write(self, item: TrainingRows) -> None:
        """Write a group's rows, in place of what it has written for the same request."""
        folder = self._folder(item.request)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{item.group}.bin"
        new = path.with_suffix(".new")
        new.write_bytes(_encoded(item.batch))
        new.replace(path)

    def requests(self) -> list[str]:
        """Return the requests that any group has written for."""
        return sorted(path.name for path in self._path.glob("*") if path.is_dir())

    def groups(self, request: str) -> int:
        """Return how many groups have written."""
        return len(list(self._folder(request).glob("*.bin")))

    def read(self, request: str) -> list[FeatureBatch]:
        """Return what the groups have written, by their file's name.

        Raises: ValueError naming a file that is damaged.
        """
        return [_decoded(path) for path in sorted(self._folder(request).glob("*.bin"))]

    def keep(self, answered: Sequence[str], newest: int = KEPT_REQUESTS) -> None:
        """Remove the rows of all answered requests but the `newest`, which stand last."""
        for request in answered[: max(0, len(answered) - newest)]:
            if REQUEST.fullmatch(request):
                shutil.rmtree(self._folder(request), ignore_errors=True)

    def _folder(self, request: str) -> Path:
        if not REQUEST.fullmatch(request):
            raise ValueError(f"a request must match {REQUEST.pattern}, got {request!r}")
        return self._path / request


def _encoded(batch: FeatureBatch) -> bytes:
    return msgspec.msgpack.encode(
        _Rows(
            batch.service,
            batch.names,
            np.ascontiguousarray(batch.rows, np.float32).tobytes(),
            np.ascontiguousarray(batch.tick_ms, np.int64).tobytes(),
            batch.from_ms,
            batch.until_ms,
            batch.drawn_from,
        )
    )


def _decoded(path: Path) -> FeatureBatch:
    try:
        held = _decoder.decode(read_bounded(path, MAX_BYTES))
        tick_ms = np.frombuffer(held.tick_ms, np.int64)
        rows = np.frombuffer(held.rows, np.float32).reshape(len(tick_ms), len(held.names))
    except ModelRefused as ex:
        raise ValueError(str(ex)) from ex
    except (ValueError, msgspec.DecodeError) as ex:
        raise ValueError(f"{path}: damaged: {ex}") from ex
    if not np.isfinite(rows).all():
        raise ValueError(f"{path}: damaged: a row is not finite")
    return FeatureBatch(
        held.service, held.names, rows, tick_ms, held.from_ms, held.until_ms, held.drawn_from
    )


class RowsSink(DynamicSink[TrainingRows]):
    """Writes rows wherever they come out; a crash and a replay write them again."""

    def __init__(self, registry: Path) -> None:
        self._folder = RowsFolder(registry)

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> "RowsSinkPart":
        """Return a worker's share."""
        return RowsSinkPart(self._folder)


class RowsSinkPart(StatelessSinkPartition[TrainingRows]):
    """A worker's share of the groups."""

    def __init__(self, folder: RowsFolder) -> None:
        self._folder = folder

    def write_batch(self, items: list[TrainingRows]) -> None:
        """Write."""
        for item in items:
            self._folder.write(item)
            _log.info(
                "%s: %d rows of group %d for request %s",
                item.batch.service,
                len(item.batch.rows),
                item.group,
                item.request,
            )
