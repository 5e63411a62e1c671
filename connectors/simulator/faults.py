"""The kinds of fault: where each may strike, and what it does to whom."""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from connectors.simulator.fleet import Fleet
from connectors.simulator.settings import SimulatorSource
from connectors.simulator.vendors import Role


class Strike(msgspec.Struct, frozen=True):
    """One metric of one node under one fault, in steps; `end` is exclusive."""

    node: int
    role: Role
    direction: int  # of the role: +1 more of it, -1 less
    start: int
    end: int
    main: bool = False  # the fault is not one without it
    ramp: bool = False  # grows until the end, as what leaks does; else at once, and stays


class Blackout(msgspec.Struct, frozen=True):
    """A node that sends nothing for a while."""

    node: int
    start: int
    end: int


class Blueprint(msgspec.Struct, frozen=True):
    """A fault before its sizes are drawn."""

    strikes: tuple[Strike, ...]
    blackouts: tuple[Blackout, ...] = ()

    @property
    def nodes(self) -> tuple[int, ...]:
        """Return whom it hits, in the order of the strikes."""
        struck = [strike.node for strike in self.strikes]
        return tuple(dict.fromkeys(struck + [blackout.node for blackout in self.blackouts]))


class Site(msgspec.Struct, frozen=True):
    """Where and when a fault starts."""

    root: int
    start: int
    end: int


def roles_of(fleet: Fleet, node: int) -> set[Role]:
    """Return what a node reports."""
    return {metric.role for metric in fleet.metrics(node)}


def _suffer(
    fleet: Fleet, nodes: Sequence[int], start: int, end: int, wants: Sequence[tuple[Role, int]]
) -> list[Strike]:
    """Return those effects that the nodes report at all."""
    return [
        Strike(node, role, direction, start, end)
        for node in nodes
        for role, direction in wants
        if role in roles_of(fleet, node) and end > start
    ]


def _single(role: Role, ramp: bool = False, slow: bool = False) -> "Builder":
    """Return the builder of a fault of one resource, whose callers hardly feel it."""

    def build(
        fleet: Fleet, site: Site, settings: SimulatorSource, draw: np.random.Generator
    ) -> Blueprint:
        del settings, draw
        main = Strike(site.root, role, 1, site.start, site.end, True, ramp)
        late = site.start + 2 * (site.end - site.start) // 3 if ramp else site.start
        also = _suffer(fleet, (site.root,), late, site.end, (("latency", 1),)) if slow else []
        return Blueprint((main, *also))

    return build


def _latency_regression(
    fleet: Fleet, site: Site, settings: SimulatorSource, draw: np.random.Generator
) -> Blueprint:
    del settings, draw
    main = Strike(site.root, "latency", 1, site.start, site.end, True)
    return Blueprint(
        (
            main,
            *_suffer(fleet, (site.root,), site.start, site.end, (("connections", 1),)),
            *_suffer(fleet, fleet.callers[site.root], site.start, site.end, (("latency", 1),)),
        )
    )


def _error_burst(
    fleet: Fleet, site: Site, settings: SimulatorSource, draw: np.random.Generator
) -> Blueprint:
    del settings, draw
    main = Strike(site.root, "errors", 1, site.start, site.end, True)
    callers = fleet.callers[site.root]
    return Blueprint((main, *_suffer(fleet, callers, site.start, site.end, (("errors", 1),))))


def _packet_loss(
    fleet: Fleet, site: Site, settings: SimulatorSource, draw: np.random.Generator
) -> Blueprint:
    del settings, draw
    main = Strike(site.root, "network", -1, site.start, site.end, True)
    felt: tuple[tuple[Role, int], ...] = (("latency", 1), ("errors", 1))
    own = _suffer(fleet, (site.root,), site.start, site.end, felt)
    return Blueprint(
        (main, *own, *_suffer(fleet, fleet.callers[site.root], site.start, site.end, felt))
    )


def _zone_outage(
    fleet: Fleet, site: Site, settings: SimulatorSource, draw: np.random.Generator
) -> Blueprint:
    del settings
    root = fleet.nodes[site.root]
    hit = [
        i
        for i, node in enumerate(fleet.nodes)
        if (node.cloud, node.region, node.zone) == (root.cloud, root.region, root.zone)
    ]
    others = [i for i in hit if i != site.root]
    silent = {i for i in others if draw.random() < 0.5} or set(others[:1])
    noisy = [i for i in hit if i not in silent]
    wants: tuple[tuple[Role, int], ...] = (
        ("network", -1), ("latency", 1), ("connections", -1), ("cpu", 1),
    )  # fmt: skip
    strikes = _suffer(fleet, noisy, site.start, site.end, wants)
    callers = sorted({c for i in hit for c in fleet.callers[i]} - set(hit))
    strikes += _suffer(fleet, callers, site.start, site.end, (("errors", 1), ("latency", 1)))
    strikes = [msgspec.structs.replace(s, main=s.node == site.root) for s in strikes]
    return Blueprint(
        tuple(strikes), tuple(Blackout(i, site.start, site.end) for i in sorted(silent))
    )


def _cascade(
    fleet: Fleet, site: Site, settings: SimulatorSource, draw: np.random.Generator
) -> Blueprint:
    wants: tuple[tuple[Role, int], ...] = (("cpu", 1), ("latency", 1), ("connections", 1))
    strikes = _suffer(fleet, (site.root,), site.start, site.end, wants)
    strikes = [msgspec.structs.replace(s, main=s.role in ("cpu", "latency")) for s in strikes]
    reached = {site.root: site.start}
    wave = [site.root]
    while wave:
        following: list[int] = []
        for node in wave:
            for caller in fleet.callers[node]:
                if caller not in reached:
                    start = reached[node] + settings.minutes(draw.integers(1, 4))
                    reached[caller] = start
                    following.append(caller)
                    felt: tuple[tuple[Role, int], ...] = (("latency", 1), ("errors", 1))
                    if not roles_of(fleet, caller) & {"latency", "errors"}:
                        felt = (("cpu", 1), ("network", -1))
                    strikes += _suffer(fleet, (caller,), start, site.end, felt)
        wave = following
    return Blueprint(tuple(strikes))


Builder = Callable[[Fleet, Site, SimulatorSource, np.random.Generator], Blueprint]


class FaultKind(msgspec.Struct, frozen=True):
    """A kind of fault and the terms on which it occurs."""

    build: Builder
    needs: frozenset[Role]  # the root must report one of these
    hint: str  # how bad it is for an application: a hint, not a label to be scored on
    minutes: tuple[int, int] = (20, 120)
    data_only: bool = False  # starts at a database that someone calls
    zonal: bool = False


FAULTS: dict[str, FaultKind] = {
    "cpu_hog": FaultKind(_single("cpu", slow=True), frozenset({"cpu"}), "MEDIUM"),
    "memory_leak": FaultKind(
        _single("memory", ramp=True, slow=True), frozenset({"memory"}), "MEDIUM", (45, 120)
    ),
    "latency_regression": FaultKind(_latency_regression, frozenset({"latency"}), "HIGH"),
    "error_burst": FaultKind(_error_burst, frozenset({"errors"}), "HIGH"),
    "disk_filling": FaultKind(
        _single("disk", ramp=True), frozenset({"disk"}), "MEDIUM", (45, 120)
    ),
    "packet_loss": FaultKind(_packet_loss, frozenset({"network"}), "HIGH"),
    "zone_outage": FaultKind(
        _zone_outage, frozenset({"cpu"}), "CRITICAL", (20, 60), zonal=True
    ),
    "cascade": FaultKind(
        _cascade, frozenset({"cpu", "latency"}), "CRITICAL", (25, 90), data_only=True
    ),
}  # fmt: skip


def may_start_at(fleet: Fleet, kind: str, node: int) -> bool:
    """Say whether a fault of this kind can start at this node."""
    terms = FAULTS[kind]
    if terms.data_only and not (fleet.nodes[node].tier == "data" and fleet.callers[node]):
        return False
    if terms.zonal and not fleet.nodes[node].zone:
        return False
    return bool(terms.needs & roles_of(fleet, node))
