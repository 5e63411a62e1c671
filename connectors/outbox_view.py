"""Reads the outbox as screens show it: who was told what, the newest first."""

import msgspec
from sqlalchemy import func, select

from connectors.incident_database import open_database, reading
from connectors.outbox_tables import outbox
from schema.desk import ToldView


class OutboxFilter(msgspec.Struct, frozen=True):
    """Which messages. Every field narrows."""

    channel: str = ""
    status: str = ""
    incident: str = ""


class OutboxView:
    """The outbox of an incident store, to be looked at.

    Raises: ValueError if there is no store, or it has another schema version.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_database(url, create=False)

    def page(
        self, wanted: OutboxFilter, limit: int, before: int | None
    ) -> list[tuple[int, ToldView]]:
        """Return messages with their sequences, the newest first, from before a sequence on."""
        query = select(outbox).order_by(outbox.c.sequence.desc()).limit(limit)
        for column, value in (
            (outbox.c.channel, wanted.channel),
            (outbox.c.status, wanted.status),
            (outbox.c.incident_id, wanted.incident),
        ):
            if value:
                query = query.where(column == value)
        if before is not None:
            query = query.where(outbox.c.sequence < before)
        with reading(self._engine) as connection:
            return [
                (
                    row.sequence,
                    ToldView(
                        incident=row.incident_id,
                        channel=row.channel,
                        kind=row.kind,
                        cause=row.cause,
                        at_ms=row.ended_ms or row.decided_ms,
                        status=row.status,
                        attempts=row.attempts,
                        why=row.reason
                        if row.status in ("sent", "held")
                        else row.note or row.reason,
                    ),
                )
                for row in connection.execute(query)
            ]

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many messages there are, by channel and status."""
        query = (
            select(outbox.c.channel, outbox.c.status, func.count())
            .group_by(outbox.c.channel, outbox.c.status)
            .order_by(outbox.c.channel, outbox.c.status)
        )
        found: dict[str, dict[str, int]] = {}
        with reading(self._engine) as connection:
            for channel, status, count in connection.execute(query):
                found.setdefault(channel, {})[status] = count
        return found

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
