import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.agenda import Agenda
from schema import Command, Promotion
from tests.operators.made_commands import drift, feedback

MINUTE_MS = 60_000


def promotion(effective_ms: int, version: str = "v1") -> Promotion:
    return Promotion("aws.ec2", version, effective_ms)


@pytest.mark.parametrize(("effective_ms", "tick_ms"), [(0, 0), (1, 60_000), (60_000, 60_000)])
def test_a_command_is_due_before_the_first_tick_at_or_after_its_time(
    effective_ms: int, tick_ms: int
) -> None:
    agenda = Agenda(MINUTE_MS)
    agenda.add([promotion(effective_ms)])
    assert agenda.next_ms() == tick_ms
    assert agenda.take(tick_ms - 1) == []
    assert agenda.take(tick_ms) == [promotion(effective_ms)]
    assert agenda.next_ms() is None


def test_what_is_overdue_is_taken_too() -> None:
    agenda = Agenda(MINUTE_MS)
    agenda.add([promotion(5), promotion(999 * MINUTE_MS)])
    assert agenda.take(50 * MINUTE_MS) == [promotion(5)]
    assert agenda.commands() == (promotion(999 * MINUTE_MS),)


COMMANDS: list[Command] = [
    drift(found=0, effective=2),
    drift(found=1, effective=2),
    promotion(2 * MINUTE_MS, "v1"),
    promotion(2 * MINUTE_MS, "v2"),
    promotion(MINUTE_MS),
    feedback(effective=2),
    feedback(effective=1),
]


@given(st.permutations(COMMANDS), st.lists(st.sampled_from(COMMANDS)))
def test_neither_arrival_nor_repetition_decides_the_order(
    commands: list[Command], again: list[Command]
) -> None:
    agenda = Agenda(MINUTE_MS)
    for command in [*commands, *again]:
        agenda.add([command])
    due = agenda.take(2 * MINUTE_MS)
    assert [(c.effective_ms, type(c).__name__) for c in due] == [
        (60_000, "Feedback"),
        (60_000, "Promotion"),
        *((120_000, kind) for kind in ("Drift", "Drift", "Feedback", "Promotion", "Promotion")),
    ]
    fresh = Agenda(MINUTE_MS)
    fresh.add(COMMANDS)
    assert due == fresh.take(2 * MINUTE_MS)
