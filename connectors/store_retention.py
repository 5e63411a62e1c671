"""What the incident store forgets: incidents that were closed long ago, with all that is theirs."""

from sqlalchemy import Connection, delete, select

from connectors.evidence_tables import evidence
from connectors.incident_entries import remove_entries
from connectors.incident_rows import entries_of
from connectors.incident_tables import feedback, incident_events, incidents, requests
from connectors.incident_wire import decode_transition
from connectors.outbox_tables import outbox

DAY_MS = 86_400_000
BATCH = 200  # incidents a transaction


def prune(connection: Connection, before_ms: int) -> int:
    """Drop a batch of those that were closed before an event time; return how many there were.

    With an incident go those that were merged into it. One that is not closed is never dropped.
    """
    newest = (
        select(incidents.c.id, incident_events.c.body)
        .join(
            incident_events,
            (incidents.c.id == incident_events.c.incident_id)
            & (incidents.c.revision == incident_events.c.revision),
        )
        .where(incidents.c.state == "closed", incidents.c.updated_ms < before_ms)
        .order_by(incidents.c.updated_ms)
        .limit(BATCH)
    )
    found = [(name, decode_transition(body).incident) for name, body in connection.execute(newest)]
    ids = [name for name, _ in found]
    ids += sorted({each for _, incident in found for each in incident.merged} - set(ids))
    if not ids:
        return 0
    remove_entries(connection, entries_of(connection, ids))
    connection.execute(delete(incident_events).where(incident_events.c.incident_id.in_(ids)))
    connection.execute(delete(evidence).where(evidence.c.incident_id.in_(ids)))
    connection.execute(delete(requests).where(requests.c.incident_id.in_(ids)))
    told = (outbox.c.incident_id.in_(ids), outbox.c.status != "due")
    connection.execute(delete(outbox).where(*told))
    connection.execute(delete(feedback).where(feedback.c.incident_id.in_(ids)))
    connection.execute(delete(incidents).where(incidents.c.id.in_(ids)))
    return len(found)
