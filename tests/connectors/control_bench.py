"""A control partition beside one other, for tests of what it reads and when."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from connectors.control_log import ControlLog, FileControlLog
from connectors.control_partition import ControlPartition
from connectors.control_source import ControlSettings, ControlSource, Guide
from connectors.deploy_feed import DeployFeed
from connectors.pace import Pace
from connectors.partition import NEVER_MS, Standing
from operators.control_stage import Broadcast
from operators.ingest import FOREVER_MS, Ingested, IngestSettings
from operators.packing import unpack
from schema import Command
from tests.connectors.fakes import START, Clock
from tests.operators.made_commands import MINUTE_MS

START_MS = int(START.timestamp() * 1000)
INGEST = IngestSettings(groups=1)
LEAD_MS = 5 * MINUTE_MS
SOON = START_MS / MINUTE_MS + 10


@dataclass
class Bench:
    """A control partition beside one other, whose pace and frontier the test sets."""

    path: Path
    guide: Guide
    settings: ControlSettings = field(default_factory=lambda: ControlSettings(wait_s=60.0))
    monotonic: Clock = field(default_factory=Clock)
    stop: threading.Event = field(default_factory=threading.Event)
    wall_s: float = 0.0
    deploys: Callable[[], DeployFeed] | None = None

    def __post_init__(self) -> None:
        self.log: ControlLog = FileControlLog(self.path)
        self.begin(None)

    def begin(self, resume: bytes | None) -> None:
        """Open the partition, with a pace and a frontier that nobody has set."""
        standing = Standing(1, 2, 0, None, False, b"")
        if resume is not None:
            standing = msgspec.msgpack.decode(resume, type=Standing)
        self.pace, self.frontier = Pace.local(2), Pace.local(1)
        source = ControlSource(
            self.log, self._stage, self.guide, self.settings, self.frontier, self.deploys
        )
        self.partition: ControlPartition[Ingested] = ControlPartition(
            source, standing, self.pace, self.stop, self._clock, self.monotonic
        )
        self.watermark_ms = NEVER_MS
        self.commands: list[Command] = []

    @staticmethod
    def _stage(index: int, resume: bytes | None) -> Broadcast:
        return Broadcast(INGEST, index, resume)

    def _clock(self) -> datetime:
        return START + timedelta(seconds=self.wall_s)

    def poll(self, after_s: float = 1.0) -> float:
        """Let the partition work; return its watermark as a group has it, in minutes."""
        self.monotonic.now_s += after_s
        for item in self.partition.next_batch():
            for _, buffer in item.packed:
                packed = unpack(buffer)
                assert packed.watermark_ms >= self.watermark_ms
                self.watermark_ms = packed.watermark_ms
                self.commands += packed.commands
        return self.watermark_ms / MINUTE_MS

    def poll_until(self, minutes: float) -> float:
        """Let the partition work until its watermark is there: a broker may take its time."""
        deadline = time.monotonic() + 30.0
        while (found := self.poll()) < minutes and time.monotonic() < deadline:
            pass
        return found

    @property
    def ended(self) -> bool:
        return self.watermark_ms == FOREVER_MS


REPLAY = Guide(MINUTE_MS)
HELD = Guide(MINUTE_MS, lead_ms=LEAD_MS)
WAITING = Guide(MINUTE_MS, lead_ms=LEAD_MS, waits=True)
