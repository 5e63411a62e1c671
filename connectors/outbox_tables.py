"""The tables of notification, beside those of the incident store; `store_migrations` makes them."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, text

from connectors.incident_tables import ID, SEQUENCE, metadata

# Every message that is due, was sent, or was kept from somebody: the audit of who was told what.
outbox = Table(
    "notify_outbox",
    metadata,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", ID, nullable=False, unique=True),  # `Notice.id`
    Column("incident_id", ID, nullable=False),  # "": a digest
    Column("revision", Integer, nullable=False),
    Column("channel", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("about", Text, nullable=False),  # JSON: ids of a digest
    Column("body", Text, nullable=False),  # the event as it is told, wire form; "" of a digest
    Column("decided_ms", BigInteger, nullable=False),  # wall clock, as all times here
    Column("status", Text, nullable=False),  # due, sent, held, dropped, failed
    Column("attempts", Integer, nullable=False),
    Column("next_ms", BigInteger, nullable=False),  # of the next attempt
    Column("ended_ms", BigInteger),  # sent, dropped or failed
    Column("note", Text, nullable=False),  # the last error, or why it was dropped
    Column("receipt", Text, nullable=False),  # what the channel calls the message
    Column("maybe", Integer, nullable=False),  # 1: an attempt of unknown outcome was made
    Index("notify_outbox_due", "channel", "sequence", sqlite_where=text("status = 'due'"),
          postgresql_where=text("status = 'due'")),
    Index("notify_outbox_by_incident", "incident_id", "channel"),
    sqlite_autoincrement=True,
)  # fmt: skip

# What notification remembers between two decisions, see `operators.dispatch.DispatchState`.
notify_state = Table(
    "notify_state",
    metadata,
    Column("name", ID, primary_key=True),  # "cursor", "limits", "inc-..."
    Column("body", Text, nullable=False),  # JSON
)
