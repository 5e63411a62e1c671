import sqlite3
from pathlib import Path

import bytewax.operators as op
import msgspec
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource, run_main
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.pretty import pretty_repr
from sqlalchemy.engine import make_url
from sqlalchemy.schema import CreateTable

from connectors.incident_database import shown_url
from connectors.incident_store import IncidentStore, IncidentStoreSink, SqlSink
from connectors.incident_tables import incident_events, insert_once, metadata, upsert_newer
from schema import Incident, Severity, Transition
from tests.connectors.made_transitions import INCIDENT, OPENED, later, resolved

replace = msgspec.structs.replace
EVENTS = [OPENED, later("inc-1", 2), replace(later("inc-2", 1), event="opened"), later("inc-1", 3)]


def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def store(tmp_path: Path) -> IncidentStore:
    return IncidentStore(url(tmp_path / "made" / "incidents.db"), create=True)


def test_the_newest_revision_is_how_an_incident_stands(store: IncidentStore) -> None:
    store.record(EVENTS)
    assert store.get_incident("inc-1") == EVENTS[3].incident
    assert store.get_incident("inc-2") == EVENTS[2].incident
    assert store.get_incident("inc-3") is None


def test_an_older_revision_that_comes_late_is_history_only(store: IncidentStore) -> None:
    store.record([later("inc-1", 3)])
    store.record([later("inc-1", 2), OPENED])
    incident = store.get_incident("inc-1")
    assert incident is not None
    assert incident.revision == 3
    assert [event.incident.revision for event in store.history("inc-1")] == [1, 2, 3]
    assert [event.transition.incident.revision for event in store.events_after(0)] == [3, 2, 1]


def test_the_log_is_read_on_from_any_sequence_and_only_grows(store: IncidentStore) -> None:
    assert store.last_sequence() == 0
    store.record(EVENTS[:2])
    first = store.events_after(0)
    store.record([*EVENTS[1:2], *EVENTS[2:]])
    assert [event.transition for event in store.events_after(0)] == EVENTS
    assert [event.transition for event in store.events_after(first[-1].sequence)] == EVENTS[2:]
    assert store.events_after(0, limit=2) == first
    sequences = [event.sequence for event in store.events_after(0)]
    assert sequences == sorted(set(sequences))
    assert store.last_sequence() == sequences[-1]


made = st.lists(
    st.builds(later, st.sampled_from(["inc-1", "inc-2"]), st.integers(1, 4)), max_size=12
)


@settings(max_examples=25, deadline=None)
@given(made, st.integers(1, 5))
def test_repeats_and_batches_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, events: list[Transition], batch: int
) -> None:
    store = IncidentStore(url(tmp_path_factory.mktemp("store") / "a.db"), create=True)
    for start in range(0, len(events), batch):
        store.record(events[start : start + batch])
    once = {event.id: event for event in events}
    assert [stored.transition for stored in store.events_after(0)] == list(once.values())
    newest = {incident.id: incident.revision for incident in store.list_incidents()}
    assert newest == {
        name: max(event.incident.revision for event in events if event.incident.id == name)
        for name in {event.incident.id for event in events}
    }
    before = store.events_after(0)
    store.record(events)
    assert store.events_after(0) == before
    store.close()


def test_incidents_are_listed_by_state_severity_and_opening_last_first(
    store: IncidentStore,
) -> None:
    def opened(name: str, severity: Severity, after_ms: int) -> Transition:
        incident = replace(
            INCIDENT, id=name, severity=severity, opened_ms=INCIDENT.opened_ms + after_ms
        )
        return replace(OPENED, incident=incident)

    store.record(
        [
            opened("a", Severity.LOW, 0),
            opened("b", Severity.CRITICAL, 1000),
            opened("c", Severity.MEDIUM, 2000),
            opened("d", Severity.MEDIUM, 2000),
            resolved("e", 2),  # HIGH, opened with "a"
        ]
    )

    def ids(incidents: list[Incident]) -> str:
        return "".join(incident.id for incident in incidents)

    second_ms = INCIDENT.opened_ms + 1000
    assert ids(store.list_incidents()) == "cdbae"
    assert ids(store.list_incidents(limit=2)) == "cd"
    assert ids(store.list_incidents(state="open")) == "cdba"
    assert ids(store.list_incidents(state="resolved")) == "e"
    assert ids(store.list_incidents(least=Severity.HIGH)) == "be"
    assert ids(store.list_incidents(opened_from_ms=second_ms)) == "cdb"
    assert ids(store.list_incidents(opened_before_ms=second_ms)) == "ae"


def test_a_batch_is_stored_whole_or_not_at_all(store: IncidentStore) -> None:
    beyond = replace(OPENED, incident=replace(INCIDENT, id="inc-9", opened_ms=2**70))
    with pytest.raises((OverflowError, ValueError)):
        store.record([OPENED, beyond])
    assert store.events_after(0) == []
    store.record([])
    store.record([OPENED])
    assert len(store.events_after(0)) == 1


def test_the_sink_stores_each_event_once_however_often_the_flow_runs(tmp_path: Path) -> None:
    place = url(tmp_path / "incidents.db")
    built: Dataflow = Dataflow("test")
    events = op.input("in", built, TestingSource(EVENTS, batch_size=3))
    keyed = op.key_on("key", events, lambda event: event.incident.id)
    op.output("out", keyed, IncidentStoreSink(SqlSink(place)))
    run_main(built)
    run_main(built)
    assert [event.transition for event in IncidentStore(place).events_after(0)] == EVENTS


def test_readers_see_what_was_stored_while_the_writer_is_open(tmp_path: Path) -> None:
    place = url(tmp_path / "incidents.db")
    writer, reader = IncidentStore(place, create=True), IncidentStore(place)
    writer.record([OPENED])
    assert reader.get_incident("inc-1") == INCIDENT
    with sqlite3.connect(tmp_path / "incidents.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


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
    path.unlink()
    sqlite3.connect(path).close()
    if not create:
        with pytest.raises(ValueError, match=r"must be an incident store, got no such table"):
            IncidentStore(url(path))


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "incidents.db"
    IncidentStore(url(path), create=True).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE foreshock_schema SET version = 7")
    connection.commit()
    connection.close()
    for create in (True, False):
        with pytest.raises(ValueError, match=r"schema version must be 1, got 7"):
            IncidentStore(url(path), create=create)


@pytest.mark.parametrize(
    "bad",
    [
        "incidents.db",
        "",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///a.db?password=geheim",
        "postgresql://user:geheim@host/db",
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
    assert repr(sink) == "SqlSink(url='sqlite:///incidents.db')"
    assert "incidents.db" in pretty_repr(sink)


def test_tables_and_statements_are_good_for_postgresql_too() -> None:
    dialect = make_url("postgresql+psycopg://").get_dialect()()
    ddl = [str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables]
    assert any("sequence BIGSERIAL" in text for text in ddl)
    once = str(insert_once(incident_events, "postgresql").compile(dialect=dialect))
    assert "ON CONFLICT DO NOTHING" in once
    newer = str(upsert_newer("postgresql").compile(dialect=dialect))
    assert "ON CONFLICT (id) DO UPDATE SET revision = excluded.revision" in newer
    assert newer.endswith("WHERE incidents.revision < excluded.revision")
