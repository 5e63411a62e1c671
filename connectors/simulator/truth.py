"""What really happened: the labels that a simulation writes beside its data."""

import tempfile
from pathlib import Path

import msgspec

from connectors.simulator.benign import Benign
from connectors.simulator.drifts import Drift
from connectors.simulator.effects import Effect, Fault
from connectors.simulator.faults import FAULTS
from connectors.simulator.fleet import Fleet, Node
from connectors.simulator.plan import Plan
from connectors.simulator.settings import SimulatorSource
from connectors.simulator.vendors import Metric

VERSION = 1


class TrueEffect(msgspec.Struct, frozen=True, omit_defaults=True):
    """A metric that a fault changed: peak size in robust deviations of the fault-free metric."""

    resource: str
    metric: str  # as in the payloads: the vendor's name
    size_dev: float
    deviation: float  # 1.4826 * MAD, in the vendor's unit
    start_ms: int
    end_ms: int
    direction: int  # +1: up, -1: down
    labels: dict[str, str] = {}


class TrueFault(msgspec.Struct, frozen=True):
    """One fault. Half-open in time: the first point at or after `end_ms` is clean."""

    id: str
    kind: str
    start_ms: int
    end_ms: int
    resources: tuple[str, ...]  # root first
    root: str
    cloud: str
    service: str
    account: str
    region: str
    severity_hint: str
    effects: tuple[TrueEffect, ...]
    silent: tuple[str, ...] = ()  # resources that sent nothing
    injected: bool = False


class TrueBenign(msgspec.Struct, frozen=True):
    """One benign event: never a fault, whatever it looks like."""

    id: str
    kind: str
    start_ms: int
    end_ms: int
    resources: tuple[str, ...]
    cloud: str
    application: str
    strength: float


class TrueChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """A metric whose level a drift moved."""

    resource: str
    metric: str  # as in the payloads: the vendor's name
    ratio: float  # new level over old one; of a metric that counts what is free: of what is used
    labels: dict[str, str] = {}


class TrueDrift(msgspec.Struct, frozen=True):
    """One service's new normal, which stays: a drift event is right, a page is not."""

    id: str
    start_ms: int
    end_ms: int  # of the run
    resources: tuple[str, ...]
    cloud: str
    service: str
    changes: tuple[TrueChange, ...]
    kind: str = "drift"


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """The file `truth.json`."""

    version: int = VERSION
    seed: int
    start_ms: int
    end_ms: int
    interval_s: int
    quiet_until_ms: int  # no fault of the plan starts before
    faults: tuple[TrueFault, ...]
    benign: tuple[TrueBenign, ...]
    drifts: tuple[TrueDrift, ...] = ()


def true_fault(
    settings: SimulatorSource, fleet: Fleet, fault: Fault, injected: bool = False
) -> TrueFault:
    """Return the label of a fault."""
    root = fleet.nodes[fault.root]
    return TrueFault(
        id=fault.id,
        kind=fault.kind,
        start_ms=settings.ms(fault.start),
        end_ms=settings.ms(fault.end),
        resources=tuple(fleet.nodes[i].name for i in fault.nodes),
        root=root.name,
        cloud=root.cloud,
        service=root.vendor.service,
        account=root.account,
        region=root.region,
        severity_hint=FAULTS[fault.kind].hint,
        effects=tuple(_true_effect(settings, fleet, effect) for effect in fault.effects),
        silent=tuple(fleet.nodes[b.node].name for b in fault.blackouts),
        injected=injected,
    )


def _true_effect(settings: SimulatorSource, fleet: Fleet, effect: Effect) -> TrueEffect:
    node = fleet.nodes[effect.strike.node]
    metric, labels = _on_wire(settings, node, effect.metric)
    return TrueEffect(
        resource=node.name,
        metric=metric,
        size_dev=effect.size_dev,
        deviation=effect.deviation,
        start_ms=settings.ms(effect.strike.start),
        end_ms=settings.ms(effect.strike.end),
        direction=1 if effect.amplitude > 0 else -1,
        labels=labels,
    )


def _on_wire(settings: SimulatorSource, node: Node, metric: Metric) -> tuple[str, dict[str, str]]:
    """Return a metric's name and labels in the payloads."""
    if metric.plain and settings.format_of(node.cloud) == "foreshock-json":
        return metric.plain, {}
    return metric.name, dict(metric.labels)


def true_drift(settings: SimulatorSource, fleet: Fleet, drift: Drift) -> TrueDrift:
    """Return the label of a drift."""
    nodes = [fleet.nodes[i] for i in drift.nodes]
    changes = []
    for change in drift.changes:
        node = fleet.nodes[change.node]
        metric, labels = _on_wire(settings, node, change.metric)
        changes.append(TrueChange(node.name, metric, round(change.ratio, 4), labels))
    return TrueDrift(
        id=drift.id,
        start_ms=settings.ms(drift.start),
        end_ms=settings.ms(settings.steps),
        resources=tuple(node.name for node in nodes),
        cloud=nodes[0].cloud,
        service=drift.service,
        changes=tuple(changes),
    )


def _true_benign(settings: SimulatorSource, fleet: Fleet, event: Benign) -> TrueBenign:
    nodes = event.nodes or fleet.of_cloud(event.cloud)
    return TrueBenign(
        id=event.id,
        kind=event.kind,
        start_ms=settings.ms(event.start),
        end_ms=settings.ms(event.end),
        resources=tuple(fleet.nodes[i].name for i in nodes),
        cloud=event.cloud,
        application="" if event.application < 0 else fleet.applications[event.application],
        strength=round(event.strength, 4),
    )


def truth_of(plan: Plan) -> Truth:
    """Return the labels of a plan."""
    settings, fleet = plan.settings, plan.fleet
    return Truth(
        seed=settings.seed,
        start_ms=settings.start_ms,
        end_ms=settings.ms(settings.steps),
        interval_s=settings.interval_s,
        quiet_until_ms=settings.ms(settings.quiet_steps),
        faults=tuple(true_fault(settings, fleet, fault) for fault in plan.faults),
        benign=tuple(_true_benign(settings, fleet, event) for event in plan.benign),
        drifts=tuple(true_drift(settings, fleet, drift) for drift in plan.drifts),
    )


def replace_file(path: Path, body: bytes) -> None:
    """Replace a file at once, so that no reader sees half of it."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False, suffix=".tmp") as file:
        file.write(body)
    Path(file.name).replace(path)


def write_truth(path: Path, truth: Truth) -> None:
    """Write the labels, readable by people."""
    replace_file(path, msgspec.json.format(msgspec.json.encode(truth), indent=1) + b"\n")


def read_truth(path: Path) -> Truth:
    """Read a truth file. Raises: ValueError naming the file and what is wrong."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Truth)
    except (OSError, msgspec.DecodeError) as ex:
        raise ValueError(f"{path}: {ex}") from ex
