"""The outbox: what is to be told, written with the decision, and what has become of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, Select, and_, delete, func, or_, select, update

from connectors.incident_database import open_database, reading, writing
from connectors.incident_rows import stored_text
from connectors.incident_tables import insert_once, upsert
from connectors.outage import IMPATIENT, Patience
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
    maybe: bool = False  # an attempt was made whose outcome is not known


class Delivered(NamedTuple):
    """Which incidents a channel holds an open message of."""

    known: frozenset[str]
    perhaps: frozenset[str]  # an attempt was cut short: it may have been taken


class Outbox:
    """The tables of notification in an incident store. One writes decisions, one a channel marks.

    Each method is one transaction, which may be repeated: `patience` says for how long.
    Raises: ValueError if there is no store, or it has another schema version.
    """

    def __init__(self, url: str, *, create: bool = False, patience: Patience = IMPATIENT) -> None:
        self._engine = open_database(url, create=create)
        self._patience = patience

    def state(self) -> dict[str, str]:
        """Return what was kept with the last decision, by name."""
        return {name: body for name, body in self._found(select(notify_state))}

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

        def write(connection: Connection) -> None:
            if rows:
                connection.execute(insert_once(outbox, dialect), rows)
            if kept:
                connection.execute(upsert(notify_state, dialect), kept)
            if gone:
                connection.execute(delete(notify_state).where(notify_state.c.name.in_(gone)))

        self._write(write)

    def waiting(self, channel: str, limit: int = 1_000) -> list[OutboxRow]:
        """Return what is due to a channel, tried before or not, oldest decision first."""
        query = (
            select(outbox)
            .where(outbox.c.status == "due", outbox.c.channel == channel)
            .order_by(outbox.c.sequence)
            .limit(limit)
        )
        return list(map(_read, self._found(query)))

    def delivered(self, channel: str, incidents: Sequence[str]) -> Delivered:
        """Return which of these incidents the channel holds an open message of."""
        query = (
            select(outbox.c.incident_id, outbox.c.kind, outbox.c.status)
            .where(outbox.c.incident_id.in_(incidents), outbox.c.channel == channel)
            .where(or_(outbox.c.status == "sent", outbox.c.maybe == 1))
            .order_by(outbox.c.sequence)
        )
        known, perhaps = set[str](), set[str]()
        for incident, kind, status in self._found(query):
            if kind != "resolve":
                (known if status == "sent" else perhaps).add(incident)
            elif status == "sent":
                known.discard(incident)
                perhaps.discard(incident)
        return Delivered(frozenset(known), frozenset(perhaps - known))

    def receipt(self, channel: str, incident: str) -> str:
        """Return what the channel called its newest message of an incident, "" if there is none."""
        query = (
            select(outbox.c.receipt)
            .where(outbox.c.incident_id == incident, outbox.c.channel == channel)
            .where(outbox.c.status == "sent", outbox.c.receipt != "")
            .order_by(outbox.c.sequence.desc())
            .limit(1)
        )
        return next((receipt for (receipt,) in self._found(query)), "")

    def trying(self, row: OutboxRow) -> None:
        """Mark that an attempt begins: should it be cut short, it may have been taken."""
        self._mark([row.notice.id], maybe=1)

    def sent(self, notice: Notice, now_ms: int, receipt: str) -> None:
        """Mark a notice sent, as the kind that it was sent as."""
        self._mark([notice.id], status="sent", ended_ms=now_ms, receipt=stored_text(receipt),
                   kind=notice.kind, note="", attempts=outbox.c.attempts + 1)  # fmt: skip

    def retry(self, row: OutboxRow, next_ms: int, error: str, *, maybe: bool = False) -> None:
        """Mark that an attempt has failed, when the next one is, and whether it may have worked."""
        self._mark([row.notice.id], next_ms=next_ms, note=_note(error), attempts=row.attempts + 1,
                   maybe=int(maybe or row.maybe))  # fmt: skip

    def end(self, notice_ids: Sequence[str], status: Status, now_ms: int, note: str) -> None:
        """Mark notices that are not sent, for good: dropped with a reason, or failed."""
        self._mark(notice_ids, status=status, ended_ms=now_ms, note=_note(note))

    def told_of(self, incident: str) -> list[OutboxRow]:
        """Return all that was to be told of an incident, in the order in which it was decided.

        Digests that name it are among it.
        """
        digests = and_(
            outbox.c.incident_id == "", outbox.c.about.contains(f'"{incident}"', autoescape=True)
        )
        query = (
            select(outbox)
            .where(or_(outbox.c.incident_id == incident, digests))
            .order_by(outbox.c.sequence)
        )
        return list(map(_read, self._found(query)))

    def failed(self, limit: int = 100) -> list[OutboxRow]:
        """Return what could not be delivered, the newest first: the dead letters."""
        query = (
            select(outbox)
            .where(outbox.c.status == "failed")
            .order_by(outbox.c.sequence.desc())
            .limit(limit)
        )
        return list(map(_read, self._found(query)))

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many notices there are, by channel and status."""
        query = select(outbox.c.channel, outbox.c.status, func.count()).group_by(
            outbox.c.channel, outbox.c.status
        )
        return {(channel, status): n for channel, status, n in self._found(query)}

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def _found(self, query: Select[Any]) -> Sequence[Any]:
        def read() -> Sequence[Row[Any]]:
            with reading(self._engine) as connection:
                return connection.execute(query).all()

        return self._patience(read)

    def _write(self, work: Callable[[Connection], object]) -> None:
        def write() -> None:
            with writing(self._engine) as connection:
                work(connection)

        self._patience(write)

    def _mark(self, notice_ids: Sequence[str], **values: Any) -> None:  # noqa: ANN401  # columns
        due = (outbox.c.id.in_(notice_ids), outbox.c.status == "due")  # so once, if repeated
        marked = update(outbox).where(*due).values(**values)
        self._write(lambda connection: connection.execute(marked))


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
        "maybe": 0,
    }


def _read(row: Row[Any]) -> OutboxRow:
    kind: Kind = row.kind
    notice = Notice(
        row.incident_id, row.revision, row.channel, kind, row.cause, row.decided_ms, row.reason,
        row.status == "held", msgspec.json.decode(row.about, type=tuple[str, ...]),
    )  # fmt: skip
    status: Status = row.status
    return OutboxRow(
        notice, row.body, status, row.attempts, row.next_ms, row.ended_ms, row.note, row.receipt,
        bool(row.maybe),
    )  # fmt: skip


def _note(text: str) -> str:
    return stored_text(text)[:MAX_NOTE]
