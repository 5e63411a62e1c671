import dataclasses
from pathlib import Path

import msgspec
import pytest

from models import forecast
from operators.figures import OWN_SCORES
from operators.keygroup import GroupSettings, KeyGroup
from operators.keygroup_state import dump, load
from schema import Closed
from tests.operators.group_input import buffer, settings
from tests.operators.small_estate import (
    DETECT,
    Machine,
    Schedule,
    estate,
    group_settings,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "keygroup.v1.bin"
STEPS = 80  # reads of a hundred payloads: past the first fit of the forests


@pytest.fixture(scope="module")
def used() -> Machine:
    machine = Machine(estate())
    schedule = Schedule()
    for _ in range(STEPS):
        schedule.advance(machine)
    machine.save()
    return machine


def test_a_group_that_was_used_holds_forests(used: Machine) -> None:
    held = [forests for group in used.groups.values() for forests in group.forests]
    assert any(forests.forest is not None for forests in held)
    assert any(forests.trees is not None for forests in held)
    assert all(len(group.waiting.columns()[0]) for group in used.groups.values())


def test_a_loaded_group_dumps_to_the_same_bytes(used: Machine) -> None:
    for group in used.groups.values():
        raw = dump(group)
        assert dump(load(raw, group.settings)) == raw


def test_a_dump_does_not_change_with_the_group() -> None:
    group = KeyGroup(settings(), 0)
    raw = dump(group)
    kept = bytes(raw)
    group.watermark[:] = 5
    assert raw == kept
    loaded = load(raw, settings())
    loaded.watermark[:] = 7
    assert dump(load(raw, settings())) == raw


def test_an_empty_group_can_be_dumped() -> None:
    group = load(dump(KeyGroup(settings(2, 4), 3)), settings(2, 4))
    assert (group.index, group.close()) == (3, None)


def test_a_loaded_group_goes_on_as_the_other_does() -> None:
    def words(reloaded: bool) -> list[Closed]:
        machine = Machine(estate())
        schedule = Schedule()
        for turn in range(STEPS):
            if reloaded and turn % 13 == 7:
                machine.groups = {
                    name: load(dump(group), group.settings)
                    for name, group in machine.groups.items()
                }
            schedule.advance(machine)
        return machine.words

    assert words(reloaded=True) == words(reloaded=False)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (settings(1, 8), "groups must be 4 as in the recovery store, got 8"),
        (settings(2, 4), "must have the 3 partitions of the recovery store, got 2"),
    ],
)
def test_a_store_of_another_shape_is_refused_with_both_numbers(
    other: GroupSettings, message: str
) -> None:
    raw = dump(KeyGroup(settings(3, 4), 0))
    with pytest.raises(ValueError, match=message):
        load(raw, other)


def test_a_dump_of_another_version_is_refused() -> None:
    raw = dump(KeyGroup(settings(), 0)).replace(b"keygroup.v1", b"keygroup.v0")
    with pytest.raises(msgspec.ValidationError, match=r"keygroup\.v0"):
        load(raw, settings())


def test_the_settings_of_today_count_not_those_of_the_dump(used: Machine) -> None:
    group = next(iter(used.groups.values()))
    today = group_settings(3)
    lighter = msgspec.structs.replace(today.detect, rules=())
    loaded = load(dump(group), dataclasses.replace(today, detect=lighter))
    assert all((table.arrays.rules == -1).all() for table in loaded.roster.tables)


def test_a_partition_that_comes_later_holds_the_ticks_and_what_it_is_late_with_is_counted() -> None:
    group = KeyGroup(settings(1), 0)
    group.feed(buffer([("a", 1.0, 1.0)], until=5.0))
    assert group.close() is not None
    grown = load(dump(group), settings(2))
    grown.feed(buffer([("a", 6.0, 1.0)], until=9.0))
    assert grown.close() is None
    grown.feed(buffer([("b", 4.0, 1.0), ("b", 6.0, 1.0)], until=8.0, partition=1))
    closed = grown.close()
    assert closed is not None
    assert (closed.until_ms, closed.late, closed.resources) == (8 * 60_000, 1, 2)


def test_a_snapshot_from_before_the_discord_detector_goes_on(used: Machine) -> None:
    group = next(iter(used.groups.values()))
    state = msgspec.msgpack.decode(dump(group))
    for cohort in state["cohorts"]:
        del cohort[1]["shape"], cohort[1]["past"]
    loaded = load(msgspec.msgpack.encode(state), group.settings)
    for table in loaded.roster.tables:
        assert table.arrays.past.shape == (len(table.members), DETECT.discord.past)
        assert not table.arrays.shape.any()


def test_a_snapshot_from_before_feedback_goes_on_without_a_bar(used: Machine) -> None:
    group = next(iter(used.groups.values()))
    state = msgspec.msgpack.decode(dump(group))
    for cohort in state["cohorts"]:
        del cohort[1]["bar"]
    loaded = load(msgspec.msgpack.encode(state), group.settings)
    assert all(
        table.arrays.bar.shape == (len(table.members), 2) and not table.arrays.bar.any()
        for table in loaded.roster.tables
    )
    assert dump(loaded) == dump(group)


def test_a_snapshot_from_before_the_forecast_detector_goes_on(used: Machine) -> None:
    group = next(iter(used.groups.values()))
    state = msgspec.msgpack.decode(dump(group))
    for cohort in state["cohorts"]:
        del cohort[1]["trend"]
        dtype, (detectors, width), data, packed = cohort[1]["cohort_tails"]
        assert not packed
        cohort[1]["cohort_tails"] = dtype, (detectors - 1, width), data[: -8 * width]
    loaded = load(msgspec.msgpack.encode(state), group.settings)
    for table in loaded.roster.tables:
        assert table.arrays.trend.shape == (len(table.members), forecast.WIDTH)
        assert not table.arrays.trend.any()
        start = DETECT.calibration
        assert table.arrays.cohort_tails[-1].tolist() == [
            0.0,
            start.start_quantile,
            start.start_excess,
        ]


def without_admission(group: KeyGroup) -> dict[str, object]:
    state: dict[str, object] = msgspec.msgpack.decode(dump(group))
    assert state.pop("admission")
    return state


def golden() -> KeyGroup:
    """Return what the golden file holds: two resources, closed ticks, samples that wait."""
    group = KeyGroup(settings(), 0)
    for minute in range(0, 60, 5):
        samples = [(name, float(minute + i), 40.0 + i) for i in range(5) for name in ("a", "b")]
        group.feed(buffer(samples, until=minute + 3.0))
        group.close()
    return group


def test_the_golden_snapshot_still_decodes_and_goes_on() -> None:
    kept = load(GOLDEN.read_bytes(), settings())
    fresh = golden()
    for table in fresh.roster.tables:
        table.arrays.figures[OWN_SCORES:] = 0.0  # the golden file is older than these
    assert without_admission(kept) == without_admission(fresh)  # it was made before limits
    for group in (kept, fresh):
        group.feed(buffer([("a", 61.0, 99.0)], until=70.0))
    assert kept.close() == fresh.close()
