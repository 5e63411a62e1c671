"""Do the alerts of a fault become one incident, and does it know where it began?

Each story is drawn from its seed: an estate, its partial map, one fault or two, and alerts of
nothing besides. What triage makes of it is compared with the truth.
"""

import time
from collections import Counter
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from random import Random

import msgspec

from operators.triage import Triage, TriageSettings, TriageState
from schema import Anomaly, Closed, Edge, Incident, Seen, Severity, Transition
from tests.storms.estate import draw_estate
from tests.storms.faults import (
    END_MINUTE,
    MINUTE_MS,
    START_MS,
    Alert,
    Storm,
    cascade,
    edges_of,
    noise,
    zone_outage,
)

SETTINGS = TriageSettings()


@dataclass(frozen=True)
class Score:
    """How one storm went."""

    faults: int
    incidents: int  # that hold an alert of a fault
    f1: float  # of pairs of alerts that belong together
    ranks: tuple[int | None, ...]  # a fault's origin among the suspects, from 1; None: not there
    critical: bool  # an incident was, at its worst
    settled_in: int  # ticks from the first alert of a fault to the last new incident of one
    tick_ms: tuple[float, ...]  # that triage took, of the processor's time


def cascades(seed: int) -> Storm:
    """Return a cascade through six components."""
    return _faults(seed, (6,))


def two_faults(seed: int) -> Storm:
    """Return two unrelated faults of one minute, in different parts of the estate."""
    rng = Random(f"lengths {seed}")
    return _faults(seed, (rng.randint(2, 4), rng.randint(2, 4)))


def _faults(seed: int, lengths: tuple[int, ...]) -> Storm:
    rng = Random(f"cascade {seed}")
    estate = draw_estate(rng, rng.randint(5, 8), rng.randint(18, 26), 4, 60)
    alerts: list[Alert] = []
    origins: dict[str, set[str]] = {}
    while len(origins) < len(lengths):
        avoid = {alert.name for alert in alerts}
        fault = f"fault-{len(origins)}"
        found = cascade(rng, estate, fault, lengths[len(origins)], avoid)
        if found is not None:
            alerts += found.alerts
            origins |= found.origins
    alerts += noise(rng, estate, rng.randint(1, 4), {alert.name for alert in alerts})
    return Storm(estate, alerts, origins)


def outages(seed: int, resources: int = 5_000) -> Storm:
    """Return the loss of a zone with about so many resources."""
    rng = Random(f"outage {seed}")
    components = resources * 3 // (8 * 50)
    estate = draw_estate(rng, 8, components, 100, resources // 12)
    found = zone_outage(rng, estate, "outage")
    taken = {alert.name for alert in found.alerts}
    return Storm(estate, found.alerts + noise(rng, estate, 5, taken), found.origins)


STORIES: dict[str, Callable[[int], Storm]] = {
    "zone outage": outages,
    "two faults": two_faults,
    "cascade": cascades,
}


def run(storm: Storm, settings: TriageSettings = SETTINGS, groups: int = 2) -> Score:
    """Feed a storm through triage; return how it went."""
    said, state, took = told(storm, settings, groups)
    return _score(storm, said, state, took)


def told(
    storm: Storm,
    settings: TriageSettings = SETTINGS,
    groups: int = 2,
    stops: Container[int] = (),
) -> tuple[list[Transition], TriageState, tuple[float, ...]]:
    """Return what triage says of a storm, what it holds then, and the ms that each tick took.

    `stops` are minutes before which it goes on from its snapshot.
    """
    triage = Triage(settings, groups, topology=storm.estate.known)
    by_minute: dict[int, list[Anomaly]] = {}
    for alert in storm.alerts:
        for edge in edges_of(alert, storm.estate.resources[alert.name]):
            by_minute.setdefault((edge.tick_ms - START_MS) // MINUTE_MS, []).append(edge)
    said: list[Transition] = []
    took: list[float] = []
    last = min(END_MINUTE, max(alert.closes for alert in storm.alerts))
    for minute in range(last):
        if minute in stops:
            triage = Triage(settings, groups, triage.snapshot(), storm.estate.known)
        edges = by_minute.get(minute, [])
        until_ms = START_MS + (minute + 1) * MINUTE_MS
        for group in range(groups):
            own = tuple(edge for edge in edges if len(edge.resource.name) % groups == group)
            word = Closed(group, until_ms, False, own)
            if minute == 0 and group == 0:
                word = msgspec.structs.replace(word, seen=_zones(storm))
            start = time.process_time()
            said += triage.step(word)
        took.append((time.process_time() - start) * 1000)
    state = msgspec.msgpack.decode(triage.snapshot(), type=TriageState)
    return said, state, tuple(took)


def _zones(storm: Storm) -> tuple[tuple[int, Seen], ...]:
    """Return what a flow derives from what resources say of their zones."""
    says = ((each.name, dict(each.attributes)) for each in storm.estate.resources.values())
    zones = [(name, pairs["zone"]) for name, pairs in says if "zone" in pairs]
    return tuple(
        (START_MS, Seen(owner, (Edge(name, zone, "in_zone"),)))
        for owner, (name, zone) in enumerate(zones, 1)
    )


def _score(
    storm: Storm, said: list[Transition], state: TriageState, took: tuple[float, ...]
) -> Score:
    ledger = state.ledger
    found: dict[str, str] = {}  # name -> id of its incident
    for case in ledger.cases.values():
        for record in case.members.values():
            found[record.resource.name] = case.id
    true = {alert.name: alert.fault for alert in storm.alerts}
    homes: dict[str, Counter[str]] = {fault: Counter() for fault in storm.origins}
    for name, fault in true.items():
        if fault in homes:
            homes[fault][found[name]] += 1
    last: dict[str, Incident] = {}
    for one in said:
        if one.event in ("opened", "updated", "reopened"):
            last[one.incident.id] = one.incident
    ranks = tuple(
        _rank(last[home.most_common(1)[0][0]], storm.origins[fault])
        for fault, home in homes.items()
    )
    ours = {ident for home in homes.values() for ident in home}
    first = min(alert.opens for alert in storm.alerts if alert.fault in homes)
    settled = max(
        (
            (one.ts_ms - START_MS) // MINUTE_MS
            for one in said
            if one.event in ("opened", "merged")
            and ledger.parts.get(one.incident.id, one.incident.id) in ours
        ),
        default=first,
    )
    return Score(
        len(homes),
        len(ours),
        pairwise_f1(true, found),
        ranks,
        any(incident.severity is Severity.CRITICAL for incident in last.values()),
        settled - first + 1,
        took,
    )


def _rank(incident: Incident, origin: set[str]) -> int | None:
    names = [suspect.resource.name for suspect in incident.suspects]
    if not names:
        names = list(dict.fromkeys(member.resource.name for member in incident.members))
    return next((i for i, name in enumerate(names, 1) if name in origin), None)


def pairwise_f1(true: dict[str, str], found: dict[str, str]) -> float:
    """Return the F1 of the pairs that are in one incident, against those that are of one fault."""

    def pairs(counts: Iterable[int]) -> int:
        return sum(n * (n - 1) // 2 for n in counts)

    both = pairs(Counter((true[name], found[name]) for name in true).values())
    wanted, given = pairs(Counter(true.values()).values()), pairs(Counter(found.values()).values())
    return 2 * both / (wanted + given) if wanted + given else 1.0
