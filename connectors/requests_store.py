"""What people asked a running flow to do, kept beside the incidents: seen at once as requested.

What came of it follows from the events, which name the request that they answer.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
from sqlalchemy import Row, Select, select

from connectors.incident_database import open_database, writing
from connectors.incident_rows import stored_text
from connectors.incident_tables import incident_events, insert_once, requests
from connectors.incident_wire import decode_transition
from schema import Act, Transition

Status = Literal["requested", "applied", "refused"]

_BATCH = 500  # ids a query
_decoder = msgspec.json.Decoder(Act)


class Request(msgspec.Struct, frozen=True):
    """An act that was asked for, and what has come of it so far."""

    act: Act
    requested_ms: int  # wall clock
    status: Status = "requested"
    answer: str = ""  # the flow's reason
    answered_ms: int | None = None  # event time


class RequestsStore:
    """The table of an incident store that is there. Many may read while one writes.

    Raises: ValueError if there is no store, or it has another schema version.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_database(url, create=False)

    def ask(self, act: Act, requested_ms: int) -> None:
        """Keep what was asked for; the same once more changes nothing."""
        row = {
            "id": act.id,
            "incident_id": act.incident,
            "action": act.action,
            "actor": stored_text(act.actor),
            "reason": stored_text(act.reason),
            "requested_ms": requested_ms,
            "body": msgspec.json.encode(act).decode(),
        }
        with writing(self._engine) as connection:
            connection.execute(insert_once(requests, self._engine.dialect.name), [row])

    def request(self, request_id: str) -> Request | None:
        """Return one request, None if there is none of that id."""
        return next(iter(self._found(_asked().where(requests.c.id == request_id))), None)

    def requests_of(self, incident_id: str) -> list[Request]:
        """Return what was asked of an incident, in the order in which it was asked."""
        query = _asked().where(requests.c.incident_id == incident_id)
        return self._found(query.order_by(requests.c.requested_ms, requests.c.id))

    def answers(self, request_ids: Sequence[str]) -> dict[str, Transition]:
        """Return the first event that names a request, of those that were answered."""
        first: dict[str, str] = {}
        with self._engine.connect() as connection:
            for start in range(0, len(request_ids), _BATCH):
                answers = connection.execute(
                    select(incident_events.c.request, incident_events.c.body)
                    .where(incident_events.c.request.in_(request_ids[start : start + _BATCH]))
                    .where(incident_events.c.request != "")
                    .order_by(incident_events.c.sequence.desc())
                )
                first |= {request: body for request, body in answers}  # the first stands last
        return {request: decode_transition(body) for request, body in first.items()}

    def _found(self, query: Select[str, str, int]) -> list[Request]:
        with self._engine.connect() as connection:
            asked = connection.execute(query).all()
        answers = self.answers([row.id for row in asked])
        return [_request(row, answers.get(row.id)) for row in asked]

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _asked() -> Select[str, str, int]:
    return select(requests.c.id, requests.c.body, requests.c.requested_ms)


def _request(row: Row[str, str, int], event: Transition | None) -> Request:
    act = _decoder.decode(row.body)
    if event is None:
        return Request(act, row.requested_ms)
    status: Status = "refused" if event.event == "refused" else "applied"
    return Request(act, row.requested_ms, status, event.reason, event.ts_ms)
