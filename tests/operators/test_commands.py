"""Commands take effect at their tick, whatever the schedule, batch size and crashes."""

from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.incident_wire import outcome_digest
from operators.commands import collect_ms
from operators.keygroup import KeyGroup
from operators.keygroup_state import dump, load
from operators.packing import Packed, pack, unpack
from schema import Command, Drift, TrainingRows
from tests.operators.group_input import MINUTE_MS, Sample, buffer
from tests.operators.group_input import settings as group_settings
from tests.operators.made_commands import drift, feedback
from tests.operators.small_estate import PARTITIONS, START_MS, Machine, Schedule, estate

MINUTES = 130
CONTROL = 1  # the partition that commands come by


def told(*commands: Command, until: float) -> bytes:
    """Return a buffer of the control log."""
    empty: Packed = unpack(buffer(until=until, partition=CONTROL, newest=0.0))
    empty.commands = commands
    return pack(empty)


def commanded(command: Drift, at_once: bool, reload_at: int | None = None) -> list[TrainingRows]:
    """Give a group two resources' samples, closing its ticks one by one or all together."""
    group = KeyGroup(group_settings(2), 0)
    handed: list[TrainingRows] = []
    group.feed(told(command, until=1e6))
    for minute in range(MINUTES):
        rows: list[Sample] = [(name, minute, 20.0 + minute % 3) for name in "ab"]
        group.feed(buffer(rows, until=minute + 1))
        if not at_once:
            group.close()
        if minute == reload_at:
            group = load(dump(group), group.settings)
        handed += group.training_rows()
    group.close()
    return handed + group.training_rows()


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("effective", "retrain_by", "first", "end"),
    [(80.0, 120.0, 80, 110), (79.01, 119.01, 80, 110), (80.01, 120.01, 81, 111)],
)
def test_rows_are_of_the_ticks_from_the_drift_to_the_hand_out(
    at_once: bool, effective: float, retrain_by: float, first: int, end: int
) -> None:
    (handed,) = commanded(drift(70, effective, retrain_by), at_once)
    assert (handed.request, handed.group) == ("aws.ec2@70", 0)
    assert handed.batch.from_ms == first * MINUTE_MS
    assert handed.batch.until_ms == end * MINUTE_MS
    assert handed.batch.drawn_from == len(handed.batch.rows) == 2 * (end - first)


@pytest.mark.parametrize("reload_at", [60, 95])
def test_a_snapshot_between_does_not_matter(reload_at: int) -> None:
    def plain(handed: list[TrainingRows]) -> list[tuple[int, bytes]]:
        return [(rows.batch.until_ms, rows.batch.rows.tobytes()) for rows in handed]

    command = drift(70, 80, 120)
    assert plain(commanded(command, False, reload_at)) == plain(commanded(command, False))


def test_a_group_without_the_service_says_so_by_a_batch_without_rows() -> None:
    (handed,) = commanded(drift(70, 80, 120, service="aws.rds"), False)
    assert (handed.batch.service, handed.batch.rows.shape) == ("aws.rds", (0, 0))


def test_a_request_beyond_the_data_hands_out_nothing() -> None:
    assert commanded(drift(70, 80, 400), False) == []


def test_a_quarter_of_the_way_is_left_to_the_trainer() -> None:
    assert collect_ms(drift(70, 80, 120)) == 110 * MINUTE_MS


def test_no_row_is_counted_twice_or_lost_when_the_reservoir_is_emptied() -> None:
    def scored(*commands: Command) -> int:
        group = KeyGroup(group_settings(2), 0)
        group.feed(told(*commands, until=1e6))
        total = 0
        for minute in range(MINUTES):
            group.feed(buffer([("a", minute, 20.0), ("b", minute, 21.0)], until=minute + 1))
            word = group.close()
            total += 0 if word is None else word.scored
        return total

    assert scored(drift(70, 80, 120)) == scored(feedback(70)) > 0


def test_what_comes_late_takes_effect_at_the_next_tick() -> None:
    group = KeyGroup(group_settings(2), 0)
    group.feed(told(until=1e6))
    for minute in range(MINUTES):
        if minute == 90:
            group.feed(told(drift(70, 80, 120), until=1e6))
        group.feed(buffer([("a", minute, 20.0), ("b", minute, 21.0)], until=minute + 1))
        group.close()
    (handed,) = group.training_rows()
    assert handed.batch.from_ms == 90 * MINUTE_MS


# ------------------------------------------------------------------ any schedule

HOUR_0 = START_MS / MINUTE_MS
COMMANDS: tuple[Command, ...] = (
    drift(HOUR_0 + 100, HOUR_0 + 130.5, HOUR_0 + 300),
    drift(HOUR_0 + 190, HOUR_0 + 200, service="aws.rds"),
    feedback(HOUR_0 + 131),
    feedback(HOUR_0 + 131, "i-2"),
    feedback(HOUR_0 + 260),
)
SCHEDULES = st.builds(
    Schedule,
    order=st.lists(st.integers(0, PARTITIONS - 1), max_size=12),
    sizes=st.lists(st.sampled_from([7, 40, 300, 5000]), min_size=1, max_size=6).filter(
        lambda sizes: max(sizes) >= 40
    ),
    batches=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    lag=st.integers(1, 6),
    reverse=st.booleans(),
)
EASY = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])

Outcome = tuple[str, list[tuple[str, int, int, bytes]]]


def outcome(*machines: Machine) -> Outcome:
    """Return what machines that went on from each other came to; rows once, whoever repeats."""
    handed = {
        (rows.request, rows.group, rows.batch.until_ms, rows.batch.rows.tobytes())
        for machine in machines
        for rows in machine.rows
    }
    return outcome_digest([said for m in machines for said in m.said]), sorted(handed)


def run(schedule: Schedule) -> Machine:
    machine = Machine(estate(), commands=COMMANDS)
    while not machine.done:
        schedule.advance(machine)
    machine.save()
    return machine


@cache
def wanted() -> Outcome:
    return outcome(run(Schedule()))


def test_the_outcome_is_worth_comparing() -> None:
    _, handed = wanted()
    assert {(request, group) for request, group, _, _ in handed} == {
        (request.id, group)
        for request in COMMANDS
        if isinstance(request, Drift)
        for group in (0, 1)
    }
    assert all(rows for _, _, _, rows in handed)


@EASY
@given(SCHEDULES)
def test_chunks_and_interleaving_do_not_matter(schedule: Schedule) -> None:
    assert outcome(run(schedule)) == wanted()


@EASY
@given(SCHEDULES, SCHEDULES, st.integers(1, 60), st.integers(0, 30))
def test_a_crash_and_a_resume_do_not_matter(
    before: Schedule, after: Schedule, saved_at: int, lost: int
) -> None:
    first = Machine(estate(), commands=COMMANDS)
    for _ in range(saved_at):
        before.advance(first)
    saved = first.save()
    for _ in range(lost):  # comes out twice: sinks put up with it
        before.advance(first)
    second = Machine(estate(), saved, COMMANDS)
    while not second.done:
        after.advance(second)
    second.save()
    assert outcome(first, second) == wanted()
