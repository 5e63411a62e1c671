"""How large a fault is, measured on the metric that it hits, and how it changes the values."""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from connectors.simulator.benign import Benign
from connectors.simulator.draws import generator
from connectors.simulator.faults import Blackout, Blueprint, Strike
from connectors.simulator.fleet import Fleet
from connectors.simulator.panel import MISSING, Block, Panel, Row
from connectors.simulator.settings import SimulatorSource
from connectors.simulator.vendors import Metric
from schema import F64

MAD_TO_DEVIATION = 1.4826  # of a normal distribution
LEAST_DEV, MOST_DEV = 2.0, 6.0
DRAWN_DEV = (2.3, 5.8)  # within the limits, so that rounding and missing points stay inside
BATCH_NODES = 16  # neighbours that are measured together; their whole run is held for it


class Effect(msgspec.Struct, frozen=True):
    """A strike with its size. `amplitude` is on the wire, signed; the peak of its shape."""

    strike: Strike
    metric: Metric
    amplitude: float
    size_dev: float  # measured peak over the written points, in deviations
    deviation: float
    shape_name: str  # names the generator of its shape


class Fault(msgspec.Struct, frozen=True):
    """A fault as it is played."""

    id: str
    kind: str
    root: int
    start: int
    end: int
    effects: tuple[Effect, ...]
    blackouts: tuple[Blackout, ...]

    @property
    def nodes(self) -> tuple[int, ...]:
        """Return whom it hits, root first."""
        hit = {e.strike.node for e in self.effects} | {b.node for b in self.blackouts}
        return (self.root, *sorted(hit - {self.root}))


class Baseline:
    """Fault-free values of the whole run: the deviation of a metric, and windows of it.

    Memory: a float a row ever asked for; while computing, the run of `BATCH_NODES` nodes.
    """

    def __init__(self, settings: SimulatorSource, fleet: Fleet, events: Sequence[Benign]) -> None:
        self._settings = settings
        self._fleet = fleet
        self._events = events
        self._deviations: dict[int, tuple[float, ...]] = {}

    def deviations(self, nodes: Sequence[int]) -> dict[int, tuple[float, ...]]:
        """Return 1.4826 * MAD of each metric of each node."""
        for i in nodes:
            if i not in self._deviations:
                first = i - i % BATCH_NODES
                self._measure(range(first, min(first + BATCH_NODES, len(self._fleet.nodes))))
        return {i: self._deviations[i] for i in nodes}

    def _measure(self, nodes: Sequence[int]) -> None:
        panel = Panel(self._settings, self._fleet, self._events, nodes)
        blocks = [panel.block(b) for b in range(self._settings.blocks)]
        values = np.concatenate([block.values for block in blocks], axis=1)
        there = np.concatenate([block.delay for block in blocks], axis=1) != MISSING
        found: dict[int, list[float]] = {i: [] for i in nodes}
        for r, row in enumerate(panel.rows):
            written = values[r, there[r]]
            spread = np.abs(written - np.median(written)) if len(written) else np.zeros(1)
            found[row.node].append(float(MAD_TO_DEVIATION * np.median(spread)))
        self._deviations |= {i: tuple(row) for i, row in found.items()}

    def window(self, nodes: Sequence[int], start: int, end: int) -> tuple[Panel, Block]:
        """Return the fault-free values of some nodes over [start, end)."""
        panel = Panel(self._settings, self._fleet, self._events, nodes)
        width = self._settings.block_steps
        blocks = [panel.block(b) for b in range(start // width, -(-end // width))]
        cut = slice(start - blocks[0].first, end - blocks[0].first)
        return panel, Block(
            start,
            np.concatenate([block.values for block in blocks], axis=1)[:, cut],
            np.concatenate([block.delay for block in blocks], axis=1)[:, cut],
        )


def shape_of(strike: Strike, seed: int, name: str) -> F64:
    """Return the course of a strike over its steps, in [0, 1], 1 somewhere."""
    length = strike.end - strike.start
    steps = np.arange(length, dtype=np.float64)
    draw = generator(seed, f"shape:{name}")
    if strike.ramp:
        course: F64 = (steps + 1.0) / length
        return course
    rise = float(draw.integers(1, 4))
    course = np.minimum(1.0, (steps + 1.0) / rise) * draw.uniform(0.85, 1.0, length)
    course[min(length - 1, int(rise))] = 1.0
    return course


def change(panel: Panel, block: Block, row: int, effect: Effect, seed: int) -> None:
    """Add an effect to the row of a block, in place, where the two overlap."""
    strike = effect.strike
    width = block.values.shape[1]
    start, end = max(strike.start, block.first), min(strike.end, block.first + width)
    if start >= end:
        return
    course = shape_of(strike, seed, effect.shape_name)[start - strike.start : end - strike.start]
    at = slice(start - block.first, end - block.first)
    moved = block.values[row : row + 1, at] + effect.amplitude * course
    block.values[row, at] = panel.to_wire(moved, slice(row, row + 1))[0]


def apply(panel: Panel, block: Block, faults: Iterable[Fault], seed: int) -> None:
    """Put faults into a block, in place."""
    rows = {row: r for r, row in enumerate(panel.rows)}
    last = block.first + block.values.shape[1]
    for fault in faults:
        if fault.end <= block.first or fault.start >= last:
            continue
        for effect in fault.effects:
            row = rows.get(Row(effect.strike.node, effect.metric))
            if row is not None:
                change(panel, block, row, effect, seed)
        for blackout in fault.blackouts:
            hit = [r for r, row in enumerate(panel.rows) if row.node == blackout.node]
            at = slice(max(0, blackout.start - block.first), max(0, blackout.end - block.first))
            block.delay[hit, at] = MISSING


def size_fault(
    baseline: Baseline,
    settings: SimulatorSource,
    fleet: Fleet,
    blueprint: Blueprint,
    name: str,
    draw: np.random.Generator,
    size_dev: float | None = None,
) -> list[Effect] | None:
    """Draw the sizes of a blueprint's strikes; None if one that is the fault itself cannot be.

    An effect whose natural limit leaves no room for two deviations (network at night cannot
    fall by more than there is) does not happen.
    """
    nodes = tuple(dict.fromkeys(strike.node for strike in blueprint.strikes))
    start = min(strike.start for strike in blueprint.strikes)
    end = max(strike.end for strike in blueprint.strikes)
    panel, block = baseline.window(nodes, start, end)
    deviations = baseline.deviations(nodes)
    found: list[Effect] = []
    happened: set[int] = set()
    for s, strike in enumerate(blueprint.strikes):
        first = next(r for r, row in enumerate(panel.rows) if row.node == strike.node)
        for m, metric in enumerate(fleet.metrics(strike.node)):
            wanted = float(draw.uniform(*DRAWN_DEV)) if size_dev is None else size_dev
            if metric.role != strike.role:
                continue
            deviation = deviations[strike.node][m]
            direction = strike.direction * metric.bad
            effect = Effect(
                strike,
                metric,
                direction * wanted * deviation,
                0.0,
                deviation,
                f"{name}:{s}:{m}",
            )
            size = _measured(panel, block, first + m, effect, settings.seed)
            if LEAST_DEV <= size <= MOST_DEV:
                found.append(msgspec.structs.replace(effect, size_dev=round(size, 4)))
                happened.add(s)
    mains = {s for s, strike in enumerate(blueprint.strikes) if strike.main}
    return found if happened & mains else None


def _measured(panel: Panel, block: Block, row: int, effect: Effect, seed: int) -> float:
    """Return the largest change among the points that are written, in deviations."""
    if effect.deviation <= 0:
        return 0.0
    before = block.values[row].copy()
    change(panel, block, row, effect, seed)
    moved = np.abs(block.values[row] - before)[block.delay[row] != MISSING]
    block.values[row] = before
    return float(moved.max(initial=0.0)) / effect.deviation
