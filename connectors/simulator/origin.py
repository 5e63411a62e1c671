"""The simulator as a source of the flow: a partition a cloud, straight from memory."""

import time
from bisect import bisect_left
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np

from connectors.simulator.desk import Desk, Request, Tray
from connectors.simulator.drifts import KIND as DRIFT
from connectors.simulator.drifts import drift_now, may_drift
from connectors.simulator.plan import Plan, inject_now, make_plan
from connectors.simulator.settings import CLOUDS, SimulatorSource
from connectors.simulator.tape import STRIDE, Pages, Tape
from connectors.simulator.truth import Truth, read_truth, true_drift, true_fault, truth_of
from schema import Chunk

CHUNK_POINTS = 5_000  # about so many points a read
Seconds = Callable[[], float]


class SimulatorOrigin:
    """Implements connectors.origin.Origin.

    At full speed a reader ends after the last step; with `speed` it keeps to the clock. The
    payloads do not depend on where reading began, nor on how much is read at once.
    """

    name = "simulator"

    def __init__(self, settings: SimulatorSource, clock: Seconds = time.monotonic) -> None:
        self.settings = settings
        self._clock = clock

    @cached_property
    def plan(self) -> Plan:
        """Return what will happen; drawn when first asked for, a matter of seconds."""
        return make_plan(self.settings)

    @cached_property
    def desk(self) -> Desk | None:
        """Return where faults are handed in while it runs, if the settings name a folder."""
        folder = self.settings.state_dir
        return None if folder is None else Desk(Path(folder), self.plan, self._clock)

    def partitions(self) -> list[str]:
        """Return the clouds."""
        return sorted(CLOUDS)

    def open(self, partition: str, position: int | None, lanes: int = 1) -> "SimulatorReader":
        """Open a cloud's stream at a position; None: at the beginning.

        Positions are those of a reader with as many lanes.
        """
        if partition not in CLOUDS:
            raise ValueError(f"partition must be one of {', '.join(CLOUDS)}, got {partition!r}")
        return SimulatorReader(self.plan, partition, position or 0, self.desk, self._clock, lanes)

    def truth(self) -> Truth:
        """Return the labels, with the faults injected so far."""
        if self.desk is None:
            return truth_of(self.plan)
        return read_truth(self.desk.truth_path)


class SimulatorReader:
    """Implements connectors.origin.Reader."""

    def __init__(
        self,
        plan: Plan,
        cloud: str,
        position: int,
        desk: Desk | None,
        clock: Seconds,
        lanes: int = 1,
    ) -> None:
        self._plan = plan
        self._tape = Tape(plan, cloud, lanes)
        self._step, self._skip = divmod(position, STRIDE)
        self._clock = clock
        self._began_s, self._began_step = clock(), self._step
        self._chunk_steps = max(1, CHUNK_POINTS // max(1, len(self._tape.panel.rows)))
        self._tray = None if desk is None else desk.tray(cloud)
        self._caught_up = False

    @property
    def ended(self) -> bool:
        """True: every step that is to be read was returned."""
        return self._step >= self._plan.settings.read_steps

    @property
    def caught_up(self) -> bool:
        """True: the next step's time has not come, or there is none."""
        return self.ended or self._caught_up

    @property
    def share(self) -> float:
        """How much of the run has been returned."""
        return self._step / max(1, self._plan.settings.read_steps)

    @property
    def step(self) -> int:
        """The next step."""
        return self._step

    @property
    def points(self) -> int:
        """How many points were read."""
        return self._tape.points

    def read(self) -> Chunk | None:
        """Return the next steps that are due; None if none is, or none is left."""
        pages = self.read_pages()
        if pages is None:
            return None
        stamps_ms = np.array(pages.stamps_ms, dtype=np.int64)
        return Chunk(pages.payloads, pages.positions, self._step * STRIDE, stamps_ms)

    def read_pages(self) -> Pages | None:
        """Return the same with the lane of each payload."""
        if self._tray is not None:
            self._take_requests(self._tray)
        last = self._due()
        self._caught_up = last <= self._step
        if self._caught_up:
            return None
        pages = self._tape.read(self._step, last)
        if self._skip:  # opened in the middle of a step
            done = bisect_left(pages.positions, self._step * STRIDE + self._skip)
            pages = Pages(
                pages.payloads[done:],
                pages.positions[done:],
                pages.stamps_ms[done:],
                pages.lanes[done:],
            )
        self._step, self._skip = last, 0
        if self._tray is not None:
            self._tray.tell(self._step, self.ended)
        return pages

    def close(self) -> None:
        """Say that this stream is over."""
        if self._tray is not None:
            self._tray.tell(self._step, True)

    def _due(self) -> int:
        """Return up to which step may be read now."""
        if self.ended:
            return self._step
        settings = self._plan.settings
        last = min(
            self._step + self._chunk_steps, self._tape.block_end(self._step), settings.read_steps
        )
        if settings.speed is not None:
            passed_s = (self._clock() - self._began_s) * settings.speed
            last = min(last, self._began_step + 1 + int(passed_s / settings.interval_s))
        return last

    def _take_requests(self, tray: Tray) -> None:
        """Play the faults that were handed in for this cloud, from the next step on."""
        for request in tray.requests(self._step):
            root = self._plan.fleet.find(request.resource)
            if request.fault == DRIFT:
                self._take_drift(tray, request, root)
                continue
            fault = (
                None
                if root is None
                else inject_now(
                    self._plan, request.fault, root, self._step, request.minutes,
                    request.size_dev, request.id,
                )
            )  # fmt: skip
            if fault is None:
                tray.refuse(request)
            else:
                self._tape.add(fault)
                label = true_fault(self._plan.settings, self._plan.fleet, fault, injected=True)
                tray.confirm(request, label)

    def _take_drift(self, tray: Tray, request: Request, root: int | None) -> None:
        """Move the level of a resource's whole service, from the next step on."""
        settings, fleet = self._plan.settings, self._plan.fleet
        drift = (
            None
            if root is None or not may_drift(fleet, root)
            else drift_now(
                settings, fleet, fleet.nodes[root].vendor.service, self._step, request.id
            )
        )
        if drift is None:
            tray.refuse(request)
        else:
            self._tape.drift(drift)
            tray.confirm_drift(request, true_drift(settings, fleet, drift))
