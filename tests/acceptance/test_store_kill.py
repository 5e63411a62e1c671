"""The writer is killed in the middle of a storm, again and again: no event is lost, none is twice.

`STORE_KILLS` says how often; `make chaos-store` kills twenty times.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from connectors.incident_database import connect, reading, writing
from connectors.incident_rows import rebuild
from connectors.incident_store import IncidentStore
from connectors.incident_tables import incident_events, incident_index, incidents
from connectors.incident_wire import encode_transition
from schema import Transition
from tests.acceptance.storm_writer import unbroken

KILLS = int(os.environ.get("STORE_KILLS", "3"))
DEADLINE_S = 120.0


def start(url: str, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.acceptance.storm_writer", url, str(folder)]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def kill_when(writer: subprocess.Popen[bytes], store: IncidentStore, sequence: int) -> bool:
    """Kill the writer once that much is stored; return false if it had ended before."""
    deadline = time.monotonic() + DEADLINE_S
    while store.last_sequence() < sequence and writer.poll() is None:
        assert time.monotonic() < deadline, f"{sequence} was not reached"
    ended = writer.poll() is not None
    writer.kill()
    said = writer.communicate()[1]
    assert not ended or writer.returncode == 0, said.decode()
    return not ended


def stored(connection: Connection) -> list[list[tuple[Any, ...]]]:
    """Return what the tables of incidents hold, in one order."""
    return [
        sorted(tuple(row) for row in connection.execute(select(table)))
        for table in (incidents, incident_index)
    ]


def test_no_event_is_lost_and_none_is_twice_however_often_the_writer_is_killed(
    store_url: str, tmp_path: Path
) -> None:
    wanted: list[Transition] = unbroken()
    assert len(wanted) > 300
    store = IncidentStore(store_url, create=True)
    places = np.sort(np.random.default_rng(7).integers(1, len(wanted) * 9 // 10, KILLS))
    killed = 0
    for place in places:
        killed += kill_when(start(store_url, tmp_path / "recovery"), store, int(place))
    assert killed == KILLS
    last = start(store_url, tmp_path / "recovery")
    said = last.communicate(timeout=DEADLINE_S)[1]
    assert last.returncode == 0, said.decode()

    engine, _ = connect(store_url, create=False)
    with reading(engine) as connection:
        columns = (
            incident_events.c.incident_id,
            incident_events.c.revision,
            incident_events.c.body,
        )
        events = connection.execute(select(*columns).order_by(incident_events.c.sequence)).all()
        found = stored(connection)
    assert [tuple(event) for event in events] == [
        (each.incident.id, each.incident.revision, encode_transition(each).decode())
        for each in wanted
    ]
    with writing(engine) as connection:  # and the rest is what follows from the events
        rebuild(connection)
        assert stored(connection) == found
    engine.dispose()
    store.close()
