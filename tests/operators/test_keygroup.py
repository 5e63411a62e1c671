from collections.abc import Callable

import msgspec
import pytest

from operators.alerts import AlertSettings
from operators.ingest import NEVER_MS
from operators.keygroup import KeyGroup
from operators.packing import pack, unpack
from operators.roster import Roster
from schema import Anomaly, Closed
from tests.operators.group_input import MINUTE_MS, Sample, buffer, fed, settings

FORGETFUL = AlertSettings(forget_s=43_200.0)
HOURS = 60


def closed_until(word: Closed | None) -> float | None:
    return None if word is None else word.until_ms / MINUTE_MS


def edges(words: list[Closed | None]) -> list[tuple[str, str, str, int]]:
    found: list[Anomaly] = [a for word in words if word for a in word.anomalies]
    return [(a.kind, a.edge, a.resource.name, a.tick_ms // MINUTE_MS) for a in found]


# ------------------------------------------------------------------ when ticks close


@pytest.mark.parametrize(
    ("watermarks", "until"),
    [
        ([0.0], 0.0),
        ([0.99], 0.0),
        ([1.0], 1.0),
        ([5.5], 5.0),
        ([3.0, 7.0], 3.0),
        ([7.0, 3.5], 3.0),
    ],
)
def test_ticks_close_as_far_as_the_slowest_partition_allows(
    watermarks: list[float], until: float
) -> None:
    group = KeyGroup(settings(len(watermarks)), 0)
    buffers = [buffer(until=mark, partition=i) for i, mark in enumerate(watermarks)]
    assert closed_until(fed(group, *buffers)) == until
    assert group.close() is None  # until there is news


def test_a_partition_that_has_not_been_heard_of_holds_everything() -> None:
    group = KeyGroup(settings(2), 0)
    assert fed(group, buffer([("a", 0, 1.0)], until=50, partition=1)) is None
    assert closed_until(fed(group, buffer(until=3, partition=0))) == 3


def test_a_watermark_within_a_tick_closes_nothing_new() -> None:
    group = KeyGroup(settings(), 0)
    assert closed_until(fed(group, buffer(until=2))) == 2
    assert fed(group, buffer(until=2.9)) is None


def test_the_end_closes_the_tick_of_the_newest_sample_of_all_partitions() -> None:
    group = KeyGroup(settings(2), 0)
    fed(group, buffer([("a", 3.5, 1.0)], until=1, partition=0))
    fed(group, buffer(until=1, partition=0, end=True, newest=3.5))
    word = fed(group, buffer(until=1, partition=1, end=True, newest=9.0))
    assert word is not None
    assert (closed_until(word), word.final, word.resources) == (10.0, True, 1)
    assert len(group.waiting.columns()[0]) == 0


def test_what_bears_no_samples_does_not_make_the_end_later() -> None:
    group = KeyGroup(settings(2), 0)
    fed(group, buffer(until=30, partition=1, newest=NEVER_MS / MINUTE_MS))
    word = fed(group, buffer([("a", 3.5, 1.0)], until=1, partition=0, end=True))
    assert word is not None
    assert (closed_until(word), word.final) == (4.0, False)
    word = fed(group, buffer(until=1, partition=1, end=True, newest=NEVER_MS / MINUTE_MS))
    assert word is not None
    assert (closed_until(word), word.final) == (4.0, True)


def test_a_stop_without_an_end_closes_nothing_more() -> None:
    group = KeyGroup(settings(), 0)
    word = fed(group, buffer([("a", 5, 1.0)], until=3))
    assert word is not None
    assert not word.final
    assert len(group.waiting.columns()[0]) == 1


def test_a_row_is_counted_once_it_is_scored() -> None:
    group = KeyGroup(settings(), 0)
    rows = 0
    for minute in range(40):
        word = fed(group, buffer([("a", minute, 1.0), ("b", minute, 1.0)], until=minute + 1))
        assert word is not None
        rows += word.scored
    assert 0 < rows < 80  # not in the warm-up


# ------------------------------------------------------------------ what is found


def quiet(until: int, names: str = "abc") -> list[bytes]:
    """Return a buffer a minute, in which all is well."""
    return [
        buffer([(name, minute, 20.0 + minute % 3) for name in names], until=minute + 1)
        for minute in range(until)
    ]


def test_a_rule_opens_at_its_nth_sample_and_closes_when_calm() -> None:
    group = KeyGroup(settings(), 0)
    words = [fed(group, one) for one in quiet(10)]
    for minute in range(10, 30):
        value = 95.0 if minute < 14 else 20.0
        words.append(fed(group, buffer([("a", minute, value)], until=minute + 1)))
    assert edges(words) == [
        ("rule:saturated", "open", "a", 12),
        ("rule:saturated", "close", "a", 18),
    ]


def test_who_falls_silent_is_noticed_because_its_neighbours_go_on() -> None:
    group = KeyGroup(settings(), 0)
    words = [fed(group, one) for one in quiet(70)]
    for minute in range(70, 100):
        rows: list[Sample] = [("a", minute, 20.0), ("b", minute, 20.0)]
        rows += [("c", minute, 20.0)] if minute >= 90 else []
        words.append(fed(group, buffer(rows, until=minute + 1)))
    assert edges(words) == [("silent", "open", "c", 79), ("silent", "close", "c", 90)]


def test_when_all_fall_silent_nobody_is_blamed() -> None:
    group = KeyGroup(settings(), 0)
    words = [fed(group, one) for one in quiet(70)]
    words.append(fed(group, buffer(until=200)))
    words.append(fed(group, buffer([("a", 200, 20.0), ("b", 200, 20.0)], until=201)))
    assert edges(words) == []


def test_edges_come_by_tick_then_resource() -> None:
    group = KeyGroup(settings(), 0)
    for one in quiet(10):
        group.feed(one)
    for minute in range(10, 14):
        rows = [(name, minute, 95.0) for name in "cab"]
        group.feed(buffer(rows[: 3 if minute > 10 else 2], until=minute + 1))
    word = group.close()
    found = edges([word])
    assert [(name, tick) for _, _, name, tick in found] == [("a", 12), ("c", 12), ("b", 13)]


# ------------------------------------------------------------------ what is forgotten


def many(group: KeyGroup, minutes: range, names: list[str]) -> None:
    for minute in minutes:
        fed(group, buffer([(name, minute, 20.0) for name in names], until=minute + 1))


NAMES = [f"n{i}" for i in range(30)]


def test_resources_long_unheard_of_are_forgotten_and_may_come_back() -> None:
    group = KeyGroup(settings(alerts=FORGETFUL), 0)
    many(group, range(3), ["stays", *NAMES])
    word = fed(group, buffer([("stays", 12 * HOURS + 2, 1.0)], until=12 * HOURS + 3))
    assert word is not None
    assert word.resources == 31  # exactly twelve hours are not more
    word = fed(group, buffer([("stays", 12 * HOURS + 3, 1.0)], until=12 * HOURS + 4))
    assert word is not None
    assert word.resources == 31  # rows are given back every six hours
    word = fed(group, buffer([("stays", 18 * HOURS, 1.0)], until=18 * HOURS + 1))
    assert word is not None
    assert word.resources == 1
    many(group, range(18 * HOURS + 1, 18 * HOURS + 4), ["n3", "stays", "new"])
    word = fed(group, buffer(until=19 * HOURS))
    assert word is not None
    assert word.resources == 3


def test_rows_are_given_back_once_and_not_at_every_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    group = KeyGroup(settings(alerts=FORGETFUL), 0)
    many(group, range(3), ["stays", *NAMES])
    times = 0
    give_back = Roster.give_back

    def counted(self: Roster, window: int, is_full: Callable[[str], bool]) -> None:
        nonlocal times
        times += 1
        give_back(self, window, is_full)

    monkeypatch.setattr(Roster, "give_back", counted)
    many(group, range(12 * HOURS + 3, 12 * HOURS + 20), ["stays"])
    assert times == 0
    many(group, range(18 * HOURS, 18 * HOURS + 20), ["stays"])
    many(group, range(24 * HOURS, 24 * HOURS + 2), ["stays"])
    assert times == 1


def test_who_is_forgotten_with_samples_waiting_begins_anew_with_them() -> None:
    group = KeyGroup(settings(alerts=FORGETFUL), 0)
    many(group, range(3), ["stays", *NAMES])
    many(group, range(13 * HOURS, 13 * HOURS + 3), ["stays"])
    late = 18 * HOURS
    group.feed(buffer([("n7", late + 5, 1.0)], until=13 * HOURS + 3))
    word = fed(group, buffer([("stays", late, 1.0)], until=late + 1))
    assert word is not None
    assert word.resources == 1
    word = fed(group, buffer(until=late + 6))
    assert word is not None
    assert word.resources == 2


# ------------------------------------------------------------------ what must not happen


def test_a_sample_without_a_name_is_an_error() -> None:
    group = KeyGroup(settings(), 0)
    packed = unpack(buffer([("a", 0, 1.0)], until=1))
    packed.names = ()
    with pytest.raises(RuntimeError, match="before its series' name"):
        group.feed(pack(packed))


def test_two_series_of_one_id_are_an_error() -> None:
    group = KeyGroup(settings(), 0)
    packed = unpack(buffer([("a", 0, 1.0)], until=1))
    group.feed(pack(packed))
    other = msgspec.structs.replace(packed.names[0].series, metric="latency")
    packed.names = (msgspec.structs.replace(packed.names[0], series=other),)
    with pytest.raises(RuntimeError, match="share the id"):
        group.feed(pack(packed))
