"""The simulator as a source of the flow: a partition a cloud, straight from memory."""

import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from connectors.simulator.desk import Desk
from connectors.simulator.plan import Plan, inject_now, make_plan
from connectors.simulator.settings import CLOUDS, SimulatorSource
from connectors.simulator.tape import STRIDE, Tape
from connectors.simulator.truth import Truth, read_truth, true_fault, truth_of
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

    def open(self, partition: str, position: int | None) -> "SimulatorReader":
        """Open a cloud's stream at a position; None: at the beginning."""
        if partition not in CLOUDS:
            raise ValueError(f"partition must be one of {', '.join(CLOUDS)}, got {partition!r}")
        return SimulatorReader(self.plan, partition, position or 0, self.desk, self._clock)

    def truth(self) -> Truth:
        """Return the labels, with the faults injected so far."""
        if self.desk is None:
            return truth_of(self.plan)
        return read_truth(self.desk.truth_path)


class SimulatorReader:
    """Implements connectors.origin.Reader."""

    def __init__(
        self, plan: Plan, cloud: str, position: int, desk: Desk | None, clock: Seconds
    ) -> None:
        self._plan = plan
        self._cloud = cloud
        self._tape = Tape(plan, cloud)
        self._step, self._skip = divmod(position, STRIDE)
        self._clock = clock
        self._began_s, self._began_step = clock(), self._step
        self._chunk_steps = max(1, CHUNK_POINTS // max(1, len(self._tape.panel.rows)))
        self._tray = None if desk is None else desk.tray(cloud)
        self._caught_up = False

    @property
    def ended(self) -> bool:
        """True: every step was returned."""
        return self._step >= self._plan.settings.steps

    @property
    def caught_up(self) -> bool:
        """True: the next step's time has not come, or there is none."""
        return self.ended or self._caught_up

    @property
    def step(self) -> int:
        """The next step."""
        return self._step

    def read(self) -> Chunk | None:
        """Return the next steps that are due; None if none is, or none is left."""
        if self._tray is not None:
            self._take_requests()
        last = self._due()
        self._caught_up = last <= self._step
        if self._caught_up:
            return None
        pages = self._tape.read(self._step, last)
        skip = 0
        while skip < len(pages.positions) and (
            pages.positions[skip] < self._step * STRIDE + self._skip
        ):
            skip += 1
        self._step, self._skip = last, 0
        if self._tray is not None:
            self._tray.tell(self._step, self.ended)
        return Chunk(
            pages.payloads[skip:], pages.positions[skip:], last * STRIDE, pages.stamps_ms[skip:]
        )

    def close(self) -> None:
        """Say that this stream is over."""
        if self._tray is not None:
            self._tray.tell(self._step, True)

    def _due(self) -> int:
        """Return up to which step may be read now."""
        if self.ended:
            return self._step
        settings = self._plan.settings
        last = min(self._step + self._chunk_steps, self._tape.block_end(self._step))
        if settings.speed is not None:
            passed_s = (self._clock() - self._began_s) * settings.speed
            last = min(last, self._began_step + 1 + int(passed_s / settings.interval_s))
        return last

    def _take_requests(self) -> None:
        """Play the faults that were handed in for this cloud, from the next step on."""
        tray = self._tray
        if tray is None:
            return
        for request in tray.requests(self._step):
            root = self._plan.fleet.find(request.resource)
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
