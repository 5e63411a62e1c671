"""Models of the registry come into use at their time, and a bad one does not."""

import dataclasses
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from models import calibration
from models.calibration import COUNT
from models.fusion import DETECTORS
from models.isolation_forest import fit_forest
from operators.keygroup import GroupSettings, KeyGroup
from operators.keygroup_state import dump, load
from operators.packing import Packed, pack
from operators.reservoir import VIEW_NAMES
from operators.shelf import Queue, ServiceModel, Serving, Shelf
from schema import Closed, Promotion
from tests.operators.group_input import MINUTE_MS, buffer, settings

FOREST = DETECTORS.index("isolation_forest")
TREES = DETECTORS.index("half_space_trees")


def model(version: str, metrics: Sequence[str] = ("cpu.utilization",)) -> ServiceModel:
    names = tuple(f"{metric}:{view}" for metric in metrics for view in VIEW_NAMES)
    seed = sum(version.encode())
    rows = np.random.default_rng(seed).normal(0.0, 1.0, (64, len(names)))
    tails = np.zeros((len(DETECTORS), calibration.WIDTH))
    tails[FOREST] = (100.0, 5.0 + seed % 7, 0.5)
    return ServiceModel(version, names, fit_forest(rows, 5, 32, seed=seed), tails)


MODELS = {
    "a": model("a"),
    "b": model("b"),
    "wide": model("wide", ("cpu.utilization", "latency")),
}


def shelf(*servings: tuple[float, str]) -> Shelf:
    """Return the models of `aws.ec2` by the minute from which they serve."""
    found = tuple(Serving(round(minute * MINUTE_MS), version) for minute, version in servings)
    return Shelf({"aws.ec2": found}, lambda _, version: MODELS.get(version))


def with_shelf(*servings: tuple[float, str]) -> GroupSettings:
    return dataclasses.replace(settings(), models=shelf(*servings))


def promotion(minute: float, version: str, service: str = "aws.ec2") -> bytes:
    """Return what the control log's partition would send."""
    none = np.zeros(0)
    command = Promotion(service, version, round(minute * MINUTE_MS))
    packed = Packed(
        0, 1, 1 << 62, -1, False, none.astype(np.uint64), none.astype(np.int64), none, (),
        commands=(command,),
    )  # fmt: skip
    return pack(packed)


def run(group: KeyGroup, since: int, until: int, each: int = 1) -> list[str]:
    """Close ticks, `each` at a time; return the version in use after each time."""
    versions = []
    for minute in range(since, until, each):
        last = min(minute + each, until)
        samples = [
            (name, float(m), 40.0 + (m % 5))
            for m in range(minute, last)
            for name in ("x", "y", "z")
        ]
        group.feed(buffer(samples, until=float(last)))
        group.close()
        versions.append(group.forests[0].version)
    return versions


def words(group: KeyGroup, since: int, until: int, each: int) -> list[Closed]:
    found = []
    for minute in range(since, until, each):
        last = min(minute + each, until)
        samples = [
            (name, float(m), 400.0 if m > 170 and name == "x" else 40.0 + (m * 7 % 5))
            for m in range(minute, last)
            for name in ("x", "y", "z")
        ]
        group.feed(buffer(samples, until=float(last)))
        closed = group.close()
        if closed is not None:
            found.append(closed)
    return found


def test_each_model_is_taken_up_before_the_first_tick_at_or_after_its_time() -> None:
    group = KeyGroup(with_shelf((3.0, "a"), (5.5, "b")), 0)
    assert run(group, 0, 8) == ["", "", "", "a", "a", "a", "b", "b"]


def test_a_group_that_begins_later_takes_the_one_that_serves_then() -> None:
    group = KeyGroup(with_shelf((1.0, "missing"), (2.0, "a"), (4.0, "b"), (90.0, "wide")), 0)
    assert run(group, 10, 12) == ["b", "b"]


def test_a_refused_model_leaves_what_was_in_use() -> None:
    group = KeyGroup(with_shelf((1.0, "a"), (3.0, "missing"), (5.0, "b")), 0)
    assert run(group, 0, 6) == ["", "a", "a", "a", "a", "b"]


def test_a_cohort_that_comes_later_has_what_the_others_kept() -> None:
    group = KeyGroup(with_shelf((1.0, "a"), (3.0, "missing")), 0)
    assert run(group, 4, 5) == ["a"]


@pytest.mark.parametrize("each", [1, 4, 20])
def test_a_promotion_is_a_hot_swap_at_its_tick(each: int) -> None:
    group = KeyGroup(dataclasses.replace(with_shelf((0.0, "a")), partitions=2), 0)
    group.feed(promotion(7.5, "b"))
    group.feed(promotion(7.5, "b"))  # a resumed log says it again
    group.feed(promotion(9.0, "wide", "aws.rds"))
    group.feed(promotion(9.0, ""))
    versions = run(group, 0, 20, each)
    assert (versions[0], versions[-1]) == ("a" if each < 20 else "b", "b")
    assert versions.count("a") == {1: 8, 4: 2, 20: 0}[each]


def test_the_shelf_and_a_promotion_come_to_the_same() -> None:
    known = KeyGroup(dataclasses.replace(with_shelf((0, "a"), (150, "wide")), partitions=2), 0)
    told = KeyGroup(dataclasses.replace(with_shelf((0, "a")), partitions=2), 0)
    known.feed(promotion(0.0, ""))
    told.feed(promotion(150.0, "wide"))
    found = words(known, 0, 200, 3), words(told, 0, 200, 7)
    edges = [[edge for word in said for edge in word.anomalies] for said in found]
    assert edges[0]
    assert edges[0] == edges[1]
    assert sum(word.scored for word in found[0]) == sum(word.scored for word in found[1])


def test_other_columns_begin_new_trees_and_the_tails_are_those_of_the_model() -> None:
    group = KeyGroup(with_shelf((100.0, "a"), (110.0, "b"), (120.0, "wide")), 0)
    run(group, 0, 105)
    table, forests = group.roster.tables[0], group.forests[0]
    trees = forests.trees
    assert (table.arrays.cohort_tails[FOREST, COUNT]) > MODELS["a"].tails[FOREST, COUNT]
    assert (table.arrays.tails[:, FOREST, COUNT] > 0).all()
    run(group, 105, 111)
    assert forests.trees is trees
    assert table.arrays.tails[:, FOREST, COUNT].tolist() == [1.0, 1.0, 1.0]
    run(group, 111, 121)
    assert forests.trees is not trees
    assert table.columns == {"cpu.utilization": 0, "latency": 1}
    assert (table.arrays.tails[:, TREES, COUNT] > 1).all()


def test_a_resumed_group_uses_the_version_that_it_used() -> None:
    group = KeyGroup(with_shelf((1.0, "a"), (90.0, "b")), 0)
    run(group, 0, 5)
    raw = dump(group)
    # meanwhile another was promoted, from a time on that has not come
    loaded = load(raw, with_shelf((1.0, "a"), (4.5, "missing"), (7.0, "wide"), (90.0, "b")))
    assert loaded.forests[0].version == "a"
    assert run(loaded, 5, 9) == ["a", "a", "wide", "wide"]
    assert run(load(raw, group.settings), 5, 91)[-2:] == ["a", "b"]
    assert dump(load(raw, group.settings)) == raw


def test_a_resume_without_the_version_in_use_is_refused() -> None:
    group = KeyGroup(with_shelf((1.0, "a")), 0)
    run(group, 0, 5)
    with pytest.raises(ValueError, match="models must hold a, which was in use"):
        load(dump(group), settings())


def test_a_snapshot_that_names_no_version_goes_on_with_the_one_of_its_time() -> None:
    group = KeyGroup(with_shelf((1.0, "a"), (90.0, "b")), 0)
    run(group, 0, 5)
    state = msgspec.msgpack.decode(dump(group))
    for cohort in state["cohorts"]:
        cohort[2] = cohort[2][:2]
        del cohort[1]["reservoir_tick"]
    old = msgspec.msgpack.encode(state)
    assert load(old, group.settings).forests[0].version == "a"


def test_of_two_models_from_the_same_time_on_the_later_added_serves() -> None:
    queue = Queue((Serving(60_000, "a"), Serving(60_000, "b")), MINUTE_MS)
    queue.add(Serving(120_000, "c"))
    assert (queue.next_tick, queue.take(0)) == (1, [])
    assert [serving.version for serving in queue.take(2)] == ["c", "b"]
    queue.add(Serving(90_000, "d"))  # too late: a newer one has come into use
    assert (queue.next_tick, queue.passed_ms) == (None, 120_000)
