"""The incident store is looked after from the command line."""

from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

import foreshock
from connectors.incident_database import connect
from connectors.incident_store import IncidentStore
from tests.cli.kept_incidents import STORE, keep
from tests.connectors.made_transitions import OPENED, resolved

AT = ["--store", STORE]
OVER = resolved("inc-1", 2)
CLOSED = msgspec.structs.replace(
    OVER, incident=msgspec.structs.replace(OVER.incident, revision=3, state="closed")
)


@pytest.fixture(autouse=True)
def _in_a_folder_with_an_incident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keep(OPENED, OVER)


def run(*args: str) -> int:
    return foreshock.main(["store", *args, *AT])


def test_a_store_that_holds_together_is_said_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check") == 0
    assert capsys.readouterr().out.endswith("and holds together: 1 incident, 2 events\n")


def test_what_is_wrong_is_named_and_the_command_fails(capsys: pytest.CaptureFixture[str]) -> None:
    engine, _ = connect(STORE, create=False)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(text("UPDATE incidents SET state = 'open'"))
    engine.dispose()
    assert run("check") == 1
    said = capsys.readouterr()
    assert said.out.startswith("inc-1: its row in incidents has another state\n")
    assert " in 1 incident, 2 events" in said.err


def test_what_was_closed_before_a_time_is_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("prune", "--before", "2026-11-01") == 0
    assert capsys.readouterr().out.startswith("0 incidents dropped")  # none is closed
    keep(CLOSED)
    assert run("prune", "--before", "2020-01-01") == 0
    assert capsys.readouterr().out.startswith("0 incidents dropped")
    assert run("prune", "--before", "2026-11-01") == 0
    said = capsys.readouterr().out
    assert said == "1 incident dropped, closed before 2026-11-01 00:00 UTC\n"
    store = IncidentStore(STORE)
    assert store.list_incidents() == []
    store.close()
    assert run("check") == 0


@pytest.mark.parametrize(
    ("before", "said"), [("soon", "ISO 8601, got 'soon'"), ("2999-01-01", "not be in the future")]
)
def test_a_bad_time_is_one_clear_line(
    before: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("prune", "--before", before) == 2
    err = capsys.readouterr().err
    assert (said in err, err.count("\n")) == (True, 1)
