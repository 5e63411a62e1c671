"""A store of any version becomes one of the last, with what it held; on both databases."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, text

from connectors.access_tables import repeats, tokens
from connectors.callback_tables import callbacks
from connectors.feedback_store import FeedbackStore, Word
from connectors.incident_database import connect, upgrade_database, writing
from connectors.incident_query import IncidentFilter
from connectors.incident_rows import rebuild
from connectors.incident_store import IncidentStore
from connectors.incident_tables import metadata
from connectors.incident_wire import encode_transition
from connectors.outbox_tables import notify_state, outbox
from connectors.review_tables import review_records
from connectors.store_migrations import SCHEMA_VERSION, migrate
from schema import Severity
from tests.connectors.made_transitions import OPENED, later, resolved

INDEXED = 3  # the version from which on there is an index
EVENTS = [OPENED, later("inc-1", 2), later("inc-2", 1), resolved("inc-1", 3)]


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    made, _ = connect(store_url, create=True)
    yield made
    made.dispose()


def make(engine: Engine, version: int) -> None:
    """Make a store as that version had it, with data as that version wrote it."""
    with writing(engine) as connection:
        migrate(connection, upto=version)
        for event in EVENTS:
            row = {"id": event.incident.id, "revision": event.incident.revision,
                   "event": event.event, "ts_ms": event.ts_ms,
                   "body": encode_transition(event).decode()}  # fmt: skip
            connection.execute(
                text(
                    "INSERT INTO incident_events (incident_id, revision, event, ts_ms, body) "
                    "VALUES (:id, :revision, :event, :ts_ms, :body)"
                ),
                row,
            )
        for incident in (EVENTS[3].incident, EVENTS[2].incident):
            row = {name: getattr(incident, name) for name in incident.__struct_fields__}
            connection.execute(
                text(
                    "INSERT INTO incidents (id, revision, state, severity, title, opened_ms, "
                    "onset_ms, updated_ms, resolved_ms, confidence, member_count) VALUES (:id, "
                    ":revision, :state, :severity, :title, :opened_ms, :onset_ms, :updated_ms, "
                    ":resolved_ms, :confidence, :member_count)"
                ),
                row | {"severity": int(incident.severity)},
            )
        if version > 1:
            connection.execute(
                text("INSERT INTO feedback VALUES ('inc-1', 'real', 'kim', 'so it was', 7, '[]')")
            )
        if version >= INDEXED:
            rebuild(connection)  # what is derived, as the sinks of that version wrote it


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_store_of_any_version_becomes_one_of_the_last_and_loses_nothing(
    engine: Engine, store_url: str, version: int
) -> None:
    make(engine, version)
    with pytest.raises(ValueError, match=f"version must be {SCHEMA_VERSION}, got {version}: bring"):
        IncidentStore(store_url)
    store = IncidentStore(store_url, create=True)
    assert [stored.transition for stored in store.events_after(0)] == EVENTS
    assert store.history("inc-1") == [EVENTS[0], EVENTS[1], EVENTS[3]]
    assert store.list_incidents() == [EVENTS[2].incident, EVENTS[3].incident]
    wanted = IncidentFilter(
        states=("resolved",), least=Severity.HIGH, service="aws.rds", title="latency"
    )
    assert store.list_incidents(wanted) == [EVENTS[3].incident]
    store.record([EVENTS[3], later("inc-2", 2)])
    assert len(store.events_after(0)) == 5
    store.close()
    kept = FeedbackStore(store_url)
    said = [Word("inc-1", "real", "kim", "so it was", 7)] if version > 1 else []
    assert kept.words() == said
    kept.close()


@pytest.mark.parametrize("version", range(SCHEMA_VERSION))
def test_every_way_leads_to_the_tables_that_the_code_means(engine: Engine, version: int) -> None:
    for upto in (version, SCHEMA_VERSION):
        with writing(engine) as connection:
            migrate(connection, upto)
    found = inspect(engine)
    beside = {
        tokens.name,
        repeats.name,
        callbacks.name,
        outbox.name,
        notify_state.name,
        review_records.name,
    }
    assert beside <= set(metadata.tables)
    assert set(found.get_table_names()) == set(metadata.tables)
    for name, table in metadata.tables.items():
        columns = {column["name"]: column for column in found.get_columns(name)}
        assert list(columns) == [column.name for column in table.columns]
        for column in table.columns:
            assert columns[column.name]["nullable"] == column.nullable, column
            meant = column.type.dialect_impl(engine.dialect).python_type
            assert columns[column.name]["type"].python_type is meant, column
        key = found.get_pk_constraint(name)["constrained_columns"]
        assert key == [column.name for column in table.primary_key]
        meant_indexes = {index.name: [c.name for c in index.columns] for index in table.indexes}
        assert indexes(found.get_indexes(name)) == meant_indexes


def indexes(found: list[Any]) -> dict[str, list[str]]:
    """Return the indexes by name; PostgreSQL lists those of constraints too."""
    return {
        index["name"]: index["column_names"]
        for index in found
        if "duplicates_constraint" not in index
    }


def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(
    engine: Engine, store_url: str
) -> None:
    IncidentStore(store_url, create=True).close()
    with engine.begin() as connection:
        connection.execute(text("UPDATE foreshock_schema SET version = 77"))
    for create in (True, False):
        with pytest.raises(ValueError, match=r"at most \d+, got 77: .*made by a newer Foreshock"):
            IncidentStore(store_url, create=create)


def test_a_store_is_brought_up_to_date_by_hand(engine: Engine, store_url: str) -> None:
    with pytest.raises(ValueError, match="no such incident store"):
        upgrade_database(store_url)
    make(engine, 1)
    assert upgrade_database(store_url) == (1, SCHEMA_VERSION)
    assert upgrade_database(store_url) == (SCHEMA_VERSION, SCHEMA_VERSION)
    store = IncidentStore(store_url)
    assert len(store.list_incidents()) == 2
    store.close()


def test_a_step_that_fails_leaves_the_store_as_it_was(engine: Engine, store_url: str) -> None:
    make(engine, 1)
    with engine.begin() as connection:
        connection.execute(text("UPDATE incident_events SET body = '{}' WHERE revision = 2"))
    with pytest.raises(ValueError, match="an incident event must be"):
        IncidentStore(store_url, create=True)
    with pytest.raises(ValueError, match="got 1: bring"):
        IncidentStore(store_url)
    assert "incident_index" not in inspect(engine).get_table_names()


OPEN = """
import sys
from connectors.incident_database import open_database
sys.stdin.readline()
open_database(sys.argv[1], create=True).dispose()
"""


@pytest.mark.parametrize("version", [0, 1])
def test_processes_that_start_at_once_make_or_migrate_a_store_once(
    engine: Engine, store_url: str, version: int
) -> None:
    if version:
        make(engine, version)
    engine.dispose()
    command = [sys.executable, "-c", OPEN, store_url]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    store = IncidentStore(store_url)
    assert len(store.list_incidents()) == (2 if version else 0)
    store.close()
