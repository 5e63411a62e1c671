"""One cloud's points in the order in which they arrive, as payloads, from any step on."""

from typing import NamedTuple

import numpy as np

from connectors.simulator.effects import Fault, apply
from connectors.simulator.encoders import Encoder
from connectors.simulator.panel import MISSING, Block, Panel
from connectors.simulator.plan import Plan
from schema import I64

STRIDE = 1_000_000  # positions a step: position = step * STRIDE + payload's place in the step


class Pages(NamedTuple):
    """Payloads of consecutive steps of arrival."""

    payloads: list[bytes]
    positions: list[int]
    stamps_ms: I64  # when each arrived, event time
    points: int


class Tape:
    """Everything that a cloud will ever send. Holds one block of six hours."""

    def __init__(self, plan: Plan, cloud: str) -> None:
        settings = plan.settings
        self._plan = plan
        self.panel = Panel(settings, plan.fleet, plan.benign, plan.fleet.of_cloud(cloud))
        self._encoder = Encoder(
            settings.format_of(cloud), plan.fleet, self.panel.rows, settings.interval_s
        )
        self._faults: list[Fault] = [
            fault for fault in plan.faults if plan.fleet.nodes[fault.root].cloud == cloud
        ]
        self._number = -1  # of the block that is held

    def add(self, fault: Fault) -> None:
        """Play one more fault; it must not start before what was already read."""
        self._faults.append(fault)
        self._number = -1

    def block(self, number: int) -> Block:
        """Return a block as it is sent, with its faults."""
        block = self.panel.block(number)
        apply(self.panel, block, self._faults, self._plan.settings.seed)
        return block

    def block_end(self, step: int) -> int:
        """Return the end (exclusive) of the block in which a step lies."""
        width = self._plan.settings.block_steps
        return min((step // width + 1) * width, self._plan.settings.steps)

    def read(self, first: int, last: int) -> Pages:
        """Return what arrives in the steps [first, last), which lie within one block."""
        self._hold(first // self._plan.settings.block_steps)
        start, end = np.searchsorted(self._arrival, (first, last))
        settings, size = self._plan.settings, self._plan.settings.points_per_payload
        arrival = self._arrival[start:end]
        ts_ms = settings.start_ms + self._step[start:end] * (settings.interval_s * 1000)
        texts = self._encoder.points(self._row[start:end], ts_ms, self._value[start:end])
        payloads: list[bytes] = []
        positions: list[int] = []
        stamps: list[int] = []
        bounds = np.searchsorted(arrival, np.arange(first, last + 1)).tolist()
        for step, low, high in zip(range(first, last), bounds[:-1], bounds[1:], strict=True):
            for place, at in enumerate(range(low, high, size)):
                payloads.append(self._encoder.payload(texts[at : min(at + size, high)]))
                positions.append(step * STRIDE + place)
                stamps.append(settings.ms(step))
        return Pages(payloads, positions, np.array(stamps, dtype=np.int64), len(texts))

    def _hold(self, number: int) -> None:
        """Put a block's points into the order of their arrival."""
        if number == self._number:
            return
        block = self.block(number)
        last = block.first + block.values.shape[1] - 1
        place, row = np.nonzero((block.delay != MISSING).T)
        step = place + block.first
        arrival = np.minimum(step + block.delay[row, place], last)  # none crosses the block's end
        order = np.argsort(arrival, kind="stable")
        self._row, self._step, self._arrival = row[order], step[order], arrival[order]
        self._value = block.values[self._row, self._step - block.first]
        self._number = number
