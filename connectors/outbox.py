"""The outbox: what is to be told, written with the decision, and what has become of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Row, delete, func, select, update

from connectors.incident_database import open_database, reading, writing
from connectors.incident_rows import stored_text
from connectors.incident_tables import insert_once, upsert
from connectors.outbox_tables import notify_state, outbox
from schema import Kind, Notice

Status = Literal["due", "sent", "held", "dropped", "failed"]
MAX_NOTE = 2_000


class OutboxRow(msgspec.Struct, frozen=True):
    """A notice, the event that it tells, and what has become of it."""

    notice: Notice
    body: str  # the event in wire form; "" of a digest
    status: Status
    attempts: int
    next_ms: int
    ended_ms: int | None
    note: str
    receipt: str


class Outbox:
    """The tables of notification in an incident store. One writes decisions, one a channel marks.

    Raises: ValueError if there is no store, or it has another schema version.
    """

    def __init__(self, url: str, *, create: bool = False) -> None:
        self._engine = open_database(url, create=create)

    def state(self) -> dict[str, str]:
        """Return what was kept with the last decision, by name."""
        with reading(self._engine) as connection:
            return {name: body for name, body in connection.execute(select(notify_state))}

    def decide(
        self,
        state: Mapping[str, str | None],
        notices: Sequence[tuple[Notice, str]],
    ) -> None:
        """Keep a decision whole: its notices with the events that they tell, and what it goes by.

        A state of None is forgotten. A notice that is there already is left as it is.
        """
        rows = [_row(notice, body) for notice, body in notices]
        kept = [{"name": name, "body": body} for name, body in state.items() if body is not None]
        gone = [name for name, body in state.items() if body is None]
        dialect = self._engine.dialect.name
        with writing(self._engine) as connection:
            if rows:
                connection.execute(insert_once(outbox, dialect), rows)
            if kept:
                connection.execute(upsert(notify_state, dialect), kept)
            if gone:
                connection.execute(delete(notify_state).where(notify_state.c.name.in_(gone)))

    def waiting(self, channel: str, limit: int = 1_000) -> list[OutboxRow]:
        """Return what is due to a channel, tried before or not, oldest decision first."""
        query = (
            select(outbox)
            .where(outbox.c.status == "due", outbox.c.channel == channel)
            .order_by(outbox.c.sequence)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [_read(row) for row in connection.execute(query)]

    def delivered(self, channel: str, incidents: Sequence[str]) -> frozenset[str]:
        """Return which of these incidents the channel holds an open message of."""
        query = (
            select(outbox.c.incident_id, outbox.c.kind)
            .where(outbox.c.incident_id.in_(incidents), outbox.c.channel == channel)
            .where(outbox.c.status == "sent")
            .order_by(outbox.c.sequence)
        )
        with reading(self._engine) as connection:
            last = {incident: kind for incident, kind in connection.execute(query)}
        return frozenset(incident for incident, kind in last.items() if kind != "resolve")

    def receipt(self, channel: str, incident: str) -> str:
        """Return what the channel called its newest message of an incident, "" if there is none."""
        query = (
            select(outbox.c.receipt)
            .where(outbox.c.incident_id == incident, outbox.c.channel == channel)
            .where(outbox.c.status == "sent", outbox.c.receipt != "")
            .order_by(outbox.c.sequence.desc())
            .limit(1)
        )
        with reading(self._engine) as connection:
            return connection.execute(query).scalar() or ""

    def sent(self, notice: Notice, now_ms: int, receipt: str) -> None:
        """Mark a notice sent, as the kind that it was sent as."""
        self._mark([notice.id], status="sent", ended_ms=now_ms, receipt=stored_text(receipt),
                   kind=notice.kind, note="", attempts=outbox.c.attempts + 1)  # fmt: skip

    def retry(self, notice_id: str, next_ms: int, error: str) -> None:
        """Mark that an attempt has failed, and when the next one is."""
        self._mark([notice_id], next_ms=next_ms, note=_note(error), attempts=outbox.c.attempts + 1)

    def end(self, notice_ids: Sequence[str], status: Status, now_ms: int, note: str) -> None:
        """Mark notices that are not sent, for good: dropped with a reason, or failed."""
        self._mark(notice_ids, status=status, ended_ms=now_ms, note=_note(note))

    def told_of(self, incident: str) -> list[OutboxRow]:
        """Return all that was to be told of an incident, in the order in which it was decided."""
        query = select(outbox).where(outbox.c.incident_id == incident).order_by(outbox.c.sequence)
        with reading(self._engine) as connection:
            return [_read(row) for row in connection.execute(query)]

    def failed(self, limit: int = 100) -> list[OutboxRow]:
        """Return what could not be delivered, the newest first: the dead letters."""
        query = (
            select(outbox)
            .where(outbox.c.status == "failed")
            .order_by(outbox.c.sequence.desc())
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [_read(row) for row in connection.execute(query)]

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many notices there are, by channel and status."""
        query = select(outbox.c.channel, outbox.c.status, func.count()).group_by(
            outbox.c.channel, outbox.c.status
        )
        with reading(self._engine) as connection:
            return {(channel, status): n for channel, status, n in connection.execute(query)}

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def _mark(self, notice_ids: Sequence[str], **values: Any) -> None:  # noqa: ANN401  # columns
        with writing(self._engine) as connection:
            connection.execute(update(outbox).where(outbox.c.id.in_(notice_ids)).values(**values))


def _row(notice: Notice, body: str) -> dict[str, object]:
    return {
        "id": notice.id,
        "incident_id": notice.incident,
        "revision": notice.revision,
        "channel": notice.channel,
        "kind": notice.kind,
        "cause": notice.cause,
        "reason": stored_text(notice.reason),
        "about": msgspec.json.encode(notice.about).decode(),
        "body": body,
        "decided_ms": notice.decided_ms,
        "status": "held" if notice.held else "due",
        "attempts": 0,
        "next_ms": notice.decided_ms,
        "note": "",
        "receipt": "",
    }


def _read(row: Row[Any]) -> OutboxRow:
    kind: Kind = row.kind
    notice = Notice(
        row.incident_id, row.revision, row.channel, kind, row.cause, row.decided_ms, row.reason,
        row.status == "held", msgspec.json.decode(row.about, type=tuple[str, ...]),
    )  # fmt: skip
    status: Status = row.status
    return OutboxRow(
        notice, row.body, status, row.attempts, row.next_ms, row.ended_ms, row.note, row.receipt
    )


def _note(text: str) -> str:
    return stored_text(text)[:MAX_NOTE]
