"""The tables of the review, beside those of the incident store; `store_migrations` makes them."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from connectors.incident_tables import ID, metadata

# Anomalies among the incidents; the newest revision of each.
review_records = Table(
    "review_records",
    metadata,
    Column("id", ID, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("service", Text, nullable=False),
    Column("state", Text, nullable=False),  # what people did with it; a revision leaves it alone
    Column("judged", Text, nullable=False),  # CONFIRMED, FALSE_POSITIVE, or "": nobody said
    Column("window_end_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),  # JSON of `schema.AnomalyRecord`
    Index("review_records_by_window", "window_end_ms", "id"),
)

# Who moved a record from state to state.
review_audit = Table(
    "review_audit",
    metadata,
    Column("record_id", ID, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("before_state", Text, nullable=False),
    Column("after_state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),  # wall clock
)

# The registry of the review's models; a version never changes but for being active or not.
review_models = Table(
    "review_models",
    metadata,
    Column("name", ID, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("algorithm", Text, nullable=False),
    Column("parameters", Text, nullable=False),  # JSON
    Column("active", Boolean, nullable=False),
)
