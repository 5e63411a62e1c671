"""One cloud's points in the order in which they arrive, as payloads, from any step on."""

from typing import NamedTuple

import numpy as np

from connectors.simulator.effects import Fault, apply
from connectors.simulator.encoders import Encoder
from connectors.simulator.panel import MISSING, Block, Panel
from connectors.simulator.plan import Plan
from schema import stable_id

STRIDE = 1_000_000  # positions a step: position = step * STRIDE + payload's place in the step


class Pages(NamedTuple):
    """Payloads of consecutive steps of arrival."""

    payloads: list[bytes]
    positions: list[int]
    stamps_ms: list[int]  # when each arrived, event time
    lanes: list[int]  # which lane each belongs to


class Tape:
    """Everything that a cloud will ever send. Holds one block of six hours.

    With several lanes a resource keeps to one of them, and so does every payload.
    """

    def __init__(self, plan: Plan, cloud: str, lanes: int = 1) -> None:
        settings = plan.settings
        self._plan = plan
        self.panel = Panel(settings, plan.fleet, plan.benign, plan.fleet.of_cloud(cloud))
        self._encoder = Encoder(
            settings.format_of(cloud), plan.fleet, self.panel.rows, settings.interval_s
        )
        self._faults: list[Fault] = [
            fault for fault in plan.faults if plan.fleet.nodes[fault.root].cloud == cloud
        ]
        self._lanes = lanes
        names = [plan.fleet.nodes[row.node].name for row in self.panel.rows]
        self._lane = np.array([stable_id(name) % lanes for name in names], dtype=np.int64)
        self._number = -1  # of the block that is held
        self.points = 0  # read so far

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
        settings, size, lanes = (
            self._plan.settings,
            self._plan.settings.points_per_payload,
            self._lanes,
        )
        turns = np.arange(first * lanes, last * lanes + 1)
        bounds = np.searchsorted(self._turn, turns)
        start, end = int(bounds[0]), int(bounds[-1])
        ts_ms = settings.start_ms + self._step[start:end] * (settings.interval_s * 1000)
        texts = self._encoder.points(self._row[start:end], ts_ms, self._value[start:end])
        self.points += len(texts)
        pages = Pages([], [], [], [])
        place = 0
        edges = (bounds - start).tolist()
        for turn, low, high in zip(turns[:-1].tolist(), edges[:-1], edges[1:], strict=True):
            step, lane = divmod(turn, lanes)
            place = place if lane else 0
            for at in range(low, high, size):
                pages.payloads.append(self._encoder.payload(texts[at : min(at + size, high)]))
                pages.positions.append(step * STRIDE + place)
                pages.stamps_ms.append(settings.ms(step))
                pages.lanes.append(lane)
                place += 1
        return pages

    def _hold(self, number: int) -> None:
        """Put a block's points into the order of their arrival."""
        if number == self._number:
            return
        block = self.block(number)
        last = block.first + block.values.shape[1] - 1
        place, row = np.nonzero((block.delay != MISSING).T)
        step = place + block.first
        arrival = np.minimum(step + block.delay[row, place], last)  # none crosses the block's end
        turn = arrival * self._lanes + self._lane[row]
        order = np.argsort(turn, kind="stable")
        self._row, self._step, self._turn = row[order], step[order], turn[order]
        self._value = block.values[self._row, self._step - block.first]
        self._number = number
