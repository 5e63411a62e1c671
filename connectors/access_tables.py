"""The tables of the web application, beside those of the incident store."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from connectors.incident_tables import ID, metadata

# Bearer tokens; what is sent is never stored, see `connectors.token_store`. Wall clock.
tokens = Table(
    "api_tokens",
    metadata,
    Column("id", ID, primary_key=True),  # the part by which people recognise it
    Column("sha256", Text, nullable=False),  # of the whole token, hex
    Column("name", Text, nullable=False),  # whose it is: the actor in the audit
    Column("role", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),  # None: never
    Column("used_ms", BigInteger),  # last, to the minute
    Column("revoked_ms", BigInteger),
)

# What was answered to a request with an Idempotency-Key, see `connectors.repeats_store`.
repeats = Table(
    "api_repeats",
    metadata,
    Column("name", ID, primary_key=True),  # digest of who asked, and of the key
    Column("asked", Text, nullable=False),  # digest of what was asked
    Column("status", Integer, nullable=False),  # 0: not answered yet
    Column("answer", Text, nullable=False),
    Column("asked_ms", BigInteger, nullable=False),
    Index("api_repeats_by_age", "asked_ms"),
)
