"""The whole run's plan: which faults strike when, so that none blurs another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from connectors.simulator.benign import Benign, plan_benign
from connectors.simulator.draws import generator
from connectors.simulator.drifts import FAULT_SLOTS_MIN, Drift, plan_drifts
from connectors.simulator.effects import Baseline, Fault, size_fault
from connectors.simulator.faults import FAULTS, Site, may_start_at
from connectors.simulator.fleet import Fleet, build_fleet
from connectors.simulator.settings import SimulatorSource

SPACING_MIN = 180  # between two faults of one application
CLEAR_MIN = 30  # between a fault and a surge or deploy of the same application; and the run's end
ATTEMPTS = 60


@dataclass(frozen=True)
class Plan:
    """Everything that a simulation will do."""

    settings: SimulatorSource
    fleet: Fleet
    benign: tuple[Benign, ...]
    faults: tuple[Fault, ...]
    baseline: Baseline
    drifts: tuple[Drift, ...] = ()


def make_plan(settings: SimulatorSource) -> Plan:
    """Draw the fleet, the benign events and, beside them, the faults."""
    fleet = build_fleet(settings.resources)
    benign = plan_benign(settings, fleet)
    drifts = plan_drifts(settings, fleet)
    baseline = Baseline(settings, fleet, benign)  # of a metric as it was before any drift
    faults: list[Fault] = []
    if settings.faults:
        for drift in drifts:
            faults += _faults_around(settings, fleet, baseline, benign, faults, drift)
    if settings.faults and settings.faults_per_day > 0:
        room = settings.steps - settings.quiet_steps
        count = max(1, round(settings.faults_per_day * room * settings.interval_s / 86_400))
        kinds = _kinds(settings, count)
        slot = room / count
        for i, kind in enumerate(kinds):
            first = settings.quiet_steps + int(i * slot)
            name, roots = f"F{i + 1:03d}", range(len(fleet.nodes))
            fault = _place(
                settings, fleet, baseline, benign, faults, kind, name, roots, (first, int(slot))
            )
            if fault is not None:
                faults.append(fault)
    faults.sort(key=lambda fault: (fault.start, fault.id))
    return Plan(settings, fleet, benign, tuple(faults), baseline, drifts)


def _faults_around(
    settings: SimulatorSource,
    fleet: Fleet,
    baseline: Baseline,
    benign: tuple[Benign, ...],
    others: list[Fault],
    drift: Drift,
) -> list[Fault]:
    """Place faults at a drift's service before it, in its first hours and after them."""
    found: list[Fault] = []
    kinds = [k for k in sorted(FAULTS) if any(may_start_at(fleet, k, i) for i in drift.nodes)]
    for i, (first_min, until_min) in enumerate(FAULT_SLOTS_MIN):
        first = drift.start + round(first_min * 60 / settings.interval_s)
        slot = (first, round((until_min - first_min) * 60 / settings.interval_s))
        if first < 0 or first >= settings.steps:
            continue
        name, kind = f"{drift.id}F{i + 1:02d}", kinds[i % len(kinds)]
        fault = _place(
            settings, fleet, baseline, benign, [*others, *found], kind, name, drift.nodes, slot
        )
        if fault is not None:
            found.append(fault)
    return found


def _kinds(settings: SimulatorSource, count: int) -> list[str]:
    """Return a kind for each fault: all kinds in turn, each round in another order."""
    draw = generator(settings.seed, "fault-kinds")
    names = sorted(FAULTS)
    kinds: list[str] = []
    while len(kinds) < count:
        kinds += [names[k] for k in draw.permutation(len(names))]
    return kinds[:count]


def _place(
    settings: SimulatorSource,
    fleet: Fleet,
    baseline: Baseline,
    benign: tuple[Benign, ...],
    others: list[Fault],
    kind: str,
    name: str,
    among: Sequence[int],
    slot: tuple[int, int],
) -> Fault | None:
    """Draw root and time within a slot until nothing is in the way; None if nowhere is room."""
    roots = [i for i in among if may_start_at(fleet, kind, i)]
    if not roots:
        return None
    terms = FAULTS[kind]
    last = settings.steps - settings.minutes(CLEAR_MIN)
    for attempt in range(ATTEMPTS):
        draw = generator(settings.seed, f"fault:{name}", attempt)
        root = roots[draw.integers(len(roots))]
        start = slot[0] + int(draw.uniform(0, 1) * slot[1])
        end = start + settings.minutes(draw.integers(terms.minutes[0], terms.minutes[1] + 1))
        if end > last:
            continue
        blueprint = terms.build(fleet, Site(root, start, end), settings, draw)
        if _in_the_way(settings, fleet, benign, others, blueprint.nodes, start, end):
            continue
        effects = size_fault(baseline, settings, fleet, blueprint, name, draw)
        if effects is not None:
            return Fault(name, kind, root, start, end, tuple(effects), blueprint.blackouts)
    return None


def _in_the_way(
    settings: SimulatorSource,
    fleet: Fleet,
    benign: tuple[Benign, ...],
    others: list[Fault],
    nodes: tuple[int, ...],
    start: int,
    end: int,
) -> bool:
    """Say whether another event of the same application (or a gap of its cloud) is too near."""
    applications = {fleet.nodes[i].application for i in nodes}
    spacing, clear = settings.minutes(SPACING_MIN), settings.minutes(CLEAR_MIN)
    for other in others:
        near = other.start - spacing < end and start < other.end + spacing
        if near and applications & {fleet.nodes[i].application for i in other.nodes}:
            return True
    for event in benign:
        if event.kind == "drift" or not (event.start - clear < end and start < event.end + clear):
            continue
        if event.application in applications:
            return True
        if event.kind == "gap" and event.cloud == fleet.nodes[nodes[0]].cloud:
            return True
    return False


def inject_now(
    plan: Plan, kind: str, root: int, start: int, minutes: float, size_dev: float, name: str
) -> Fault | None:
    """Make a fault of a given size that starts at a given step; None if there is no room for it."""
    end = min(start + plan.settings.minutes(minutes), plan.settings.steps)
    if end <= start:
        return None
    draw = generator(plan.settings.seed, f"injected:{name}")
    blueprint = FAULTS[kind].build(plan.fleet, Site(root, start, end), plan.settings, draw)
    size = float(np.clip(size_dev, 0.0, 1e6))
    effects = size_fault(plan.baseline, plan.settings, plan.fleet, blueprint, name, draw, size)
    if effects is None:
        return None
    return Fault(name, kind, root, start, end, tuple(effects), blueprint.blackouts)
