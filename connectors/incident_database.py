"""Opens the database of the incident store: its URL, its settings, its schema version."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from connectors.store_migrations import SCHEMA_VERSION, found_version, migrate, newer

BUSY_TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 10
WRITERS = 0x666F7265  # of PostgreSQL's advisory locks, the one that a store's writers take


def check_url(url: str) -> URL:
    """Return the URL parsed.

    Raises: ValueError if it names neither a SQLite file nor a PostgreSQL database. It never quotes
    the URL, which may hold a password.
    """
    try:
        parsed = make_url(url)
        dialect = parsed.get_backend_name()
    except (ArgumentError, ValueError):
        raise ValueError(
            "url must be like sqlite:///incidents.db or postgresql+psycopg://user@host/database, "
            "got none that is"
        ) from None
    if dialect == "postgresql":
        if parsed.drivername not in ("postgresql", "postgresql+psycopg"):
            raise ValueError(f"url must be postgresql+psycopg://..., got {parsed.drivername!r}")
        if not parsed.database:
            raise ValueError(f"url must name a database, got {shown_url(url)!r}")
        return parsed.set(drivername="postgresql+psycopg")
    if dialect != "sqlite":
        raise ValueError(f"url must be of SQLite or PostgreSQL, got one of {dialect!r}")
    if parsed.database in (None, "", ":memory:") or parsed.query:
        raise ValueError(f"url must name a file and nothing else, got {shown_url(url)!r}")
    return parsed


def shown_url(url: str) -> str:
    """Return the URL without what may be secret: its password and its query."""
    return make_url(url).set(query={}).render_as_string(hide_password=True)


def open_database(url: str, *, create: bool) -> Engine:
    """Open the store; if `create`, make it if there is none, and bring an older one up to date.

    Raises: ValueError if there is none to open, or it is of a schema version that cannot be used.
    """
    engine, name = connect(url, create=create)
    try:
        with saying(name):
            with engine.connect() as connection:
                found = found_version(connection)
            if create and found != SCHEMA_VERSION:
                with writing(engine) as connection:
                    migrate(connection)
                return engine
        _check(name, found)
    except BaseException:
        engine.dispose()
        raise
    return engine


def upgrade_database(url: str) -> tuple[int, int]:
    """Bring a store that is there up to date; return its version before and now.

    Raises: ValueError if there is none, or it is newer than this program.
    """
    engine, name = connect(url, create=False)
    try:
        with saying(name), engine.connect() as connection:
            found = found_version(connection)
        if found is None:
            raise ValueError(f"{name}: no such incident store")
        with saying(name), writing(engine) as connection:
            migrate(connection)
    finally:
        engine.dispose()
    return found, SCHEMA_VERSION


def connect(url: str, *, create: bool) -> tuple[Engine, str]:
    """Return the database, which may hold no store yet, and its name, to be shown.

    Raises: ValueError if there is no such file and `create` is false.
    """
    checked = check_url(url)
    if checked.get_backend_name() == "postgresql":
        options = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "foreshock"}
        options = {name: value for name, value in options.items() if name not in checked.query}
        return create_engine(checked, connect_args=options, pool_pre_ping=True), shown_url(url)
    path = Path(str(checked.database))
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not path.is_file():
        raise ValueError(f"{path}: no such incident store")
    engine = create_engine(checked, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine, str(path)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a transaction that writes; there is one at a time.

    So what it reads stays true until it ends, and sequences grow in the order of commits: whoever
    follows the log by them misses nothing.
    """
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WRITERS})
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a transaction that sees the store as it is now, however long it reads."""
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


@contextmanager
def saying(name: str) -> Iterator[None]:
    """Turn what a database that is no store answers into one line, which holds no secret."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.DatabaseError) as ex:
        cause = ex.orig if isinstance(ex, DBAPIError) else ex
        words = " ".join(str(cause).split()) or type(cause).__name__
        raise ValueError(f"{name}: must be an incident store, got {words}") from ex
    except ValueError as ex:
        raise ValueError(f"{name}: {ex}") from ex


def _check(name: str, found: int | None) -> None:
    if found is None:
        raise ValueError(f"{name}: no such incident store")
    if found > SCHEMA_VERSION:
        raise ValueError(f"{name}: {newer(found)}")
    if found < SCHEMA_VERSION:
        raise ValueError(
            f"{name}: the schema version must be {SCHEMA_VERSION}, got {found}: bring the store up "
            "to date by `foreshock store migrate`; a flow that writes to it does so too"
        )


def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Let readers read while one writes, and let a commit mean that it is on disk."""
    connection.isolation_level = None  # transactions begin where `_begin` says
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA cache_size=-65536")  # 64 MB
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
