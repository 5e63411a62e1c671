"""Who is suspected of an incident: the resources in trouble that its members depend on, ranked."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from models.root_cause import RootCauseSettings, Trouble, rank
from operators.case import Case
from operators.ledger import Ledger
from operators.members import AlertRecord
from operators.past import Held, Point, Trace
from operators.patterns import PatternSettings, Scene, note_deploy, pattern_of
from operators.quantity import SCALED
from operators.scope import links_of, scope_of
from operators.suspicion import Blamed, proof_of, why, worst
from operators.topology import Topology
from operators.watch import Watch
from schema import Deploy, Effect, Resource, Suspect

MAX_REACH = 500  # nodes looked at for one incident, the nearest
MAX_SUFFERING = 20  # told of
CORRELATED = ("zone_outage", "shared_dependency")  # patterns that correlation tells
WORSE = 1.2  # times as far off as ever in the past, from which on that is no excuse
SILENT = 20.0  # half bands that a resource counts for which sends nothing


class SuspectSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML section `triage.suspects`. Times are seconds of event time."""

    most: int = 12  # shown
    past_s: float = 7_200.0  # how long effects are remembered
    points: int = 50_000  # that are remembered at most, of all resources
    lead_s: float = 900.0  # before the first alert's onset, from which on trouble counts
    until_s: float = 1_800.0  # after the incident opened, during which suspects are judged anew
    margin: float = 1.3  # by which a new first suspect must lead the one told of, to be news
    outside: tuple[str, ...] = ("remote", "client", "external")  # types of what callers alone see
    cause: RootCauseSettings = RootCauseSettings()

    def __post_init__(self) -> None:
        if not 1 <= self.most <= 100:
            raise ValueError(f"most must be in [1, 100], got {self.most!r}")
        if not 1 <= self.margin <= 100:
            raise ValueError(f"margin must be in [1, 100], got {self.margin!r}")
        if not 1_000 <= self.points <= 10_000_000:
            raise ValueError(f"points must be in [1000, 10000000], got {self.points!r}")
        for name in ("past_s", "lead_s", "until_s"):
            if not 0 < getattr(self, name) <= 86_400:
                raise ValueError(f"{name} must be in (0, 86400] s, got {getattr(self, name)!r}")
        if not self.lead_s < self.past_s:
            raise ValueError(f"lead_s must be below past_s, got {(self.lead_s, self.past_s)!r}")


class _Found(msgspec.Struct):
    """What is known of one candidate."""

    resource: Resource
    traces: list[Trace]
    records: list[AlertRecord]


class Blame:
    """Who is suspected of what: keeps the past of effects, and judges incidents by it.

    Memory: see `past.Past`; and the names of incidents that are young.
    """

    def __init__(
        self,
        settings: SuspectSettings,
        patterns: PatternSettings,
        ledger: Ledger,
        topology: Topology,
    ) -> None:
        self.settings = settings
        self._patterns = patterns
        self._deploys = ledger.deploys
        self.topology = topology
        self.past = ledger.past
        self._cases = ledger.cases
        self._watch = Watch(topology)  # those whose suspects are still judged anew, and maybe more
        for case in ledger.cases.values():
            self._watch.put(case)

    def take(self, effects: Sequence[Effect], now_ms: int) -> set[str]:
        """Take in the effects of a tick; return the incidents that may look different now."""
        keep_ms = round(self.settings.past_s * 1000)
        self.past.take(effects, now_ms, keep_ms, self.settings.points)
        young = self._young(now_ms)
        if self._watch.is_outdated:
            self._watch.renew(young)
        now, concerned = self.topology.revision, self._watch.concerned(effects)
        return _anew(case for case in young if case.id in concerned or case.judged_on != now)

    def judge(self, case: Case, now_ms: int) -> None:
        """Find out who is suspected of an incident, if that may have changed and is worth it.

        Cost: in proportion to what the members shown can reach, and its effects since their onset.
        """
        if case.resolved_ms is not None or not case.unjudged:
            return
        case.unjudged, case.judged_on = False, self.topology.revision
        young = self._is_young(case, now_ms)
        if young:
            self._watch.put(case)
        if young or not case.blamed:
            case.blamed, case.suffering = _blamed(case, now_ms, self)
            if case.pattern not in CORRELATED:
                case.pattern, case.looks_like = pattern_of(self._scene(case), self._patterns)

    def obey(self, deploy: Deploy, now_ms: int) -> set[str]:
        """Remember a deploy; return the incidents that may look different now."""
        note_deploy(self._deploys, deploy)
        return _anew(self._young(now_ms))

    def _young(self, now_ms: int) -> list[Case]:
        """Return the incidents whose suspects are still judged anew; watch no others."""
        young: list[Case] = []
        for name in self._watch.ids():
            case = self._cases.get(name)
            if case is None or not self._is_young(case, now_ms):
                self._watch.drop(name)
            elif case.resolved_ms is None:  # people may reopen one as it is
                young.append(case)
        return young

    def _scene(self, case: Case) -> Scene:
        key = case.blamed[0].suspect.resource.key if case.blamed else ""
        traces = [trace for held in self.past.of(key) for trace in held.traces]
        since_ms = case.episode_ms - round(2 * self.settings.lead_s * 1000)
        members = frozenset(case.tally.open_alerts)
        return Scene(case.blamed, traces, members, self._deploys, since_ms)

    def _is_young(self, case: Case, now_ms: int) -> bool:
        return now_ms <= case.episode_ms + round(self.settings.until_s * 1000)


def _anew(cases: Iterable[Case]) -> set[str]:
    """Let incidents be judged anew; return their ids."""
    names = set()
    for case in cases:
        case.unjudged = True
        names.add(case.id)
    return names


def _blamed(case: Case, now_ms: int, bench: Blame) -> tuple[tuple[Blamed, ...], tuple[str, ...]]:
    """Return the case's suspects, most suspect first, and who calls members and suffers."""
    shown = [case.members[name] for name in case.suspects]
    records = [record for record in shown if record.opened_ms >= case.episode_ms] or shown
    lead_ms = round(bench.settings.lead_s * 1000)
    since_ms = min((record.onset_ms for record in records), default=now_ms)
    since_ms = max(since_ms, case.episode_ms - lead_ms) - lead_ms  # an old onset is another story
    found, suffering = _candidates(records, since_ms, bench)
    troubles = {
        node: trouble
        for node, each in found.items()
        if (trouble := _trouble(node, each, since_ms, bench)) is not None
    }
    slow = _delay_share(records, found, bench.topology, since_ms) if len(troubles) > 1 else 0.5
    topology = bench.topology
    ranked = rank(troubles, topology.callees, topology.needs, since_ms, slow, bench.settings.cause)
    out = []
    for node, share in ranked[: bench.settings.most]:
        each, trouble = found[node], troubles[node]
        proof = proof_of(each.resource, each.traces, each.records, since_ms, trouble)
        first = all(
            trouble.onset_ms < other.onset_ms for name, other in troubles.items() if name != node
        )
        words = why(proof, each.traces, since_ms, now_ms, first and len(troubles) > 1)
        out.append(Blamed(Suspect(each.resource, round(share, 4), words), proof))
    return tuple(out), suffering


def _candidates(
    records: Iterable[AlertRecord], since_ms: int, bench: Blame
) -> tuple[dict[str, _Found], tuple[str, ...]]:
    """Return the members, what they reach on the map, and of what is on none its scope.

    Who calls a member and is off as well suffers with it, or from something else that it calls: so
    what such callers reach is looked at, too; the nearest of them are returned besides.
    """
    topology, past = bench.topology, bench.past
    found: dict[str, _Found] = {}
    unmapped: list[Resource] = []
    queue: list[str] = []
    for record in records:
        node = topology.node(record.resource)
        if node not in found:
            traces = [trace for held in past.of(record.resource.key) for trace in held.traces]
            found[node] = _Found(record.resource, traces, [])
            queue.append(node)
            if not topology.knows(node):
                unmapped.append(record.resource)
        found[node].records.append(record)
    suffering: list[str] = []
    if past.names:
        suffering = _suffering(queue, since_ms, bench)
        reached = topology.needed_of([*queue, *suffering], MAX_REACH, through_zones=False)
        for node in filter(past.names.__contains__, [*suffering, *reached]):
            held = next(past.of(node))
            found[node] = _Found(held.resource, held.traces, [])
    if unmapped:
        near = _Near(unmapped)
        for key in sorted(past.held):
            held = past.held[key]
            node = topology.node(held.resource)
            if node not in found and near.has(held.resource) and _is_out(held):
                found[node] = _Found(held.resource, held.traces, [])
    return found, tuple(suffering[:MAX_SUFFERING])


def _suffering(start: list[str], since_ms: int, bench: Blame) -> list[str]:
    """Return who calls the nodes, however far above, and is off by what is felt; nearest first."""
    known = bench.past.names
    seen = set(start)
    queue = list(start)
    looked = 0
    for node in queue:
        callers = bench.topology.callers(node)
        looked += len(callers)
        if looked > MAX_REACH:
            break
        for caller in callers:
            if caller in known and caller not in seen:
                seen.add(caller)
                if any(_is_felt(held, since_ms) for held in bench.past.of(caller)):
                    queue.append(caller)
    return queue[len(start) :]


def _is_felt(held: Held, since_ms: int) -> bool:
    return any(
        point.strength >= 1.0 and point.tick_ms >= since_ms
        for trace in held.traces
        if trace.felt
        for point in trace.points
    )


class _Near:
    """Which resources belong together with some that are on no map."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._names = {name for each in resources for name in _tied(each)}

    def has(self, resource: Resource) -> bool:
        return any(name in self._names for name in _tied(resource))


def _tied(resource: Resource) -> tuple[str, ...]:
    return (scope_of(resource), *links_of(resource))


def _is_out(held: Held) -> bool:
    return any(point.strength >= 1.0 for trace in held.traces for point in trace.points)


def _trouble(node: str, found: _Found, since_ms: int, bench: Blame) -> Trouble | None:
    """Sum up what is known against a candidate, None where that is nothing since `since_ms`."""
    means = symptom = 0.0
    onsets: list[int] = []
    for record in found.records:
        onsets.append(record.onset_ms)
        strength = SILENT if record.kind == "silent" else 1.0 + 2.0 * record.far
        if record.saturates or record.kind == "silent":
            means = max(means, strength)
        elif not found.traces:
            symptom = max(symptom, strength)
    for trace in found.traces:
        if trace.load:
            continue
        now = [point for point in trace.points if point.tick_ms >= since_ms]
        if not now:
            continue
        before = max((p.strength for p in trace.points if p.tick_ms < since_ms), default=0.0)
        strength = max(point.strength for point in now)
        if strength < WORSE * before:  # else it has got worse all along
            strength -= before
        out = next((point for point in now if point.strength >= 1.0), now[0])
        onsets.append(max(out.onset_ms, since_ms))
        if trace.felt:
            symptom = max(symptom, strength)
        else:
            means = max(means, strength)
    if not onsets:
        return None
    return Trouble(
        min(onsets),
        _sums(found.traces, "delay", _delay),
        _sums(found.traces, "failure", _failed),
        means,
        symptom,
        bench.topology.type_of(node) in bench.settings.outside,
    )


def _sums(
    traces: Iterable[Trace], felt: str, amount: Callable[[str, Point, float], float]
) -> tuple[tuple[int, float], ...]:
    """Return by tick how much harm the worst trace of a kind did to all requests together."""
    most: dict[int, float] = {}
    for trace in traces:
        if trace.felt != felt:
            continue
        for point in trace.points:
            requests = point.requests
            if requests is None and trace.unit != "count":
                continue
            harm = amount(trace.unit, point, requests or 0.0)
            most[point.tick_ms] = max(most.get(point.tick_ms, 0.0), harm)
    return tuple(sorted(most.items()))


def _delay(unit: str, point: Point, requests: float) -> float:
    to_ms = SCALED[unit][1] if unit in SCALED else 1.0
    return max(point.value - point.expected, 0.0) * to_ms * max(requests, 0.0)


def _failed(unit: str, point: Point, requests: float) -> float:
    away = abs(point.value - point.expected)
    if unit == "count":
        return away
    return away * max(requests, 0.0) / (100.0 if unit == "percent" else 1.0)


def _delay_share(
    records: Iterable[AlertRecord], found: dict[str, _Found], topology: Topology, since_ms: int
) -> float:
    """Return how much of what the alerts complain of is slowness rather than failure, [0, 1].

    Each by its evidence, else by how far what is felt of its resource is off.
    """
    slow = failing = 0.0
    for record in records:
        traces = found[topology.node(record.resource)].traces
        felt = {trace.metric: trace.felt for trace in traces}
        said = [(felt.get(part.metric, ""), part.share) for part in record.evidence]
        if not any(kind and share > 0.0 for kind, share in said):
            said = [
                (trace.felt, point.strength)
                for trace in traces
                if trace.felt and (point := worst(trace, since_ms)) is not None
            ]
        total = sum(share for kind, share in said if kind)
        slow += sum(share for kind, share in said if kind == "delay") / (total or 1.0)
        failing += sum(share for kind, share in said if kind == "failure") / (total or 1.0)
    return slow / (slow + failing) if slow + failing > 0.0 else 0.5
