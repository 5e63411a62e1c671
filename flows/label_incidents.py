"""Labels of our own: what people said of incidents, from a store or from lines of their events.

What nobody judged is not known to be right or wrong, and counts as neither.
"""

import re
from collections.abc import Iterable, Mapping

from connectors.feedback_store import FeedbackStore
from connectors.incident_store import IncidentStore
from connectors.incident_wire import decode_transition
from flows.label_alerts import STILL_ON_MS
from flows.labels import Fault, Labels
from schema import Incident

_URL = re.compile(r"[a-z][a-z0-9+]*://")


def is_store(where: str) -> bool:
    """Say whether the URL of a database is meant."""
    return _URL.match(where) is not None


def labels_of_store(url: str) -> Labels:
    """Return what people said of the incidents of a store.

    Raises: ValueError if there is no store.
    """
    kept = FeedbackStore(url)
    try:
        verdicts = {word.incident_id: word.verdict for word in kept.words()}
    finally:
        kept.close()
    store = IncidentStore(url)
    try:
        found = [store.get_incident(each) for each in sorted(verdicts)]
    finally:
        store.close()
    return judged_incidents([each for each in found if each is not None], verdicts)


def read_incident_lines(content: bytes) -> Labels:
    """Return what was said of incidents by their events, a line each, as our sinks write them.

    Raises: ValueError naming the line.
    """
    newest: dict[str, Incident] = {}
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            incident = decode_transition(line).incident
        except ValueError as ex:
            raise ValueError(f"line {number}: {ex}") from ex
        held = newest.get(incident.id)
        if held is None or held.revision < incident.revision:
            newest[incident.id] = incident
    return judged_incidents(newest.values(), {})


def judged_incidents(incidents: Iterable[Incident], verdicts: Mapping[str, str]) -> Labels:
    """Return those judged real as faults, from their onset on, and the false ones as none.

    A store keeps the last word beside the incident, which goes before what its event says.
    Raises: ValueError if none was judged.
    """
    real: list[Fault] = []
    false: list[Fault] = []
    for incident in incidents:
        verdict = verdicts.get(incident.id) or incident.verdict
        if verdict:
            (real if verdict == "real" else false).append(_fault(incident))
    if not real and not false:
        raise ValueError("must hold incidents that were judged real or false positive, got none")
    return Labels(tuple(real), no_faults=tuple(false), complete=False, form="incidents")


def _fault(incident: Incident) -> Fault:
    """Return the fault that an incident told of."""
    over = incident.resolved_ms or incident.closed_ms
    names = (*(member.resource.name for member in incident.members), *incident.impact.suffering)
    services = {member.resource.service for member in incident.members}
    return Fault(
        incident.id,
        incident.onset_ms,
        max(incident.onset_ms, STILL_ON_MS if over is None else over),
        frozenset(names),
        incident.title,
        service=services.pop() if len(services) == 1 else "",
        severity=incident.severity.name,
    )
