"""What the control log's partition is made of, and what its watermark follows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol

import msgspec

from connectors.control_log import ControlLog
from connectors.deploy_feed import DeployFeed
from connectors.origin import Item, Item_co
from connectors.pace import Pace
from schema import Command, Drift

NAME = "control/log"


class ControlSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML section `control`."""

    poll_s: float = 0.5  # how often the log is looked at when no tick is due
    wait_s: float = 900.0  # wall time that a replay waits for a model that it has asked for

    def __post_init__(self) -> None:
        if not 0 < self.poll_s <= 60:
            raise ValueError(f"poll_s must be in (0, 60] s, got {self.poll_s!r}")
        if not 0 < self.wait_s <= 604_800:
            raise ValueError(f"wait_s must be in (0, 604800] s, got {self.wait_s!r}")


class ControlStage(Protocol[Item_co]):
    """What becomes of the commands inside the source."""

    @property
    def watermark_ms(self) -> int:
        """Event time before which every command has been sent on."""
        ...

    def take(self, commands: Sequence[Command], watermark_ms: int) -> Item_co | None:
        """Send commands on, then the watermark; None: there is nothing to tell the groups."""
        ...

    def unanswered(self) -> list[Drift]:
        """Return the requests for a model that nothing has answered yet."""
        ...

    def end(self) -> Item_co:
        """Take the end of the log: no command follows."""
        ...

    def snapshot(self) -> bytes:
        """Return the state."""
        ...


@dataclass(frozen=True, slots=True)
class Guide:
    """What the control watermark follows, the least of what is given.

    `live`: the wall clock less a margin. `lead_ms`: so far past the frontier, the event time before
    which everything has been judged, where the flow itself writes commands, which take effect no
    sooner than that; the slowest partition's first time stands for it until a tick is judged, so
    partitions are read payload by payload until they have one. `waits`: the time by which a request
    for a model must be answered. Where none is given the log is read once and has ended.
    """

    tick_ms: int
    live: bool = False
    lead_ms: int | None = None  # past the frontier; None: the flow writes no commands itself
    waits: bool = False  # for the answers to requests, in a replay
    slack_ms: int = 0  # by which an event may be past its partition's watermark

    def __post_init__(self) -> None:
        if self.lead_ms is not None and self.lead_ms < self.tick_ms:
            raise ValueError(f"lead_ms must be at least a tick, got {self.lead_ms!r}")
        if self.waits and (self.live or self.lead_ms is None):
            raise ValueError("waits must be of a replay with a lead, got another")

    @property
    def ends(self) -> bool:
        """Whether the log is read once, because nothing is written that concerns this run."""
        return not self.live and self.lead_ms is None


@dataclass(frozen=True, slots=True)
class ControlSource(Generic[Item]):
    """The control log as a part of the flow's source."""

    log: ControlLog
    stage: Callable[[int, bytes | None], ControlStage[Item]]  # place in the list, state
    guide: Guide
    settings: ControlSettings
    frontier: Pace = field(default_factory=lambda: Pace.local(1))  # see `control_sink`
    deploys: Callable[[], DeployFeed] | None = None  # what else is written into the log
