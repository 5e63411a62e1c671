"""Which databases can be an incident store, and what is said of those that cannot."""

import sqlite3
from pathlib import Path

import pytest
from rich.pretty import pretty_repr

from connectors.incident_database import shown_url
from connectors.incident_store import IncidentStore, SqlSink
from tests.connectors.made_transitions import OPENED
from tests.postgres.server import Postgres


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def test_a_store_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    with pytest.raises(ValueError, match=r"none\.db: no such incident store"):
        IncidentStore(url(path))
    assert not path.exists()


@pytest.mark.parametrize("create", [True, False])
def test_a_file_that_is_no_store_is_refused(tmp_path: Path, create: bool) -> None:
    path = tmp_path / "text.db"
    path.write_text("this is no database, whatever its name says" * 50)
    with pytest.raises(ValueError, match=r"text\.db: must be an incident store, got"):
        IncidentStore(url(path), create=create)


def test_an_empty_database_is_no_store_until_it_is_made_one(store_url: str) -> None:
    if store_url.startswith("sqlite"):
        path = Path(store_url.removeprefix("sqlite:///"))
        path.parent.mkdir()
        sqlite3.connect(path).close()
    with pytest.raises(ValueError, match=r"(incidents\.db|/postgres): no such incident store"):
        IncidentStore(store_url)
    IncidentStore(store_url, create=True).close()
    IncidentStore(store_url).close()


def test_a_file_of_sqlite_lets_readers_read_while_one_writes(tmp_path: Path) -> None:
    writer = IncidentStore(url(tmp_path / "incidents.db"), create=True)
    writer.record([OPENED])
    connection = sqlite3.connect(tmp_path / "incidents.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    writer.close()


@pytest.mark.parametrize("create", [True, False])
def test_a_server_that_cannot_be_reached_is_named_without_its_password(create: bool) -> None:
    with pytest.raises(ValueError, match=r"foreshock:\*\*\*@127\.0\.0\.1:1/db: must be") as caught:
        IncidentStore("postgresql://foreshock:geheim@127.0.0.1:1/db", create=create)
    assert "geheim" not in str(caught.value)


def test_a_database_that_is_not_there_is_named(postgres: Postgres) -> None:
    missing = postgres.database().partition("/postgres")[0] + "/none"
    with pytest.raises(ValueError, match='database "none" does not exist'):
        IncidentStore(missing, create=True)


@pytest.mark.parametrize(
    "bad",
    [
        "incidents.db",
        "",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///a.db?password=geheim",
        "postgresql+asyncpg://user:geheim@host/db",
        "postgresql://user:geheim@host",
        "oracle+geheim://user:geheim@host:x/db",
        "://user:geheim@host",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_and_not_quoted(bad: str) -> None:
    with pytest.raises(ValueError, match="url must") as caught:
        SqlSink(bad)
    assert "geheim" not in str(caught.value)


def test_a_password_in_a_url_is_never_shown() -> None:
    shown = shown_url("postgresql://user:geheim@host:5432/db?sslpassword=geheim")
    assert shown == "postgresql://user:***@host:5432/db"
    sink = SqlSink("sqlite:///incidents.db")
    assert repr(sink) == (
        "SqlSink(url='sqlite:///incidents.db', retention_days=None, wait_s=900.0)"
    )
    assert "incidents.db" in pretty_repr(sink)
