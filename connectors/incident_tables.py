"""The tables of the incident store and how they are written, for SQLite and for PostgreSQL.

`store_migrations` makes them; here they stand as they are once all its steps have been taken.
"""

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, Table, Text, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import UniqueConstraint

metadata = MetaData()

# SQLite counts only an INTEGER primary key up by itself.
SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")
# Compared by bytes, so that a range of ids is those that begin alike.
ID = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

version = Table(
    "foreshock_schema",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),  # always 1: a single row
    Column("version", Integer, nullable=False),
)

# Every event once, in the order in which it was stored; `sequence` only grows, with gaps.
incident_events = Table(
    "incident_events",
    metadata,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=True),
    Column("incident_id", ID, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("event", Text, nullable=False),
    Column("ts_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),  # the wire form
    Column("request", Text, nullable=False),  # that it answers, or ""
    UniqueConstraint("incident_id", "revision"),
    Index(
        "incident_events_by_request",
        "request",
        sqlite_where=text("request <> ''"),
        postgresql_where=text("request <> ''"),
    ),
    sqlite_autoincrement=True,
)

# The newest revision of each incident; the whole of it stands in its event's body.
incidents = Table(
    "incidents",
    metadata,
    Column("id", ID, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("severity", Integer, nullable=False),  # 1 LOW .. 4 CRITICAL
    Column("title", Text, nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("onset_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("resolved_ms", BigInteger),
    Column("confidence", Float, nullable=False),
    Column("member_count", Integer, nullable=False),
    Column("closed_ms", BigInteger),
    Column("assignee", Text, nullable=False),
    Column("places", Text, nullable=False),  # JSON: [[cloud, account, region, service], ...]
    Index("incidents_by_state", "state", "updated_ms"),
    Index("incidents_by_opening", "opened_ms", "id"),
)

# By what an incident can be found, see `incident_terms`: within a term and a standing by opening.
incident_index = Table(
    "incident_index",
    metadata,
    Column("term", BigInteger, primary_key=True, autoincrement=False),
    Column("standing", Integer, primary_key=True, autoincrement=False),
    Column("opened_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("incident_id", ID, primary_key=True),
)

# What people said an incident was; the last word counts.
feedback = Table(
    "feedback",
    metadata,
    Column("incident_id", ID, primary_key=True),
    Column("verdict", Text, nullable=False),  # false_positive, real
    Column("actor", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("said_ms", BigInteger, nullable=False),  # wall clock
    Column("targets", Text, nullable=False),  # JSON, as in `schema.Feedback`
)

# What people asked for, see `connectors.requests_store`.
requests = Table(
    "requests",
    metadata,
    Column("id", ID, primary_key=True),
    Column("incident_id", ID, nullable=False),
    Column("action", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("requested_ms", BigInteger, nullable=False),  # wall clock
    Column("body", Text, nullable=False),  # JSON: the command as it stands in the control log
    Index("requests_by_incident", "incident_id", "requested_ms"),
)

# What a flow has taken up of it, see `connectors.obeyed_store`.
obeyed = Table(
    "obeyed",
    metadata,
    Column("name", ID, primary_key=True),
    Column("effective_ms", BigInteger, nullable=False),
    Column("tick_ms", BigInteger, nullable=False),
)

# How detection stands, see `connectors.standing_store`.
model_statistics = Table(
    "model_statistics",
    metadata,
    Column("service", Text, primary_key=True),
    Column("group_index", Integer, primary_key=True, autoincrement=False),
    Column("day", Integer, primary_key=True, autoincrement=False),  # from 1970, event time
    Column("until_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),  # JSON
)

drift_standings = Table(
    "drift_standings",
    metadata,
    Column("service", Text, primary_key=True),
    Column("until_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),  # JSON
)

Insert = sqlite.Insert | postgresql.Insert


def insert_once(table: Table, dialect: str) -> Insert:
    """Return the statement that adds rows and leaves out those that are there already."""
    return _insert(table, dialect).on_conflict_do_nothing()


def upsert_newer(dialect: str) -> Insert:
    """Return the statement that sets incidents to a revision, unless they have a newer one."""
    insert = _insert(incidents, dialect)
    return insert.on_conflict_do_update(
        index_elements=[incidents.c.id],
        set_={column.name: column for column in insert.excluded if column.name != "id"},
        where=incidents.c.revision < insert.excluded.revision,
    )


def upsert(table: Table, dialect: str, newer: str | None = None) -> Insert:
    """Return the statement that adds rows, over those of the same primary key.

    With `newer` only over those that have no more in that column.
    """
    insert = _insert(table, dialect)
    key = {column.name for column in table.primary_key}
    return insert.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={column.name: column for column in insert.excluded if column.name not in key},
        where=None if newer is None else table.c[newer] <= insert.excluded[newer],
    )


def _insert(table: Table, dialect: str) -> Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
