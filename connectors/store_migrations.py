"""The schema of the incident store, as the ordered steps that lead to it from nothing.

A step is never changed once it has been shipped: a store of any age takes those that it lacks, in
one transaction. What the tables mean stands in `incident_tables`; a test holds both together.
"""

from typing import NamedTuple

from sqlalchemy import Connection, delete, inspect, select, text

from connectors.incident_rows import rebuild
from connectors.incident_tables import version

_TYPES = {
    "sqlite": {
        "sequence": "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT",  # never gives a number twice
        "id": "TEXT",  # compared by bytes
        "without_rowid": "WITHOUT ROWID",
        "bytes": "BLOB",
    },
    "postgresql": {
        "sequence": "BIGSERIAL PRIMARY KEY",
        "id": 'TEXT COLLATE "C"',
        "without_rowid": "",
        "bytes": "BYTEA",
    },
}


class Migration(NamedTuple):
    """A step: its statements, and whether what is derived from the events is made anew after it."""

    statements: tuple[str, ...]
    rebuilds: bool = False


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        (
            """CREATE TABLE IF NOT EXISTS incident_events (
                sequence {sequence}, incident_id {id} NOT NULL, revision INTEGER NOT NULL,
                event TEXT NOT NULL, ts_ms BIGINT NOT NULL, body TEXT NOT NULL,
                UNIQUE (incident_id, revision))""",
            """CREATE TABLE IF NOT EXISTS incidents (
                id {id} NOT NULL PRIMARY KEY, revision INTEGER NOT NULL, state TEXT NOT NULL,
                severity INTEGER NOT NULL, title TEXT NOT NULL, opened_ms BIGINT NOT NULL,
                onset_ms BIGINT NOT NULL, updated_ms BIGINT NOT NULL, resolved_ms BIGINT,
                confidence FLOAT NOT NULL, member_count INTEGER NOT NULL)""",
            "CREATE INDEX IF NOT EXISTS incidents_by_state ON incidents (state, opened_ms)",
            "CREATE INDEX IF NOT EXISTS incidents_by_opening ON incidents (opened_ms)",
        )
    ),
    Migration(
        (
            # shipped within the first version, so there or not
            """CREATE TABLE IF NOT EXISTS feedback (
                incident_id {id} NOT NULL PRIMARY KEY, verdict TEXT NOT NULL, actor TEXT NOT NULL,
                note TEXT NOT NULL, said_ms BIGINT NOT NULL, targets TEXT NOT NULL)""",
            """CREATE TABLE IF NOT EXISTS model_statistics (
                service TEXT NOT NULL, group_index INTEGER NOT NULL, day INTEGER NOT NULL,
                until_ms BIGINT NOT NULL, body TEXT NOT NULL,
                PRIMARY KEY (service, group_index, day))""",
        )
    ),
    Migration(
        (
            "ALTER TABLE incident_events ADD COLUMN request TEXT NOT NULL DEFAULT ''",
            """CREATE INDEX incident_events_by_request ON incident_events (request)
                WHERE request <> ''""",
            "ALTER TABLE incidents ADD COLUMN closed_ms BIGINT",
            "ALTER TABLE incidents ADD COLUMN assignee TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE incidents ADD COLUMN places TEXT NOT NULL DEFAULT '[]'",
            "DROP INDEX incidents_by_state",
            "CREATE INDEX incidents_by_state ON incidents (state, updated_ms)",
            "DROP INDEX incidents_by_opening",
            "CREATE INDEX incidents_by_opening ON incidents (opened_ms, id)",
            """CREATE TABLE incident_index (
                term BIGINT NOT NULL, standing INTEGER NOT NULL, opened_ms BIGINT NOT NULL,
                incident_id {id} NOT NULL,
                PRIMARY KEY (term, standing, opened_ms, incident_id)) {without_rowid}""",
            """CREATE TABLE requests (
                id {id} NOT NULL PRIMARY KEY, incident_id {id} NOT NULL, action TEXT NOT NULL,
                actor TEXT NOT NULL, reason TEXT NOT NULL, requested_ms BIGINT NOT NULL,
                body TEXT NOT NULL)""",
            "CREATE INDEX requests_by_incident ON requests (incident_id, requested_ms)",
        ),
        rebuilds=True,
    ),
    Migration(
        (
            """CREATE TABLE drift_standings (
                service TEXT NOT NULL PRIMARY KEY, until_ms BIGINT NOT NULL,
                body TEXT NOT NULL)""",
        )
    ),
    Migration(
        (
            """CREATE TABLE notify_outbox (
                sequence {sequence}, id {id} NOT NULL UNIQUE, incident_id {id} NOT NULL,
                revision INTEGER NOT NULL, channel TEXT NOT NULL, kind TEXT NOT NULL,
                cause TEXT NOT NULL, reason TEXT NOT NULL, about TEXT NOT NULL, body TEXT NOT NULL,
                decided_ms BIGINT NOT NULL, status TEXT NOT NULL, attempts INTEGER NOT NULL,
                next_ms BIGINT NOT NULL, ended_ms BIGINT, note TEXT NOT NULL,
                receipt TEXT NOT NULL)""",
            """CREATE INDEX notify_outbox_due ON notify_outbox (channel, sequence)
                WHERE status = 'due'""",
            "CREATE INDEX notify_outbox_by_incident ON notify_outbox (incident_id, channel)",
            """CREATE TABLE notify_state (
                name {id} NOT NULL PRIMARY KEY, body TEXT NOT NULL)""",
        )
    ),
    Migration(
        (
            """CREATE TABLE obeyed (
                name {id} NOT NULL PRIMARY KEY, effective_ms BIGINT NOT NULL,
                tick_ms BIGINT NOT NULL)""",
        )
    ),
    Migration(
        (
            """CREATE TABLE review_records (
                id {id} NOT NULL PRIMARY KEY, revision INTEGER NOT NULL, service TEXT NOT NULL,
                state TEXT NOT NULL, judged TEXT NOT NULL, window_end_ms BIGINT NOT NULL,
                body TEXT NOT NULL)""",
            "CREATE INDEX review_records_by_window ON review_records (window_end_ms, id)",
            """CREATE TABLE review_audit (
                record_id {id} NOT NULL, number INTEGER NOT NULL, before_state TEXT NOT NULL,
                after_state TEXT NOT NULL, actor TEXT NOT NULL, note TEXT NOT NULL,
                at_ms BIGINT NOT NULL, PRIMARY KEY (record_id, number))""",
            """CREATE TABLE review_models (
                name {id} NOT NULL, version INTEGER NOT NULL, algorithm TEXT NOT NULL,
                parameters TEXT NOT NULL, active BOOLEAN NOT NULL, PRIMARY KEY (name, version))""",
        )
    ),
    Migration(
        (
            """CREATE TABLE evidence (
                incident_id {id} NOT NULL, name {id} NOT NULL, until_ms BIGINT NOT NULL,
                body {bytes} NOT NULL, PRIMARY KEY (incident_id, name))""",
            """CREATE TABLE live_state (
                group_index INTEGER NOT NULL PRIMARY KEY, until_ms BIGINT NOT NULL,
                said_ms BIGINT NOT NULL, body TEXT NOT NULL)""",
            """CREATE TABLE heat (
                start_ms BIGINT NOT NULL, resource {id} NOT NULL, oddness FLOAT NOT NULL,
                PRIMARY KEY (start_ms, resource)) {without_rowid}""",
        )
    ),
    Migration(
        (
            """CREATE TABLE callbacks (
                name {id} NOT NULL PRIMARY KEY, until_ms BIGINT NOT NULL, commands TEXT NOT NULL,
                answer TEXT NOT NULL)""",
        )
    ),
    Migration(("ALTER TABLE notify_outbox ADD COLUMN maybe INTEGER NOT NULL DEFAULT 0",)),
    Migration(
        (
            """CREATE TABLE api_tokens (
                id {id} NOT NULL PRIMARY KEY, sha256 TEXT NOT NULL, name TEXT NOT NULL,
                role TEXT NOT NULL, created_ms BIGINT NOT NULL, expires_ms BIGINT,
                used_ms BIGINT, revoked_ms BIGINT)""",
            """CREATE TABLE api_repeats (
                name {id} NOT NULL PRIMARY KEY, asked TEXT NOT NULL, status INTEGER NOT NULL,
                answer TEXT NOT NULL, asked_ms BIGINT NOT NULL)""",
            "CREATE INDEX api_repeats_by_age ON api_repeats (asked_ms)",
        )
    ),
)
SCHEMA_VERSION = len(MIGRATIONS)


def found_version(connection: Connection) -> int | None:
    """Return the version of the store's schema, None where there is no store."""
    if not inspect(connection).has_table(version.name):
        return None
    return connection.execute(select(version.c.version)).scalar()


def migrate(connection: Connection, upto: int = SCHEMA_VERSION) -> int | None:
    """Take the steps that the store lacks; return the version that it had, None if it is new.

    Whoever calls holds the lock of writers: two processes may start at once.
    Raises: ValueError if the store is newer than this program.
    """
    before = found_version(connection)
    found = before or 0
    if found > SCHEMA_VERSION:
        raise ValueError(newer(found))
    steps = MIGRATIONS[found:upto]
    if not steps:
        return before
    types = _TYPES[connection.dialect.name]
    for step in steps:
        for statement in step.statements:
            connection.execute(text(statement.format(**types)))
    if any(step.rebuilds for step in steps):
        rebuild(connection)
    connection.execute(
        text(
            "CREATE TABLE IF NOT EXISTS foreshock_schema "
            "(one INTEGER NOT NULL PRIMARY KEY, version INTEGER NOT NULL)"
        )
    )
    connection.execute(delete(version))
    connection.execute(version.insert(), [{"one": 1, "version": upto}])
    return before


def newer(found: int) -> str:
    """Say that a store is newer than this program can know."""
    return (
        f"the schema version must be at most {SCHEMA_VERSION}, got {found}: "
        "the store was made by a newer Foreshock"
    )
