from operators.control_stage import Broadcast
from operators.ingest import FOREVER_MS, NEVER_MS, Ingested, IngestSettings
from operators.packing import Packed, unpack
from schema import Command, Promotion
from tests.operators.made_commands import MINUTE_MS, drift, feedback

SETTINGS = IngestSettings(groups=3)
INDEX = 5


def sent(item: Ingested | None) -> Packed:
    """Return what every group got."""
    assert item is not None
    got = [unpack(buffer) for _, buffer in item.packed]
    assert [packed.group for packed in got] == [0, 1, 2]
    assert {packed.partition for packed in got} == {INDEX}
    assert len({(p.watermark_ms, p.commands, p.end) for p in got}) == 1
    return got[0]


def commands(item: Ingested | None) -> tuple[Command, ...]:
    return sent(item).commands


def test_every_group_gets_every_command_and_the_watermark() -> None:
    stage = Broadcast(SETTINGS, INDEX)
    got = sent(stage.take([drift(1, 2), feedback(3)], 90_000))
    assert got.commands == (drift(1, 2), feedback(3))
    assert (got.watermark_ms, got.max_event_ms, got.end) == (90_000, NEVER_MS, False)
    assert stage.watermark_ms == 90_000


def test_groups_hear_of_a_watermark_only_if_a_tick_may_close() -> None:
    stage = Broadcast(SETTINGS, INDEX)
    assert stage.take((), 2 * MINUTE_MS) is not None
    assert stage.take((), 3 * MINUTE_MS - 1) is None
    assert stage.watermark_ms == 3 * MINUTE_MS - 1
    assert stage.take((), 3 * MINUTE_MS) is not None
    assert stage.take([feedback(9)], 3 * MINUTE_MS) is not None


def test_the_watermark_never_goes_back() -> None:
    stage = Broadcast(SETTINGS, INDEX)
    stage.take((), 5 * MINUTE_MS)
    assert stage.take((), MINUTE_MS) is None
    assert stage.watermark_ms == 5 * MINUTE_MS


def test_what_comes_too_late_takes_effect_where_no_group_has_been() -> None:
    stage = Broadcast(SETTINGS, INDEX)
    stage.take((), 5 * MINUTE_MS)
    assert commands(stage.take([feedback(4.9), feedback(5)], 0)) == (feedback(5), feedback(5))


def test_a_record_that_stands_twice_in_the_log_is_sent_on_once_also_after_a_restart() -> None:
    stage = Broadcast(SETTINGS, INDEX)
    twice: list[Command] = [drift(1, 2), drift(1, 2), feedback(3), feedback(3), feedback(4)]
    assert commands(stage.take(twice, 0)) == (drift(1, 2), feedback(3), feedback(4))
    resumed = Broadcast(SETTINGS, INDEX, stage.snapshot())
    assert resumed.take(twice, 0) is not None  # a new stage tells the watermark once
    assert commands(resumed.take([*twice, feedback(5)], 0)) == (feedback(5),)


def test_of_several_answers_to_a_request_the_first_counts() -> None:
    stage = Broadcast(SETTINGS, INDEX)
    request = drift(1, 2)
    stage.take([request], 0)
    assert stage.unanswered() == [request]
    assert Broadcast(SETTINGS, INDEX, stage.snapshot()).unanswered() == [request]
    no = Promotion("aws.ec2", "", 9, request.id, "timed out")
    late = Promotion("aws.ec2", "v2", 9, request.id)
    assert commands(stage.take([no, late], 0)) == (no,)
    assert stage.unanswered() == []
    unasked = [Promotion("aws.ec2", "v2", 9), Promotion("aws.ec2", "v3", 9)]
    assert commands(stage.take(unasked, 0)) == tuple(unasked)


def test_an_answer_that_stands_before_its_request_is_one() -> None:
    stage = Broadcast(SETTINGS, INDEX)
    stage.take([Promotion("aws.ec2", "v2", 9, drift(1, 2).id), drift(1, 2)], 0)
    assert stage.unanswered() == []


def test_requests_wait_in_the_order_of_their_time() -> None:
    stage = Broadcast(SETTINGS, INDEX)
    stage.take([drift(1, 2, 90), drift(2, 3, 50)], 0)
    assert [request.found_ms for request in stage.unanswered()] == [120_000, 60_000]


def test_the_end_is_a_watermark_of_infinity() -> None:
    got = sent(Broadcast(SETTINGS, INDEX).end())
    assert (got.watermark_ms, got.end) == (FOREVER_MS, True)
