"""When people were first told of incidents, and how often: read from the outbox."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select

from connectors.incident_database import open_database, reading
from connectors.outbox_tables import outbox

CHUNK = 500


class ToldTimes(NamedTuple):
    """Of one incident."""

    first_ms: int  # wall clock
    messages: int


def told_times(url: str, incidents: Sequence[str]) -> dict[str, ToldTimes]:
    """Return it for each of these incidents that somebody was told of.

    Raises: ValueError if there is no store, or it has another schema version.
    """
    engine = open_database(url, create=False)
    found: dict[str, ToldTimes] = {}
    try:
        with reading(engine) as connection:
            for at in range(0, len(incidents), CHUNK):
                query = (
                    select(outbox.c.incident_id, func.min(outbox.c.ended_ms), func.count())
                    .where(outbox.c.incident_id.in_(incidents[at : at + CHUNK]))
                    .where(outbox.c.status == "sent", outbox.c.ended_ms.is_not(None))
                    .group_by(outbox.c.incident_id)
                )
                for name, first_ms, messages in connection.execute(query):
                    found[name] = ToldTimes(first_ms, messages)
    finally:
        engine.dispose()
    return found
