"""Opens the database of the incident store: its URL, its settings, its schema version."""

import sqlite3
from pathlib import Path

from sqlalchemy import Engine, create_engine, event, func, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DatabaseError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import CreateIndex, CreateTable

from connectors.incident_tables import SCHEMA_VERSION, insert_once, metadata, version

BUSY_TIMEOUT_S = 30.0


def check_url(url: str) -> URL:
    """Return the URL parsed.

    Raises: ValueError if it does not name a SQLite file. It never quotes the URL, which may hold
    a password.
    """
    try:
        parsed = make_url(url)
        dialect = parsed.get_backend_name()
    except (ArgumentError, ValueError):
        raise ValueError("url must be like sqlite:///incidents.db, got none that is") from None
    if dialect != "sqlite":
        raise ValueError(f"url must be of SQLite, sqlite:///<file>, got one of {dialect!r}")
    if parsed.database in (None, "", ":memory:") or parsed.query:
        raise ValueError(f"url must name a file and nothing else, got {shown_url(url)!r}")
    return parsed


def shown_url(url: str) -> str:
    """Return the URL without what may be secret: its password and its query."""
    return make_url(url).set(query={}).render_as_string(hide_password=True)


def open_database(url: str, *, create: bool) -> Engine:
    """Open the database; make the file, its folder and the tables if need be and if `create`.

    Raises: ValueError if there is none to open, or it is of another schema version.
    """
    checked = check_url(url)
    path = Path(str(checked.database))
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not path.is_file():
        raise ValueError(f"{path}: no such incident store")
    engine = create_engine(checked, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare)
    try:
        if create:
            create_tables(engine)
        with engine.connect() as connection:
            found = connection.execute(select(func.max(version.c.version))).scalar()
    except (DatabaseError, sqlite3.DatabaseError) as ex:
        engine.dispose()
        cause = ex.orig if isinstance(ex, DatabaseError) else ex
        raise ValueError(f"{path}: must be an incident store, got {cause}") from ex
    if found != SCHEMA_VERSION:
        engine.dispose()
        raise ValueError(f"{path}: schema version must be {SCHEMA_VERSION}, got {found!r}")
    return engine


def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Let readers read while one writes, and let a commit mean that it is on disk."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def create_tables(engine: Engine) -> None:
    """Create what is not there; two processes may do so at once."""
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                connection.execute(CreateIndex(index, if_not_exists=True))
        row = {"one": 1, "version": SCHEMA_VERSION}
        connection.execute(insert_once(version, engine.dialect.name), [row])
