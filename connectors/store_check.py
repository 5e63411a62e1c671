"""Whether an incident store holds together: its events, and what follows from them."""

from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import Connection, and_, column, func, select, text, values

from connectors.evidence_tables import evidence
from connectors.incident_database import open_database, reading, saying, shown_url
from connectors.incident_entries import Entry
from connectors.incident_rows import entries_of, event_row, row_after, rows_of
from connectors.incident_tables import incident_events, incident_index, incidents
from connectors.incident_wire import decode_transition
from connectors.plots_store import name_of, unpacked
from connectors.store_migrations import SCHEMA_VERSION
from schema import Incident

MAX_FAULTS = 100  # that are told
BATCH = 200  # incidents at a time
_ENTRIES = 2_000  # entries of the index that are looked up at a time


class Checked(msgspec.Struct, frozen=True):
    """What was looked at, and what is wrong with it."""

    version: int
    incidents: int
    events: int
    faults: tuple[str, ...]  # the first `MAX_FAULTS`
    fault_count: int


class _Faults:
    def __init__(self) -> None:
        self.told: list[str] = []
        self.count = 0

    def add(self, words: str) -> None:
        self.count += 1
        if len(self.told) < MAX_FAULTS:
            self.told.append(words)


def check_store(url: str) -> Checked:
    """Look at all of a store, as it is now; nothing is changed.

    Raises: ValueError if there is no store, or it is of another version.
    """
    engine = open_database(url, create=False)
    faults = _Faults()
    try:
        with saying(shown_url(url)), reading(engine) as connection:
            if engine.dialect.name == "sqlite":
                for words in connection.execute(text("PRAGMA integrity_check")).scalars():
                    if words != "ok":
                        faults.add(f"the file is damaged: {words}")
            _check_revisions(connection, faults)
            count = events = entries = 0
            for batch in _batches(connection):
                count += len(batch)
                newest, read = _read(connection, batch, faults)
                events += read
                _check_rows(connection, newest, faults)
                entries += _check_entries(connection, batch, faults)
                _check_evidence(connection, batch, faults)
            _check_totals(connection, count, entries, faults)
    finally:
        engine.dispose()
    return Checked(SCHEMA_VERSION, count, events, tuple(faults.told), faults.count)


def _batches(connection: Connection) -> Iterator[Sequence[str]]:
    """Yield the ids that events are of, in their order."""
    last = ""
    ids = incident_events.c.incident_id
    while True:
        query = select(ids).where(ids > last).distinct().order_by(ids).limit(BATCH)
        batch = connection.execute(query).scalars().all()
        if not batch:
            return
        last = batch[-1]
        yield batch


def _check_revisions(connection: Connection, faults: _Faults) -> None:
    """Events count from 1 without a gap; the key of the table sees to it that none is twice."""
    ids, revision = incident_events.c.incident_id, incident_events.c.revision
    least, most, count = func.min(revision), func.max(revision), func.count()
    query = select(ids, least, most, count).group_by(ids).order_by(ids)
    query = query.having((least != 1) | (most != count))
    for name, first, last, there in connection.execute(query):
        faults.add(f"{name}: has {there} of its events 1 to {last}, the first is {first}")


def _read(
    connection: Connection, batch: Sequence[str], faults: _Faults
) -> tuple[dict[str, Incident], int]:
    """Return the incidents of a batch by their newest event, and how many events there are."""
    table = incident_events
    columns = [each for each in table.columns if each.name != "sequence"]
    query = select(*columns).where(table.c.incident_id.in_(batch))
    query = query.order_by(table.c.incident_id, table.c.revision)
    newest: dict[str, Incident] = {}
    count = 0
    for row in connection.execute(query).mappings():
        count += 1
        name = f"{row['incident_id']}: event {row['revision']}"
        try:
            transition = decode_transition(row["body"])
        except ValueError as ex:
            faults.add(f"{name} cannot be read: {ex}")
            continue
        meant = event_row(transition)
        del meant["body"]  # of an earlier version it lacks what came since
        differing = _differing(meant, {**row})
        if differing:
            faults.add(f"{name} is stored under another {', '.join(differing)}")
        else:
            newest[row["incident_id"]] = transition.incident
    return newest, count


def _check_rows(connection: Connection, newest: dict[str, Incident], faults: _Faults) -> None:
    """An incident's row is what its newest event makes of it."""
    held = rows_of(connection, list(newest))
    for name, incident in newest.items():
        row = held.get(name)
        if row is None:
            faults.add(f"{name}: has events and no row in incidents")
        elif differing := _differing(row_after(incident, row), {**row}):
            faults.add(f"{name}: its row in incidents has another {', '.join(differing)}")


def _check_entries(connection: Connection, batch: Sequence[str], faults: _Faults) -> int:
    """Each row of incidents can be found by all its terms; return how many entries there are."""
    wanted = entries_of(connection, batch)
    columns = [incident_index.c[name] for name in Entry._fields]
    asked = [column(each.name, each.type) for each in columns]
    for start in range(0, len(wanted), _ENTRIES):
        some = wanted[start : start + _ENTRIES]
        rows = values(*asked, name="asked").data([tuple(entry) for entry in some]).cte("asked")
        same = [each == rows.c[each.name] for each in columns]  # a join: each is looked up by key
        query = select(*columns).join(rows, and_(*same))
        there = {Entry(*row) for row in connection.execute(query)}
        for name in sorted({entry.incident_id for entry in some if entry not in there}):
            faults.add(f"{name}: cannot be found by all that it is about")
    return len(wanted)


def _check_evidence(connection: Connection, batch: Sequence[str], faults: _Faults) -> None:
    """What an incident is kept with can be read, and is what its row says."""
    query = select(evidence).where(evidence.c.incident_id.in_(batch))
    query = query.order_by(evidence.c.incident_id, evidence.c.name)
    for row in connection.execute(query).mappings():
        name = f"{row['incident_id']}: evidence {row['name']!r}"
        try:
            what = unpacked(row["body"])
        except ValueError as ex:
            faults.add(f"{name} cannot be read: {ex}")
            continue
        if (name_of(what), what.until_ms) != (row["name"], row["until_ms"]):
            faults.add(f"{name} is stored under another name or until_ms")


def _check_totals(connection: Connection, count: int, entries: int, faults: _Faults) -> None:
    """Nothing is there that no event speaks of."""
    for table, wanted in ((incidents, count), (incident_index, entries)):
        there = connection.execute(select(func.count()).select_from(table)).scalar_one()
        if there > wanted:
            faults.add(f"{table.name}: has {there - wanted} rows of which no event says anything")


def _differing(meant: dict[str, object], found: dict[str, object]) -> list[str]:
    return sorted(name for name, value in meant.items() if found.get(name) != value)
