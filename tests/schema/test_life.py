from typing import get_args

import msgspec
import pytest

from schema import Action, Event, Refusal, State, Transition, step
from schema.life import EVENT_OF, STEPS, Life, lived
from tests.connectors.made_transitions import OPENED, OPENED_MS, later, resolved

STATES: tuple[State, ...] = get_args(State)
LEADS: dict[Event, dict[State, State]] = {  # what is not here is refused
    "acknowledged": {"open": "acknowledged", "acknowledged": "acknowledged"},
    "unacknowledged": {"acknowledged": "open"},
    "resolved": {"open": "resolved", "acknowledged": "resolved"},
    "reopened": {"resolved": "open"},
    "closed": {"resolved": "closed"},
    "merged": {"open": "merged", "acknowledged": "merged"},
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", LEADS)
def test_what_leads_to_another_state_and_what_is_refused(event: Event, state: State) -> None:
    after = step("inc-x", state, event)
    if state in LEADS[event]:
        assert after == LEADS[event][state]
    else:
        assert isinstance(after, Refusal)
        assert after.reason.startswith(f"inc-x is {state}: only a")


def test_everything_else_leaves_the_state_as_it_is() -> None:
    for event, line in STEPS.items():
        if event not in LEADS:
            assert all(step("x", state, event) == state for state in line.legal_in)


def test_a_refusal_is_a_sentence() -> None:
    wanted = "inc-x is resolved: only an open or acknowledged incident can be acknowledged"
    assert step("inc-x", "resolved", "acknowledged") == Refusal(wanted)
    wanted = "inc-x is closed: only an open, acknowledged or resolved incident can be assigned"
    assert step("inc-x", "closed", "assigned") == Refusal(wanted)


def test_an_incident_is_opened_once() -> None:
    assert step("x", "open", "opened") == Refusal("x is open: an incident is opened only once")


def test_every_action_and_event_has_its_line() -> None:
    assert set(EVENT_OF) == set(get_args(Action))
    assert set(STEPS) | {"opened"} == set(get_args(Event))


def told(event: Event, revision: int) -> Transition:
    return msgspec.structs.replace(later("inc-1", revision), event=event)


def test_the_events_alone_tell_a_life() -> None:
    steps = [OPENED, told("acknowledged", 2), told("acknowledged", 3), resolved("inc-1", 4)]
    at_ms = OPENED_MS + 60_000 * 2
    assert lived(steps[:3]) == Life("acknowledged", at_ms)
    assert lived(steps) == Life("resolved", at_ms, OPENED_MS + 240_000)
    assert lived([*steps, told("reopened", 5)]) == Life("open")
    ended = lived([*steps, told("closed", 5), told("refused", 6)])
    assert ended == Life("closed", at_ms, OPENED_MS + 240_000, OPENED_MS + 300_000)


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ([], "an incident must have a history, got none"),
        ([told("updated", 1)], r"inc-1 must begin opened or split, got 'inc-1\.1'"),
        ([OPENED, told("closed", 2)], r"inc-1\.2: inc-1 is open: only a resolved incident can be"),
    ],
)
def test_a_history_that_cannot_be_is_refused(history: list[Transition], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lived(history)
