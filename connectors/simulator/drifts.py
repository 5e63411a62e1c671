"""Releases after which a whole service has another normal, for good: not a fault."""

from collections.abc import Sequence

import msgspec
import numpy as np

from connectors.simulator.draws import generator
from connectors.simulator.fleet import Fleet
from connectors.simulator.panel import Block, Panel, Row
from connectors.simulator.settings import SimulatorSource
from connectors.simulator.vendors import Metric, Role

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
KIND = "drift"  # what `foreshock inject` calls one
LEAST_NODES = 5  # of the service, where any has so many
# New level over old one, of what a release may move; a service must report two of these.
RATIOS: dict[Role, tuple[float, float]] = {
    "cpu": (1.28, 1.45),
    "latency": (1.3, 1.6),
    "memory": (1.08, 1.14),
    "disk_io": (1.3, 1.5),
    "connections": (1.2, 1.4),
}
SCATTER = 0.15  # of the change, from resource to resource
ROLLOUT_MIN = 4  # minutes in which the resources take up the release, one after the other
HOURS = (9.0, 15.0)  # UTC, in which releases happen, on a working day
PLACE = (0.3, 0.5)  # of a drift in its share of the time with faults
# Faults at the drifted service, minutes from the drift's start: [first, until) in which one starts.
FAULT_SLOTS_MIN = (
    (-2880, -2160), (-2160, -1440), (-1440, -720), (-720, -300),
    (12, 55), (150, 330), (480, 720), (900, 1320),
    (1560, 2160), (2280, 2880), (3000, 3600), (3720, 4320),
)  # fmt: skip


class Change(msgspec.Struct, frozen=True):
    """One metric of one node: new level over old one, from a step on."""

    node: int
    metric: Metric
    ratio: float
    start: int


class Drift(msgspec.Struct, frozen=True):
    """One service's new normal, from a step to the end of the run."""

    id: str
    service: str  # our name
    start: int
    nodes: tuple[int, ...]
    changes: tuple[Change, ...]


def plan_drifts(settings: SimulatorSource, fleet: Fleet) -> tuple[Drift, ...]:
    """Draw when which services drift; each one once at most, and large ones first."""
    found: list[Drift] = []
    draw = generator(settings.seed, "drifts")
    services = _services(fleet, draw)[: settings.drifts]
    for i, service in enumerate(services):
        share = (settings.steps - settings.quiet_steps) / len(services)
        drawn = settings.quiet_steps + int((i + draw.uniform(*PLACE)) * share)
        start = _at_work(settings, drawn, draw.uniform(*HOURS))
        nodes = tuple(n for n, node in enumerate(fleet.nodes) if node.vendor.service == service)
        changes = _changes(settings, fleet, nodes, start, draw)
        found.append(Drift(f"D{i + 1:03d}", service, start, nodes, changes))
    return tuple(found)


def drift_now(
    settings: SimulatorSource, fleet: Fleet, service: str, start: int, name: str
) -> Drift | None:
    """Make a drift that begins at a given step; None if that is the end of the run."""
    if start >= settings.steps:
        return None
    nodes = tuple(n for n, node in enumerate(fleet.nodes) if node.vendor.service == service)
    draw = generator(settings.seed, f"injected:{name}")
    return Drift(name, service, start, nodes, _changes(settings, fleet, nodes, start, draw))


def may_drift(fleet: Fleet, node: int) -> bool:
    """Tell whether a node reports enough for its service to have another normal."""
    return len({metric.role for metric in fleet.metrics(node)} & RATIOS.keys()) > 1


def _at_work(settings: SimulatorSource, step: int, hour: float) -> int:
    """Return a step at that hour of a working day, the next one, or where the run is too short."""
    start_ms = settings.ms(step)
    day = -(-(start_ms - round(hour * HOUR_MS)) // DAY_MS)
    while (day + 3) % 7 >= 5:  # 1970-01-01 was a Thursday
        day += 1
    found = settings.step_of(day * DAY_MS + round(hour * HOUR_MS))
    return found if found < settings.steps else step


def _services(fleet: Fleet, draw: np.random.Generator) -> list[str]:
    """Return who can drift: at random those of enough nodes, then the others by size."""
    sizes: dict[str, int] = {}
    for i, node in enumerate(fleet.nodes):
        if may_drift(fleet, i):
            sizes[node.vendor.service] = sizes.get(node.vendor.service, 0) + 1
    names = sorted(sizes)
    drawn = {names[place]: rank for rank, place in enumerate(draw.permutation(len(names)))}
    return sorted(names, key=lambda name: (-min(sizes[name], LEAST_NODES), drawn[name]))


def _changes(
    settings: SimulatorSource,
    fleet: Fleet,
    nodes: Sequence[int],
    start: int,
    draw: np.random.Generator,
) -> tuple[Change, ...]:
    ratios = {role: float(draw.uniform(*bounds)) for role, bounds in RATIOS.items()}
    found: list[Change] = []
    for node in nodes:
        at = start + int(draw.integers(settings.minutes(ROLLOUT_MIN)))
        for metric in fleet.metrics(node):
            if metric.role in ratios:
                scatter = 1.0 + SCATTER * float(draw.uniform(-1, 1))
                found.append(Change(node, metric, 1 + (ratios[metric.role] - 1) * scatter, at))
    return tuple(found)


def move_levels(panel: Panel, block: Block, drifts: Sequence[Drift]) -> None:
    """Put drifts into a block, in place, before its faults."""
    rows = {row: r for r, row in enumerate(panel.rows)}
    for drift in drifts:
        for change in drift.changes:
            row = rows.get(Row(change.node, change.metric))
            at = max(0, change.start - block.first)
            if row is None or at >= block.values.shape[1]:
                continue
            offset = change.metric.offset
            moved = offset + (block.values[row : row + 1, at:] - offset) * change.ratio
            block.values[row, at:] = panel.to_wire(moved, slice(row, row + 1))[0]
