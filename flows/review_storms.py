"""A storm of incidents is an incident: a record that is bad enough opens one in the store.

It goes into the same log as those of detection, so that notification and screens have it. Nobody
triages it: the review itself acknowledges, resolves and closes it, as people move its record.
"""

from collections.abc import Sequence

import msgspec

from connectors.incident_steps import STORM
from connectors.incident_store import IncidentStore
from operators.review_settings import ReviewSettings
from schema import (
    AnomalyRecord,
    Event,
    Incident,
    Member,
    RecordState,
    Resource,
    Severity,
    State,
    Transition,
)

ACTOR = "foreshock review"
_MOVES: dict[RecordState, tuple[tuple[Event, State], ...]] = {
    "INVESTIGATING": (("acknowledged", "acknowledged"),),
    "CONFIRMED": (("judged", "acknowledged"),),
    "FALSE_POSITIVE": (("judged", "acknowledged"), ("resolved", "resolved"), ("closed", "closed")),
    "RESOLVED": (("resolved", "resolved"), ("closed", "closed")),
}


def open_storms(url: str, records: Sequence[AnomalyRecord], settings: ReviewSettings) -> list[str]:
    """Open an incident for each record that is bad enough and has none; return their ids."""
    least = Severity[settings.storms_from]
    bad = [each for each in records if each.severity >= least]
    if not bad:
        return []
    store = IncidentStore(url)
    try:
        new = [each for each in bad if store.get_incident(incident_of(each.id)) is None]
        store.record([_opened(each) for each in new])
    finally:
        store.close()
    return [incident_of(each.id) for each in new]


def move_storm(url: str, record: AnomalyRecord, state: RecordState, actor: str, at_ms: int) -> None:
    """Let the incident of a record, if it has one, follow the record."""
    store = IncidentStore(url)
    try:
        held = store.get_incident(incident_of(record.id))
        if held is None:
            return
        said: list[Transition] = []
        for event, after in _MOVES.get(state, ()):
            if held.state == "closed" or (event == "resolved" and held.state == "resolved"):
                continue
            held = _moved(held, event, after, at_ms, state)
            said.append(Transition(event, at_ms, actor, f"its anomaly is {state}", held))
        store.record(said)
    finally:
        store.close()


def incident_of(record: str) -> str:
    """Return the id of a record's incident."""
    return f"inc-{record.removeprefix('anom-')}"


def _moved(held: Incident, event: Event, after: State, at_ms: int, state: RecordState) -> Incident:
    changed: dict[str, object] = {
        "revision": held.revision + 1, "state": after, "updated_ms": at_ms
    }  # fmt: skip
    if event == "acknowledged":
        changed["acked_ms"] = at_ms
    if event == "judged":
        changed["verdict"] = "false_positive" if state == "FALSE_POSITIVE" else "real"
    if event == "resolved":
        changed["resolved_ms"] = at_ms
    if event == "closed":
        changed["closed_ms"] = at_ms
    return msgspec.structs.replace(held, **changed)


def _opened(record: AnomalyRecord) -> Transition:
    opened_ms = record.window_end_ms
    resource = Resource("", record.service, "", "", "incidents", (("team", record.team),))
    member = Member(
        resource, "review", opened_ms, record.window_start_ms, None, record.confidence,
        record.score, (), (record.model,),
    )  # fmt: skip
    incident = Incident(
        incident_of(record.id),
        1,
        "open",
        record.severity,
        (f"the review's record {record.id}", f"score {record.score:.1f}"),
        f"strange incidents of {record.service}"[:79],
        record.description,
        (("service", record.service),),
        opened_ms,
        record.window_start_ms,
        opened_ms,
        None,
        record.confidence,
        1,
        (member,),
        pattern=STORM,
    )
    return Transition("opened", opened_ms, ACTOR, record.description, incident)
