"""The tables of what screens draw, beside the incidents; `store_migrations` makes them."""

from sqlalchemy import BigInteger, Column, Float, Integer, LargeBinary, Table, Text

from connectors.incident_tables import ID, metadata

# What an incident is kept with, see `connectors.plots_store`.
evidence = Table(
    "evidence",
    metadata,
    Column("incident_id", ID, primary_key=True),
    Column("name", ID, primary_key=True),  # of a plot: whose and of what; "": what is around it
    Column("until_ms", BigInteger, nullable=False),  # event time at which it was drawn
    Column("body", LargeBinary, nullable=False),  # JSON, by zlib
)

# How each key group stands now, see `connectors.live_store`.
live_state = Table(
    "live_state",
    metadata,
    Column("group_index", Integer, primary_key=True, autoincrement=False),
    Column("until_ms", BigInteger, nullable=False),  # event time
    Column("said_ms", BigInteger, nullable=False),  # wall clock
    Column("body", Text, nullable=False),  # JSON
)

# How odd resources were at the most, by bucket of time.
heat = Table(
    "heat",
    metadata,
    Column("start_ms", BigInteger, primary_key=True, autoincrement=False),  # event time
    Column("resource", ID, primary_key=True),  # key
    Column("oddness", Float, nullable=False),
)
