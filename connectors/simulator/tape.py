"""One cloud's points in the order in which they arrive, as payloads, from any step on."""

from typing import NamedTuple

import numpy as np

from connectors.simulator.drifts import Drift, move_levels
from connectors.simulator.effects import Fault, apply
from connectors.simulator.encoders import Encoder
from connectors.simulator.panel import LATE_MIN, MISSING, Block, Panel
from connectors.simulator.plan import Plan
from schema import F64, I64, stable_id

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
        self._drifts: list[Drift] = list(plan.drifts)
        self._lanes = lanes
        names = [plan.fleet.nodes[row.node].name for row in self.panel.rows]
        self._lane = np.array([stable_id(name) % lanes for name in names], dtype=np.int64)
        self._reach = LATE_MIN * 60 // settings.interval_s  # steps by which a point may be late
        self._number = -1  # of the block that is held
        self.points = 0  # read so far

    def add(self, fault: Fault) -> None:
        """Play one more fault; it must not start before what was already read."""
        self._faults.append(fault)
        self._number = -1

    def drift(self, drift: Drift) -> None:
        """Play one more drift; the same holds."""
        self._drifts.append(drift)
        self._number = -1

    def block(self, number: int) -> Block:
        """Return a block as it is sent, with its drifts and faults."""
        block = self.panel.block(number)
        move_levels(self.panel, block, self._drifts)
        apply(self.panel, block, self._faults, self._plan.settings.seed)
        return block

    def block_end(self, step: int) -> int:
        """Return the end (exclusive) of the block in which a step lies."""
        width = self._plan.settings.block_steps
        return min((step // width + 1) * width, self._plan.settings.steps)

    def read(self, first: int, last: int) -> Pages:
        """Return what arrives in the steps [first, last), which lie within one block."""
        settings, lanes = self._plan.settings, self._lanes
        size = settings.points_per_payload
        row, step, value, turn = self._arriving(first, last)
        turns = range(first * lanes, last * lanes)
        bounds = np.searchsorted(turn, [*turns, turns.stop]).tolist()
        ts_ms = settings.start_ms + step * (settings.interval_s * 1000)
        texts = self._encoder.points(row, ts_ms, value)
        self.points += len(texts)
        pages = Pages([], [], [], [])
        place = 0
        for at_turn, low, high in zip(turns, bounds[:-1], bounds[1:], strict=True):
            arrival, lane = divmod(at_turn, lanes)
            place = place if lane else 0
            for at in range(low, high, size):
                pages.payloads.append(self._encoder.payload(texts[at : min(at + size, high)]))
                pages.positions.append(arrival * STRIDE + place)
                pages.stamps_ms.append(settings.ms(arrival))
                pages.lanes.append(lane)
                place += 1
        return pages

    def _arriving(self, first: int, last: int) -> tuple[I64, I64, F64, I64]:
        """Return row, step, value and turn of the points that arrive in [first, last), in order.

        A point's turn is its step of arrival, and within that its lane.
        """
        number = first // self._plan.settings.block_steps
        if number != self._number:
            self._block = self.block(number)
            self._number = number
        block = self._block
        final = block.first + block.values.shape[1] - 1  # no point crosses the block's end
        begin = max(block.first, first - self._reach)
        delay = block.delay[:, begin - block.first : last - block.first]
        place, row = np.nonzero((delay != MISSING).T)
        arrival = np.minimum(begin + place + delay[row, place], final)
        now = np.flatnonzero((arrival >= first) & (arrival < last))
        turn = arrival[now] * self._lanes + self._lane[row[now]]
        order = np.argsort(turn, kind="stable")
        row, step = row[now][order], begin + place[now][order]
        return row, step, block.values[row, step - block.first], turn[order]
