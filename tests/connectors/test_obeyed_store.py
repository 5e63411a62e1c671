"""What a flow has taken up of commands is kept by their names, and repeats change nothing."""

from collections.abc import Iterator

import msgspec
import pytest

from connectors.obeyed_store import Obeyed, ObeyedStore, name_of
from connectors.standing_store import StandingSink, StandingStore
from schema import Act, Closed, Deploy, Expire, Feedback, Matcher, Silence, TopologyChange
from schema import TriageCommand as Told

WHERE = (Matcher("service", "=", "aws.rds"),)
SILENCE = Silence("s1", "silence", WHERE, 0, 9_000_000, 120_000, "kim", "index")
COMMANDS: list[Told] = [
    SILENCE,
    Expire("s1", 180_000, "kim"),
    Deploy("d1", 120_000, "v42", WHERE),
    TopologyChange("t1", 120_000),
    Act("r1", "inc-1", "ack", 120_000, "kim"),
    Feedback("inc-1", "real", (), 120_000, "kim", id="r2"),
    Feedback("inc-1", "real", (), 120_000, "kim"),
]
replace = msgspec.structs.replace


@pytest.fixture
def kept(store_url: str) -> Iterator[StandingStore]:
    opened = StandingStore(store_url, create=True)
    yield opened
    opened.close()


@pytest.fixture
def obeyed(kept: StandingStore, store_url: str) -> Iterator[ObeyedStore]:
    opened = ObeyedStore(store_url)
    yield opened
    opened.close()


def word(*told: tuple[int, Told]) -> Closed:
    return Closed(0, 600_000, False, commands=told)


def test_each_command_has_a_name_of_its_own() -> None:
    assert len({name_of(command) for command in COMMANDS}) == len(COMMANDS)


def test_what_was_taken_up_is_known_by_its_tick(kept: StandingStore, obeyed: ObeyedStore) -> None:
    assert obeyed.obeyed(COMMANDS) == [None] * len(COMMANDS)
    for _ in range(2):  # a flow that goes on after a crash says it again
        kept.keep([word(*((180_000, command) for command in COMMANDS))])
    wanted = [Obeyed(command.effective_ms, 180_000) for command in COMMANDS]
    assert obeyed.obeyed(COMMANDS) == wanted


def test_a_later_one_of_the_same_name_is_not_taken_up_with_the_first(
    kept: StandingStore, obeyed: ObeyedStore
) -> None:
    later = replace(SILENCE, effective_ms=240_000, reason="longer")
    kept.keep([word((120_000, SILENCE))])
    assert obeyed.obeyed([SILENCE, later]) == [Obeyed(120_000, 120_000), None]
    kept.keep([word((240_000, later))])
    assert obeyed.obeyed([SILENCE, later]) == [Obeyed(240_000, 240_000)] * 2


def test_one_that_came_late_was_taken_up_when_the_flow_had_it(
    kept: StandingStore, obeyed: ObeyedStore
) -> None:
    kept.keep([word((300_000, replace(SILENCE, effective_ms=290_000)))])
    assert obeyed.obeyed([SILENCE]) == [Obeyed(290_000, 300_000)]


def test_the_sink_of_a_flow_keeps_it(store_url: str) -> None:
    part = StandingSink(store_url).build("keep", 0, 1)
    part.write_batch([Closed(1, 600_000, False), word((180_000, SILENCE))])
    part.close()
    store = ObeyedStore(store_url)
    assert store.obeyed([SILENCE]) == [Obeyed(120_000, 180_000)]
    store.close()
