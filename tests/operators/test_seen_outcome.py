"""What triage has seen of the topology depends on the data alone, on no schedule and no crash."""

from functools import cache

import msgspec
import pytest

from operators.triage import TriageState
from schema import Seen
from tests.operators.small_estate import Machine, Saved, Schedule, estate, unbroken

MOVE_AT = 120  # minutes: everything comes to another node
PLACES = {
    b'"team":"t0"': b'"node":"n1","zone":"a","tier":"1"',
    b'"team":"t1"': b'"node":"n1","zone":"a"',
    b'"team":"u0"': b'"node":"n2","zone":"b","users":"50"',
    b'"team":"u1"': b'"node":"n2","zone":"b"',
}


@cache
def parts() -> tuple[tuple[bytes, ...], ...]:
    def placed(line: bytes) -> bytes:
        for team, place in PLACES.items():
            line = line.replace(team, place)
        return line

    return tuple(tuple(map(placed, part)) for part in estate(new_teams_at=MOVE_AT))


def seen(machine: Machine) -> tuple[list[Seen], int]:
    held = msgspec.msgpack.decode(machine.triage.snapshot(), type=TriageState).topology
    return held.seen, held.revision


@pytest.fixture(scope="module")
def wanted() -> Machine:
    return unbroken(parts())


def test_every_resource_is_where_it_was_last_seen(wanted: Machine) -> None:
    shown, _ = seen(wanted)
    resources = {edge.source for each in shown for edge in each.edges}
    assert len(shown) == len(resources) > 6
    assert {edge.target for each in shown for edge in each.edges} == {"b", "n2"}
    assert {each.told for each in shown} == {(("users", "50"),)}


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule((2, 1, 0), (7, 300, 41), (3,), 2, reverse=True),
        Schedule((0, 0, 1), (1000,), (5, 1)),
    ],
)
def test_no_schedule_changes_it(wanted: Machine, schedule: Schedule) -> None:
    machine = unbroken(parts(), schedule)
    assert seen(machine) == seen(wanted)
    assert machine.said == wanted.said


def test_no_crash_changes_it(wanted: Machine) -> None:
    machine, schedule = Machine(parts()), Schedule()
    kept: list[Saved] = []
    for step in range(60):
        schedule.advance(machine)
        if step % 25 == 24:
            kept.append(machine.save())
    for saved in kept:  # each run was lost after its last snapshot
        resumed, others = Machine(parts(), saved), Schedule((1, 2), (90,))
        while not resumed.done:
            others.advance(resumed)
        resumed.save()
        assert seen(resumed) == seen(wanted)
