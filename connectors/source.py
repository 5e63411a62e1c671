"""The source of the flow: every partition of every origin, decoded where it is read."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic

import msgspec
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.control_log import ControlLog
from connectors.control_partition import ControlPartition
from connectors.control_source import NAME, ControlSource
from connectors.idle import IdleWatch
from connectors.origin import Item, Origin, Reader, Stage, StageFactory
from connectors.pace import Pace
from connectors.partition import (
    NEVER_MS,
    EndedPartition,
    IntakeSettings,
    OpenPartition,
    SnapshotError,
    Standing,
    resumed,
)
from connectors.partition_list import lasting_order

__all__ = [
    "Intake",
    "IntakeSettings",
    "Origin",
    "Reader",
    "SnapshotError",
    "Stage",
    "StageFactory",
    "wall_clock",
]


def wall_clock() -> datetime:
    """Return the time; Bytewax is told in wall time when to call a source again."""
    return datetime.now(UTC)  # noqa: TID251 (the default clock: it reaches no data)


class Intake(FixedPartitionedSource[Item, bytes], Generic[Item]):
    """All partitions of all origins as one Bytewax source, and the control log as one more.

    `control_log` is where idle marks are kept, `control` whether and how commands are read.
    A partition's Bytewax name is "origin/partition", its index its place in the list of all of
    them, the same in every process and after every restart: `store` is the folder of the recovery
    store, which remembers it. `stop` ends the flow without an end in band, so that no tick closes
    and a resumed run goes on where this one stood.

    Raises: SnapshotError on resume with another number of key groups or order of partitions.
    """

    def __init__(
        self,
        origins: Sequence[Origin],
        stage: StageFactory[Item],
        *,
        groups: int,
        stop: threading.Event,
        settings: IntakeSettings,
        pace: Pace | None = None,
        control_log: ControlLog | None = None,
        control: ControlSource[Item] | None = None,
        store: Path | None = None,
        clock: Callable[[], datetime] = wall_clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        places = [(f"{o.name}/{p}", o, p) for o in origins for p in o.partitions()]
        twice = [name for name, n in Counter(name for name, _, _ in places).items() if n > 1]
        if twice:
            raise ValueError(f"every partition must be read once, got {min(twice)!r} twice")
        names = [name for name, _, _ in places] + ([NAME] if control else [])
        self.names = lasting_order(store, names)
        self._places = {name: (origin, part) for name, origin, part in places}
        self._stage = stage
        self._groups = groups
        self._stop = stop
        self._settings = settings
        self._pace = Pace.local(len(self.names)) if pace is None else pace
        if len(self._pace) != len(self.names):
            raise ValueError(
                f"pace must have a row for each of {len(self.names)} partitions, "
                f"got {len(self._pace)!r}"
            )
        self._log = control_log
        self._control = control
        if control is not None:
            self._pace.rest(self.names.index(NAME), NEVER_MS)  # nobody gets ahead before it is open
            self._pace.leave_out(self.names.index(NAME))
        self._clock = clock
        self._monotonic = monotonic

    def list_parts(self) -> list[str]:
        """Return all partitions: every worker can reach every one."""
        return list(self.names)

    def build_part(
        self, step_id: str, for_part: str, resume_state: bytes | None
    ) -> StatefulSourcePartition[Item, bytes]:
        """Open one partition, at its snapshot if there is one."""
        index = self.names.index(for_part)
        shape = Standing(self._groups, len(self.names), index, None, False, b"")
        standing = None
        if resume_state is not None:
            standing = resumed(for_part, resume_state, shape)
            if standing.eof:
                self._pace.end(index)
                return EndedPartition(resume_state)
        if self._control is not None and for_part == NAME:
            return ControlPartition(
                self._control,
                standing or shape,
                self._pace,
                self._stop,
                self._clock,
                self._monotonic,
            )
        origin, part = self._places[for_part]
        stage = self._stage(origin.name, part, index, standing.stage if standing else None)
        position = standing.position if standing else None
        watch = IdleWatch(
            for_part,
            index,
            self._settings.idle_s,
            int(self._settings.max_skew_s * 500),
            self._pace,
            self._log,
            self._monotonic,
        )
        self._pace.move(index, stage.watermark_ms)
        return OpenPartition(
            self._settings,
            msgspec.structs.replace(shape, position=position),
            origin.open(part, position),
            stage,
            self._pace,
            watch,
            self._stop,
            self._clock,
            self._control is not None and self._control.guide.lead_ms is not None,
        )
