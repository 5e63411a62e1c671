"""What people said of incidents, kept beside them: the last word on each."""

from typing import Literal

import msgspec
from sqlalchemy import select

from connectors.incident_database import open_database, writing
from connectors.incident_rows import stored_text
from connectors.incident_tables import feedback, upsert
from schema import Labels

Verdict = Literal["false_positive", "real"]
Targets = tuple[tuple[str, str, Labels, float, float], ...]

_targets = msgspec.json.Decoder(Targets)


class Word(msgspec.Struct, frozen=True):
    """What was said of an incident."""

    incident_id: str
    verdict: Verdict
    actor: str
    note: str
    said_ms: int  # wall clock
    targets: Targets = ()  # as in `schema.Feedback`; what it was that was said to be so


class FeedbackStore:
    """The table of an incident store that is there. Many may read while one writes.

    Raises: ValueError if there is no store, or it has another schema version.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_database(url, create=False)

    def say(self, word: Word) -> None:
        """Keep a word, in place of what was said of the incident before."""
        row = msgspec.structs.asdict(word) | {
            "actor": stored_text(word.actor),
            "note": stored_text(word.note),
            "targets": msgspec.json.encode(word.targets).decode(),
        }
        with writing(self._engine) as connection:
            connection.execute(upsert(feedback, self._engine.dialect.name), [row])

    def words(self, incident_id: str | None = None) -> list[Word]:
        """Return the last word on each incident, or on one; by incident."""
        query = select(feedback).order_by(feedback.c.incident_id)
        if incident_id is not None:
            query = query.where(feedback.c.incident_id == incident_id)
        with self._engine.connect() as connection:
            rows = [tuple(row) for row in connection.execute(query)]
        return [
            Word(incident, verdict, actor, note, said_ms, _targets.decode(targets))
            for incident, verdict, actor, note, said_ms, targets in rows
        ]

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
