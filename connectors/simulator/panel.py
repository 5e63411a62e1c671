"""Fault-free values of a set of resources, a block of six hours at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from connectors.simulator import signals
from connectors.simulator.benign import Benign, deploy_of
from connectors.simulator.draws import generator
from connectors.simulator.fleet import Fleet, Node
from connectors.simulator.settings import SimulatorSource
from connectors.simulator.slow import slow_knots, slow_walk
from connectors.simulator.traffic import Traffic
from connectors.simulator.vendors import Metric, Role
from schema import F64

I8 = npt.NDArray[np.int8]
MISSING = -1
MISSING_RATIO = 0.005
LATE_RATIO = 0.01
LATE_MIN = 3  # minutes at most: what the default out_of_order_s of 180 s still takes
PHI: dict[Role, float] = {
    "cpu": 0.6, "memory": 0.7, "disk": 0.5, "disk_io": 0.55, "requests": 0.5, "network": 0.5,
    "connections": 0.65, "latency": 0.5, "errors": 0.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One series: a metric of a node."""

    node: int
    metric: Metric


@dataclass(slots=True)
class Block:
    """Values on the wire of a panel's rows over consecutive steps."""

    first: int  # step
    values: F64  # (rows, steps)
    delay: I8  # (rows, steps): steps by which a point comes late; MISSING: it never comes


class Panel:
    """Computes blocks for some nodes; a row's values do not depend on which others are in it."""

    def __init__(
        self,
        settings: SimulatorSource,
        fleet: Fleet,
        events: Sequence[Benign],
        nodes: Sequence[int],
    ) -> None:
        self._settings = settings
        self._fleet = fleet
        self.nodes = tuple(nodes)
        self.rows = tuple(Row(i, metric) for i in nodes for metric in fleet.metrics(i))
        self._names = [
            f"{fleet.nodes[row.node].name}|{row.metric.name}|{row.metric.labels}"
            for row in self.rows
        ]
        applications = sorted({fleet.nodes[i].application for i in nodes})
        self._traffic = [
            Traffic(
                settings,
                fleet.applications[a],
                [event for event in events if event.application == a],
            )
            for a in applications
        ]
        self._gaps = [event for event in events if event.kind == "gap"]
        self._application_of = np.array(
            [applications.index(fleet.nodes[i].application) for i in nodes], dtype=np.intp
        )
        self._deploys = [
            [deploy_of(e, i, settings) for e in events if e.kind == "deploy" and i in e.nodes]
            for i in nodes
        ]
        self._draw_habits()

    def _draw_habits(self) -> None:
        """Draw what stays the same all run long: of each node, then of each row."""
        seed = self._settings.seed
        places = {node: place for place, node in enumerate(self.nodes)}
        self._place = np.array([places[row.node] for row in self.rows], dtype=np.intp)
        habits = np.zeros((len(self.nodes), 4))
        for place, i in enumerate(self.nodes):
            node = self._fleet.nodes[i]
            draw = generator(seed, f"node:{node.name}")
            # hour of cleanup, start and length of the nightly job, its weight
            habits[place, 0] = draw.uniform(1, 5) * 3600
            habits[place, 1] = draw.uniform(0, 4) * 3600
            habits[place, 2] = draw.uniform(25, 60) * 60
            habits[place, 3] = draw.uniform(0.6, 1.0) * _runs_nightly(node)
        self._habits = habits
        count = len(self.rows)
        self._base = np.empty((count, 1))
        self._spread = np.empty((count, 1))
        self._knots = [slow_knots(self._settings, name) for name in self._names]
        for r, row in enumerate(self.rows):
            draw = generator(seed, self._names[r])
            self._base[r] = draw.uniform(*row.metric.base)
            self._spread[r] = draw.uniform()
        self._of_role: dict[Role, npt.NDArray[np.intp]] = {
            role: np.array([r for r, row in enumerate(self.rows) if row.metric.role == role])
            for role in sorted({row.metric.role for row in self.rows})
        }
        self._wire = np.array(
            [
                (m.scale, m.offset, m.lower, m.upper, 10.0**m.decimals)
                for m in (row.metric for row in self.rows)
            ]
        ).reshape(count, 5)

    def to_wire(self, values: F64, rows: slice | int) -> F64:
        """Clip values to the natural limits and round them as the vendor does."""
        _, _, lower, upper, unit = (self._wire[rows, k : k + 1] for k in range(5))
        rounded: F64 = np.rint(np.clip(values, lower, upper) * unit) / unit
        return rounded

    def block(self, block: int) -> Block:
        """Compute one block, cut at the end of the run."""
        settings = self._settings
        width = settings.block_steps
        first = block * width
        steps = first + np.arange(width)
        time_s: F64 = settings.start_ms / 1000.0 + steps.astype(np.float64) * settings.interval_s
        load, level = self._load(block, steps)
        batch = self._habits[:, 3:4] * signals.nightly(
            time_s, self._habits[:, 1:2], self._habits[:, 2:3]
        )
        slow = slow_walk(settings, steps, *self._knots)
        native = np.empty((len(self.rows), width))
        chance = np.empty((len(self.rows), width))
        noise = np.empty((len(self.rows), signals.LEAD + width))
        for r, row in enumerate(self.rows):
            draw = generator(settings.seed, self._names[r], 1 + block)
            draw.standard_normal(out=noise[r])
            draw.random(out=chance[r])
            if row.metric.role == "errors":
                native[r] = draw.poisson(self._base[r] * load[self._place[r]])
        for role, index in self._of_role.items():
            if role == "errors":
                continue
            place = self._place[index]
            native[index] = self._behave(
                role,
                index,
                time_s,
                load[place],
                level[place],
                batch[place],
                noise[index],
                slow[index],
            )
        delay = self._delays(chance)
        for gap in self._gaps:
            if gap.end > first and gap.start < first + width:
                hit = [self._fleet.nodes[row.node].cloud == gap.cloud for row in self.rows]
                delay[np.array(hit), max(0, gap.start - first) : gap.end - first] = MISSING
        scale, offset = self._wire[:, 0:1], self._wire[:, 1:2]
        keep = min(width, settings.steps - first)
        values = self.to_wire(offset + scale * native[:, :keep], slice(None))
        return Block(first, values, delay[:, :keep])

    def _behave(
        self,
        role: Role,
        index: npt.NDArray[np.intp],
        time_s: F64,
        load: F64,
        level: F64,
        batch: F64,
        innovations: F64,
        slow: F64,
    ) -> F64:
        """Compute the rows of one role, in its own unit."""
        base, spread = self._base[index], self._spread[index]
        noise = signals.autoregress(innovations, PHI[role])
        match role:
            case "cpu":
                gain = base * (1.0 + 0.06 * level)
                found = signals.cpu(load + 0.8 * batch, gain, 3.0 + 5.0 * spread, slow, noise)
            case "memory":
                swing = 1.2 + 1.3 * spread
                found = signals.memory(load, base + 0.5 * level, swing, slow, noise)
            case "disk":
                cleanup_s = self._habits[self._place[index], 0:1]
                found = signals.disk(time_s, base, 3.0 + 4.0 * spread, cleanup_s, slow, noise)
            case "disk_io":
                found = signals.disk_io(load, base, batch, noise)
            case "latency":
                found = signals.latency(load, base * (1.0 + 0.05 * level), slow, noise)
            case "connections":
                found = signals.connections(load, base, slow, noise)
            case _:
                spread_ratio = 0.02 if role == "requests" else 0.06
                found = signals.volume(load, base, noise, spread_ratio)
        return found

    def _load(self, block: int, steps: npt.NDArray[np.int64]) -> tuple[F64, F64]:
        """Return each node's load and its level after deploys: (nodes, steps) both."""
        traffic = np.stack([one.block(block) for one in self._traffic])
        share = np.empty((len(self.nodes), signals.LEAD + len(steps)))
        for place, i in enumerate(self.nodes):
            name = f"node:{self._fleet.nodes[i].name}"
            generator(self._settings.seed, name, 1 + block).standard_normal(out=share[place])
        load = traffic[self._application_of] * (1.0 + 0.04 * signals.autoregress(share, 0.6))
        level = np.zeros_like(load)
        for place, deploys in enumerate(self._deploys):
            for start, end, change in deploys:
                load[place, (steps >= start) & (steps < end)] *= 0.3
                level[place] += change * (steps >= start)
        return np.maximum(load, 0.02), level

    def _delays(self, chance: F64) -> I8:
        """Return which points are missing and which come some minutes late."""
        delay = np.zeros(chance.shape, dtype=np.int8)
        delay[chance < MISSING_RATIO] = MISSING
        late = np.nonzero(chance > 1.0 - LATE_RATIO)
        minutes = 1 + ((chance[late] - (1.0 - LATE_RATIO)) / LATE_RATIO * LATE_MIN).astype(int)
        interval_s = self._settings.interval_s
        behind = -(-minutes * 60 // interval_s)
        delay[late] = np.where(behind * interval_s <= LATE_MIN * 60, behind, 0)
        return delay


def _runs_nightly(node: Node) -> bool:
    """Say whether the node has a nightly job (backup, report): databases and first instances."""
    return node.part == "db" or node.part.endswith("-1")
