"""What a run over data came to: the object of `backtest --json` and `demo --summary`."""

from collections.abc import Iterable, Sequence

import msgspec

from connectors.incident_wire import outcome_digest
from flows.drift_labels import DriftAgreement, is_due_to_drift
from flows.figures import Figures
from flows.labels import Labels, Told, agreement
from schema import Drift, Incident, Transition


class SuspectLine(msgspec.Struct, frozen=True):
    """Who may have caused an incident, in short."""

    resource: str  # name as it came in
    score: float  # share of all suspicion


class IncidentLine(msgspec.Struct, frozen=True):
    """An incident as it stood at the end, in short."""

    id: str
    severity: str
    state: str
    title: str
    resources: tuple[str, ...]  # names of members, bounded as these are, then who suffers with them
    metrics: tuple[str, ...]  # of their evidence, most first
    opened_ms: int
    onset_ms: int
    resolved_ms: int | None
    confidence: float
    hint: str
    suspects: tuple[SuspectLine, ...] = ()  # most suspect first


class Counts(msgspec.Struct, frozen=True):
    """What went in, and what it cost. Points are samples, late, absorbed or rejected."""

    payloads: int
    samples: int
    late: int
    absorbed: int  # gave no value: a counter's first reading, a mean of no observations
    rejected: int
    resources: int
    elapsed_s: float
    event_s: float = 0.0  # of the time that was judged
    cpu_s: float = 0.0  # of all processes
    peak_rss_bytes: int = 0  # the sum of each one's peak

    @property
    def samples_per_s(self) -> float | None:
        """How fast it went; None: it took no time."""
        return self.samples / self.elapsed_s if self.elapsed_s > 0 else None

    @property
    def times_real_time(self) -> float | None:
        """How much faster than the time that was judged it went."""
        return self.event_s / self.elapsed_s if self.elapsed_s > 0 else None


class Labelled(msgspec.Struct, frozen=True):
    """How the incidents agree with the labels; see `flows.labels.Agreement`."""

    faults: int
    faults_caught: int
    false_incidents: tuple[str, ...]
    missed_faults: tuple[str, ...]
    precision: float | None
    recall: float | None
    median_detection_delay_s: float | None
    false_positive_rate: float | None = None  # share of scored rows; none: not counted
    drift: DriftAgreement | None = None  # none: no drift is known, and none was found


class Summary(msgspec.Struct, frozen=True):
    """All of it. As JSON, the fields of `labelled` stand beside the others; see `to_json`."""

    counts: Counts
    incidents: tuple[IncidentLine, ...]  # by opening, then id
    outcome_digest: str
    labelled: Labelled | None = None  # none: no labels were given
    drift_events: tuple[Drift, ...] = ()
    figures: Figures | None = None  # none: no labels were given
    partial: str = ""  # why it is not about all of the data; "": it is

    def to_json(self) -> dict[str, object]:
        """Return one flat object, as the command line prints it."""
        counts = msgspec.to_builtins(self.counts)
        labelled = {} if self.labelled is None else msgspec.to_builtins(self.labelled)
        return {
            **counts,
            "samples_per_s": self.counts.samples_per_s,
            "times_real_time": self.counts.times_real_time,
            "partial": self.partial,
            "incident_count": len(self.incidents),
            "incidents": msgspec.to_builtins(self.incidents),
            "outcome_digest": self.outcome_digest,
            "drift_events": msgspec.to_builtins(self.drift_events),
            **labelled,
            **({} if self.figures is None else {"figures": msgspec.to_builtins(self.figures)}),
        }


def summarise(
    counts: Counts,
    transitions: Sequence[Transition],
    labels: Labels | None = None,
    drifts: Sequence[Drift] = (),
    partial: str = "",
) -> Summary:
    """Sum up the events of a run, in any order and with repeats."""
    newest: dict[str, Incident] = {}
    for transition in transitions:
        incident = transition.incident
        if incident.id not in newest or newest[incident.id].revision < incident.revision:
            newest[incident.id] = incident
    in_order = sorted(newest.values(), key=lambda incident: (incident.opened_ms, incident.id))
    lines = tuple(incident_line(incident) for incident in in_order)
    labelled = None if labels is None else _labelled(labels, lines)
    events = sorted(
        {event.id: event for event in drifts}.values(), key=lambda event: event.found_ms
    )
    digest = outcome_digest(transitions)
    return Summary(counts, lines, digest, labelled, tuple(events), partial=partial)


def incident_line(incident: Incident) -> IncidentLine:
    """Shorten an incident to a line."""
    return IncidentLine(
        id=incident.id,
        severity=incident.severity.name,
        state=incident.state,
        title=incident.title,
        resources=_distinct(
            [*(member.resource.name for member in incident.members), *incident.impact.suffering]
        ),
        metrics=_distinct(
            evidence.metric for member in incident.members for evidence in member.evidence
        ),
        opened_ms=incident.opened_ms,
        onset_ms=incident.onset_ms,
        resolved_ms=incident.resolved_ms,
        confidence=incident.confidence,
        hint=incident.hint,
        suspects=tuple(SuspectLine(s.resource.name, s.score) for s in incident.suspects),
    )


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _labelled(labels: Labels, lines: Sequence[IncidentLine]) -> Labelled:
    """Judge the incidents; those of a drift's first hour are neither right nor wrong by it."""
    told = [msgspec.convert(msgspec.structs.asdict(line), Told) for line in lines]
    judged = [
        msgspec.structs.asdict(line)
        for line, each in zip(lines, told, strict=True)
        if any(map(each.matches, labels.faults)) or not is_due_to_drift(each, labels.drifts)
    ]
    found = agreement(labels.faults, judged)
    return Labelled(
        faults=found.faults,
        faults_caught=found.caught,
        false_incidents=found.false_incidents,
        missed_faults=found.missed_faults,
        precision=found.precision,
        recall=found.recall,
        median_detection_delay_s=found.median_detection_delay_s,
    )
