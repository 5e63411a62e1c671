"""A store that was damaged by hand says where; one that was written by the code holds together."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from connectors.incident_database import connect
from connectors.incident_store import IncidentStore
from connectors.plots_store import PlotsStore
from connectors.store_check import MAX_FAULTS, Checked, check_store
from connectors.store_migrations import SCHEMA_VERSION
from schema import Shown
from tests.connectors.made_evidence import AROUND, PLOT
from tests.connectors.made_transitions import OPENED, later, resolved


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    store = IncidentStore(store_url, create=True)
    store.record([OPENED, later("inc-2", 1)])
    store.record([later("inc-1", 2), later("inc-2", 2)])
    store.record([resolved("inc-1", 3)])
    store.close()
    plots = PlotsStore(store_url)
    plots.keep([Shown("inc-2", PLOT), Shown("inc-2", AROUND)])
    plots.close()
    engine, _ = connect(store_url, create=False)
    yield engine
    engine.dispose()


def damaged(engine: Engine, statement: str) -> None:
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(text(statement))


def test_what_the_code_wrote_holds_together(engine: Engine, store_url: str) -> None:
    assert check_store(store_url) == Checked(SCHEMA_VERSION, 2, 5, (), 0)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "DELETE FROM incident_events WHERE incident_id = 'inc-1' AND revision = 2",
            "inc-1: has 2 of its events 1 to 3, the first is 1",
        ),
        (
            "DELETE FROM incident_events WHERE incident_id = 'inc-2' AND revision = 1",
            "inc-2: has 1 of its events 1 to 2, the first is 2",
        ),
        (
            "UPDATE incident_events SET body = '{' WHERE incident_id = 'inc-1' AND revision = 1",
            "inc-1: event 1 cannot be read: an incident event must be foreshock.incident/1: "
            "Input data was truncated",
        ),
        (
            "UPDATE incident_events SET ts_ms = 7 WHERE incident_id = 'inc-1' AND revision = 1",
            "inc-1: event 1 is stored under another ts_ms",
        ),
        (
            "UPDATE incidents SET state = 'open', title = '' WHERE id = 'inc-1'",
            "inc-1: its row in incidents has another state, title",
        ),
        (
            "UPDATE incidents SET places = '[]' WHERE id = 'inc-2'",
            "inc-2: its row in incidents has another places",
        ),
        ("DELETE FROM incidents WHERE id = 'inc-2'", "inc-2: has events and no row in incidents"),
        (
            "DELETE FROM incident_index WHERE incident_id = 'inc-1'",
            "inc-1: cannot be found by all that it is about",
        ),
        (
            "INSERT INTO incident_index VALUES (1, 1, 1, 'inc-9')",
            "incident_index: has 1 rows of which no event says anything",
        ),
        (
            "UPDATE evidence SET until_ms = 7 WHERE name = ''",
            "inc-2: evidence '' is stored under another name or until_ms",
        ),
        (
            "UPDATE evidence SET body = substr(body, 1, 20) WHERE name = ''",
            "inc-2: evidence '' cannot be read: Error -5 while decompressing data: "
            "incomplete or truncated stream",
        ),
        (
            "DELETE FROM incident_events WHERE incident_id = 'inc-2'",
            "incidents: has 1 rows of which no event says anything",
        ),
    ],
)
def test_a_damage_is_named(engine: Engine, store_url: str, statement: str, said: str) -> None:
    damaged(engine, statement)
    found = check_store(store_url)
    assert said in found.faults
    assert found.fault_count == len(found.faults)


def test_an_event_of_an_earlier_version_is_none_the_worse_for_it(
    engine: Engine, store_url: str
) -> None:
    damaged(engine, """UPDATE incident_events SET body = replace(body, '"assignee":"",', '')""")
    with engine.connect() as connection:
        left = text("SELECT count(*) FROM incident_events WHERE body LIKE '%assignee%'")
        assert connection.execute(left).scalar_one() == 0
    assert check_store(store_url).faults == ()


def test_of_many_faults_the_first_are_told_and_all_are_counted(
    engine: Engine, store_url: str
) -> None:
    store = IncidentStore(store_url)
    store.record([later(f"more-{number:04}", 1) for number in range(MAX_FAULTS + 20)])
    store.close()
    assert check_store(store_url).faults == ()
    damaged(engine, "UPDATE incidents SET title = 'x' WHERE id LIKE 'more-%'")
    found = check_store(store_url)
    assert len(found.faults) == MAX_FAULTS
    assert found.fault_count >= MAX_FAULTS + 20


def test_where_there_is_no_store_it_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ValueError, match="no such incident store"):
        check_store(f"sqlite:///{tmp_path_factory.mktemp('none')}/x.db")
