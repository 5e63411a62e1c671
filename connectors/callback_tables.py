"""The table of callbacks that were taken, beside those of the incident store."""

from sqlalchemy import BigInteger, Column, Table, Text

from connectors.incident_tables import ID, metadata

# What people asked for through a provider: once, by whichever process and after any crash.
callbacks = Table(
    "callbacks",
    metadata,
    Column("name", ID, primary_key=True),  # `Callback.id`
    Column("until_ms", BigInteger, nullable=False),  # then a copy is stale; wall clock
    Column("commands", Text, nullable=False),  # JSON: `callback_store.Made`
    Column("answer", Text, nullable=False),  # "": the flow may not have been told yet
)
