"""The contract of the incident store, kept by SQLite and by PostgreSQL alike."""

from collections.abc import Iterator

import bytewax.operators as op
import msgspec
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource, run_main
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.incident_database import connect, writing
from connectors.incident_query import Cursor, IncidentFilter
from connectors.incident_store import IncidentStore, IncidentStoreSink, SqlSink, cursor_of
from connectors.incident_tables import incident_events, incident_index, incidents
from schema import Incident, Severity, State, Transition
from tests.connectors.made_transitions import INCIDENT, MEMBER, OPENED, RESOURCE, later, resolved

replace = msgspec.structs.replace
EVENTS = [OPENED, later("inc-1", 2), replace(later("inc-2", 1), event="opened"), later("inc-1", 3)]


@pytest.fixture
def store(store_url: str) -> Iterator[IncidentStore]:
    opened = IncidentStore(store_url, create=True)
    yield opened
    opened.close()


def empty(url: str) -> None:
    """Take everything out of a store, so that one serves many examples."""
    engine, _ = connect(url, create=False)
    with writing(engine) as connection:
        for table in (incident_events, incident_index, incidents):
            connection.execute(table.delete())
    engine.dispose()


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


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(made, st.integers(1, 5))
def test_repeats_and_batches_change_nothing(
    store_url: str, store: IncidentStore, events: list[Transition], batch: int
) -> None:
    empty(store_url)
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

    def ids(**wanted: object) -> str:
        found = store.list_incidents(msgspec.convert(wanted, IncidentFilter))
        return "".join(incident.id for incident in found)

    second_ms = INCIDENT.opened_ms + 1000
    assert ids() == "dcbea"
    assert [each.id for each in store.list_incidents(limit=2)] == ["d", "c"]
    assert ids(states=("open",)) == "dcba"
    assert ids(states=("resolved",)) == "e"
    assert ids(states=("open", "resolved"), least=Severity.HIGH) == "be"
    assert ids(least=Severity.HIGH) == "be"
    assert ids(opened_from_ms=second_ms) == "dcb"
    assert ids(opened_before_ms=second_ms) == "ea"


def placed(name: str, *services: str, title: str = "", assignee: str = "", at: int = 0) -> Incident:
    members = tuple(
        replace(MEMBER, resource=replace(RESOURCE, service=service)) for service in services
    )
    return replace(
        INCIDENT, id=name, members=members, title=title, assignee=assignee,
        opened_ms=INCIDENT.opened_ms + at,
    )  # fmt: skip


def test_incidents_are_found_by_where_they_are_what_they_say_and_who_has_them(
    store: IncidentStore,
) -> None:
    made = [
        placed("a", "aws.rds", title="Latency of orders-db rose"),
        placed("b", "aws.rds", "aws.ec2", title="latency of carts rose", assignee="kim"),
        placed("c", "aws.ec2", title="orders are silent"),
    ]
    store.record([replace(OPENED, incident=incident) for incident in made])

    def ids(wanted: IncidentFilter) -> str:
        return "".join(incident.id for incident in store.list_incidents(wanted))

    assert ids(IncidentFilter(service="aws.rds")) == "ba"
    assert ids(IncidentFilter(service="aws.ec2", cloud="aws", region="eu-west-1")) == "cb"
    assert ids(IncidentFilter(account="111122223333")) == "cba"
    assert ids(IncidentFilter(service="aws.ec2", cloud="gcp")) == ""
    assert ids(IncidentFilter(title="LATENCY")) == "ba"
    assert ids(IncidentFilter(title="orders")) == "ca"
    assert ids(IncidentFilter(title="orders-db latency")) == "a"
    assert ids(IncidentFilter(title="of")) == "cba"  # a word that says nothing narrows nothing
    assert ids(IncidentFilter(assignee="kim", service="aws.rds")) == "b"
    assert ids(IncidentFilter(assignee="kim", title="orders")) == ""


def test_what_has_changed_is_found_as_it_is_now(store: IncidentStore) -> None:
    first = placed("a", "aws.rds", title="latency", assignee="kim")
    store.record([replace(OPENED, incident=first)])
    second = replace(
        placed("a", "aws.ec2", title="memory"), revision=2, state="acknowledged",
        severity=Severity.LOW,
    )  # fmt: skip
    store.record([replace(OPENED, event="acknowledged", incident=second)])

    def found(wanted: IncidentFilter) -> bool:
        return store.list_incidents(wanted) == [second]

    gone = [
        IncidentFilter(title="latency"),
        IncidentFilter(assignee="kim"),
        IncidentFilter(states=("open",)),
        IncidentFilter(least=Severity.MEDIUM),
    ]
    assert [store.list_incidents(wanted) for wanted in gone] == [[], [], [], []]
    assert found(IncidentFilter(title="memory", states=("acknowledged",)))
    assert found(IncidentFilter(service="aws.ec2"))
    assert found(IncidentFilter(service="aws.rds"))  # of a storm not all members are shown


STATES: tuple[State, ...] = ("open", "acknowledged", "resolved", "closed", "merged")
SERVICES, WORDS = ("aws.rds", "aws.ec2"), ("latency", "memory")
rows = st.lists(
    st.tuples(
        st.sampled_from(STATES), st.sampled_from(Severity), st.sampled_from(SERVICES),
        st.sampled_from(WORDS), st.integers(0, 3),
    ),
    max_size=20,
)  # fmt: skip
filters = st.builds(
    IncidentFilter,
    states=st.lists(st.sampled_from(STATES), unique=True, max_size=2).map(tuple),
    least=st.sampled_from(Severity),
    service=st.sampled_from(("", *SERVICES)),
    title=st.sampled_from(("", *WORDS)),
    opened_from_ms=st.none() | st.integers(0, 3).map(lambda at: INCIDENT.opened_ms + at),
    opened_before_ms=st.none() | st.integers(0, 4).map(lambda at: INCIDENT.opened_ms + at),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows, filters, st.integers(1, 5))
def test_pages_hold_each_incident_that_a_filter_lets_through_once_and_in_order(
    store_url: str,
    store: IncidentStore,
    made: list[tuple[State, Severity, str, str, int]],
    wanted: IncidentFilter,
    limit: int,
) -> None:
    empty(store_url)
    kept = [
        replace(placed(f"i{number}", service, title=word, at=at), state=state, severity=severity)
        for number, (state, severity, service, word, at) in enumerate(made)
    ]
    store.record([replace(OPENED, incident=incident) for incident in kept])
    right = [
        each
        for each in sorted(kept, key=cursor_of, reverse=True)
        if (not wanted.states or each.state in wanted.states)
        and each.severity >= wanted.least
        and wanted.service in ("", each.members[0].resource.service)
        and wanted.title in ("", each.title)
        and (wanted.opened_from_ms is None or each.opened_ms >= wanted.opened_from_ms)
        and (wanted.opened_before_ms is None or each.opened_ms < wanted.opened_before_ms)
    ]
    found: list[Incident] = []
    after: Cursor | None = None
    while page := store.list_incidents(wanted, limit=limit, after=after):
        found += page
        after = Cursor.of(str(cursor_of(page[-1])))
    assert found == right


@pytest.mark.parametrize("text", ["", "1", "1.", "x.inc-1", ".inc-1"])
def test_a_cursor_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a cursor must be like 1772359200000"):
        Cursor.of(text)


def test_ids_are_found_by_how_they_begin(store: IncidentStore) -> None:
    names = ("inc-0", "inc-1", "inc-1a", "inc-1b", "inc-2", "INC-1")
    store.record([replace(OPENED, incident=replace(INCIDENT, id=name)) for name in names])
    assert store.find_ids("inc-1") == ["inc-1", "inc-1a"]
    assert store.find_ids("inc-1", limit=9) == ["inc-1", "inc-1a", "inc-1b"]
    assert store.find_ids("inc-1b") == ["inc-1b"]
    assert store.find_ids("inc-3") == []


def test_a_zero_character_from_outside_is_stored(store: IncidentStore) -> None:
    named = replace(OPENED, incident=replace(INCIDENT, title="a\x00b", assignee="k\x00"))
    store.record([named])
    assert store.list_incidents(IncidentFilter(assignee="k\x00")) == [named.incident]


def test_a_batch_is_stored_whole_or_not_at_all(store: IncidentStore) -> None:
    beyond = replace(OPENED, incident=replace(INCIDENT, id="inc-9", opened_ms=2**70))
    with pytest.raises((OverflowError, ValueError)):
        store.record([OPENED, beyond])
    assert store.events_after(0) == []
    store.record([])
    store.record([OPENED])
    assert len(store.events_after(0)) == 1


def test_the_sink_stores_each_event_once_however_often_the_flow_runs(store_url: str) -> None:
    built: Dataflow = Dataflow("test")
    events = op.input("in", built, TestingSource(EVENTS, batch_size=3))
    keyed = op.key_on("key", events, lambda event: event.incident.id)
    op.output("out", keyed, IncidentStoreSink(SqlSink(store_url)))
    run_main(built)
    run_main(built)
    store = IncidentStore(store_url)
    assert [event.transition for event in store.events_after(0)] == EVENTS
    store.close()


def test_readers_see_what_was_stored_while_the_writer_is_open(store_url: str) -> None:
    writer, reader = IncidentStore(store_url, create=True), IncidentStore(store_url)
    writer.record([OPENED])
    assert reader.get_incident("inc-1") == INCIDENT
    writer.close()
    reader.close()
