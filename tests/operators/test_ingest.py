"""A partition's payloads here are event times in seconds, e.g. b"60 61"; "x" is a bad point."""

import time
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.groups import group_names
from operators.ingest import FOREVER_MS, NEVER_MS, Ingest, Ingested, IngestSettings
from operators.packing import Named, Packed, unpack
from schema import Chunk, Decoded, Resource, SampleBatch, Series, SeriesTable, stable_id

SETTINGS = IngestSettings(groups=4, out_of_order_s=120.0, max_jump_s=3_600.0, max_ahead_s=600.0)


class Seconds:
    """Decodes b"<seconds>[:<resource>[:<team>]] ..."; every word is a point."""

    format = "seconds"

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        rows: list[tuple[int, int, float, int]] = []
        rejects: list[tuple[int, str, str]] = []
        for i, payload in enumerate(payloads):
            for word in payload.decode().split():
                if word == "x":
                    rejects.append((i, "bad", "x"))
                    continue
                at, name, team = (*word.split(":"), "r", "")[:3] if ":" in word else (word, "r", "")
                tags = (("team", team),) if team else ()
                series = Series(Resource("", "s", "", "", name, tags), "m")
                rows.append((table.index(series), int(at) * 1000, float(at), i))
        return Decoded(
            SampleBatch(
                np.array([r[0] for r in rows], np.int32),
                np.array([r[1] for r in rows], np.int64),
                np.array([r[2] for r in rows], np.float64),
                np.array([r[3] for r in rows], np.int32),
            ),
            rejects,
        )


def ingest(resume: bytes | None = None) -> Ingest:
    return Ingest(SETTINGS, Seconds(), "test", "p", 1, resume)


def chunk(payloads: Sequence[str], first: int = 0, stamps_s: Sequence[int] | None = None) -> Chunk:
    until = first + len(payloads)
    stamps = None if stamps_s is None else np.array(stamps_s, np.int64) * 1000
    return Chunk([p.encode() for p in payloads], range(first, until), until, stamps)


def stamped(payloads: Sequence[str], first: int = 0) -> Chunk:
    """Return records whose own time is far ahead: no event time is too far."""
    return chunk(payloads, first, [10**9] * len(payloads))


def parts(item: Ingested) -> list[Packed]:
    return [unpack(buffer) for _, buffer in item.packed]


def seconds(items: Sequence[Ingested]) -> list[float]:
    return sorted(value for item in items for part in parts(item) for value in part.value.tolist())


# ------------------------------------------------------------------ lateness


@pytest.mark.parametrize(
    ("payloads", "late"),
    [
        (["0", "179"], []),
        (["0", "180", "59"], [59]),  # the tick [0, 60) has ended 120 s before 180
        (["0", "179", "59"], []),
        (["0", "180", "60"], []),
        (["240", "119 120"], [119]),
        (["600 0"], []),  # the watermark moves between records: a payload may be newest first
        (["0 600", "0"], [0]),
        (["600", "0", "601", "0"], [0, 0]),
    ],
)
def test_late_is_what_its_own_partition_had_left_behind(
    payloads: list[str], late: list[int]
) -> None:
    stage = ingest()
    item = stage.feed(stamped(payloads))
    points = sum(len(p.split()) for p in payloads)
    assert [sample.value for sample in item.late] == late
    assert (item.tally.samples, item.tally.late) == (points - len(late), len(late))


def test_a_late_sample_says_where_it_came_from() -> None:
    stage = ingest()
    stage.feed(stamped(["600"], 7))
    (late,) = stage.feed(stamped(["x", "0"], 8)).late
    assert (late.source, late.partition, late.position) == ("test", "p", 9)
    assert (late.ts_ms, late.value, late.series.resource.name) == (0, 0.0, "r")


def test_an_idle_mark_moves_the_watermark_and_makes_late() -> None:
    stage = ingest()
    stage.feed(stamped(["600"]))
    assert stage.watermark_ms == 480_000
    marked = stage.advance(1, 900_000)
    assert stage.watermark_ms == 900_000
    assert {part.watermark_ms for part in parts(marked)} == {900_000}
    assert stage.feed(stamped(["899", "900"], 1)).tally.late == 1
    stage.advance(3, 1)  # never back
    assert stage.watermark_ms == 900_000


# ------------------------------------------------------------------ times too far ahead


def test_a_record_may_be_so_far_ahead_of_its_own_stamp_and_no_further() -> None:
    stage = ingest()
    item = stage.feed(chunk(["1600 1601 5"], 0, [1000]))
    assert seconds([item]) == [5, 1600]
    (reject,) = item.rejects
    assert (reject.reason, reject.position, reject.raw) == ("too_far_ahead", 0, b"1600 1601 5")
    assert stage.watermark_ms == 1_480_000  # by what was taken


FAR = 1_000_000


@pytest.mark.parametrize(
    ("payloads", "refused"),
    [
        (["0", "3600", "3601", "3602"], []),  # exactly max_jump_s
        (["0", "1", "2", "3", "3604", "4", "5", "6"], [3604]),
        (["0", "1", "2", "3", f"{FAR}", "4", "5", "6"], [FAR]),
        (["0", "1", "2", "3", f"{FAR} 9", "4"], [FAR]),  # the good part of it is kept
        (["0", "1", "2", "3", f"{FAR}", f"{FAR + 1}", f"{FAR + 2}", f"{FAR + 3}"], []),
        (["0", "1", "2", "3", f"{FAR}", f"{FAR}", f"{FAR}", "4"], [FAR] * 3),
        (["0", "1", "2", "3", f"{FAR}", "x", f"{FAR}", "x", f"{FAR}", f"{FAR}"], []),
        (["0", "1", "2", "3", f"{FAR}", f"{FAR}", f"{FAR}"], [FAR] * 3),  # the file ends
        ([f"{FAR}", "0", "1", "2", "3"], [FAR]),  # the first record may be the broken one
        (["x", f"{FAR}", "x", "0"], [FAR]),
        ([f"{FAR}"], []),
        (["x"], []),
        ([], []),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_jump_that_three_records_do_not_confirm_is_refused(
    payloads: list[str], refused: list[int], size: int
) -> None:
    stage = ingest()
    items = [
        stage.feed(chunk(payloads[at : at + size], at)) for at in range(0, len(payloads), size)
    ]
    items.append(stage.end())
    wanted = sorted(float(w) for p in payloads for w in p.split() if w != "x")
    for value in refused:
        wanted.remove(value)
    assert seconds(items) == wanted
    far = [r for item in items for r in item.rejects if r.reason == "too_far_ahead"]
    assert len(far) == len(refused)
    assert all(payloads[r.position].encode() == r.raw for r in far)
    assert sum(item.tally.payloads for item in items) == len(payloads)


def test_what_waits_to_be_confirmed_is_read_again_after_a_restart() -> None:
    stage = ingest()
    stage.feed(chunk(["0", "1", "2", "3"]))
    item = stage.feed(chunk(["4", f"{FAR}", "5"], 4))
    assert item.tally.payloads == 1
    position, state = stage.snapshot()
    assert position == 5
    again = ingest(state)
    assert again.feed(chunk([f"{FAR}", "5", "6", "7"], 5)).rejects[0].position == 5


def test_nothing_but_garbage_is_not_held_back() -> None:
    stage = ingest()
    for head in ([], ["0"], ["0", "1", "2", "3", f"{FAR}"]):
        started = time.process_time()
        at = 0
        for _ in range(400):
            lines = [*(head if at == 0 else []), *["x"] * 50]
            stage.feed(chunk(lines, at))
            at += len(lines)
        assert stage.snapshot()[0] is None
        assert time.process_time() - started < 10


# ------------------------------------------------------------------ what leaves


def test_a_resource_goes_to_its_own_group_with_its_name() -> None:
    item = ingest().feed(stamped(["0:a 1:b 2:a"]))
    for name, buffer in item.packed:
        part = unpack(buffer)
        assert name == group_names(4)[part.group]
        assert part.partition == 1
        for named in part.names:
            key = named.series.resource.key
            assert named.resource_id == stable_id(key)
            assert named.uid == stable_id(f"{key}\nm")
            assert named.resource_id % 4 == part.group
        known = {named.uid for named in part.names}
        assert set(part.uid.tolist()) == known
    assert seconds([item]) == [0, 1, 2]


def test_groups_without_samples_hear_of_it_only_when_a_tick_may_close() -> None:
    stage = ingest()
    assert len(stage.feed(stamped(["0"])).packed) == 4
    assert len(stage.feed(stamped(["59"], 1)).packed) == 1
    item = stage.feed(stamped(["60"], 2))
    assert len(item.packed) == 4
    assert {part.watermark_ms for part in parts(item)} == {-60_000}


def test_a_name_is_said_when_new_when_changed_and_in_each_window() -> None:
    stage = ingest()

    def said(payload: str) -> list[str]:
        item = stage.feed(stamped([payload]))
        return [dict(n.series.resource.attributes)["team"] for p in parts(item) for n in p.names]

    window = 21_600
    assert said("0:a:x 1:a:x") == ["x"]
    assert said("2:a:x") == []
    assert said("3:a:y") == ["y"]
    assert said("4:a:x 5:a:y") == ["x", "y"]
    assert said(f"{window - 1}:a:y") == []
    assert said(f"{window}:a:y") == ["y"]
    assert said(f"{window + 1}:a:y") == []


def test_the_end_is_told_to_every_group() -> None:
    stage = ingest()
    stage.feed(stamped(["70"]))
    item = stage.end()
    assert [part.group for part in parts(item)] == [0, 1, 2, 3]
    assert all(part.end and part.watermark_ms == FOREVER_MS for part in parts(item))
    assert {part.max_event_ms for part in parts(item)} == {70_000}


def test_the_end_of_a_partition_that_held_nothing_is_told_too() -> None:
    assert {part.max_event_ms for part in parts(ingest().end())} == {NEVER_MS}


def test_a_reject_says_where_it_came_from() -> None:
    (reject,) = ingest().feed(stamped(["1", "x 2"], 40)).rejects
    assert (reject.source, reject.partition, reject.position) == ("test", "p", 41)
    assert (reject.reason, reject.raw) == ("bad", b"x 2")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("groups", 0), ("tick_s", 0), ("tick_s", 86_401), ("out_of_order_s", -1.0),
        ("out_of_order_s", float("nan")), ("max_ahead_s", 0.0), ("max_ahead_s", float("nan")),
        ("max_jump_s", 0.0),
    ],
)  # fmt: skip
def test_impossible_settings_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        IngestSettings(**{name: value})  # type: ignore[arg-type]


# ------------------------------------------------------------------ any chunks, any restarts

WORDS = st.one_of(
    st.integers(0, 900).map(str),
    st.integers(0, 900).map(lambda at: f"{at}:b"),
    st.integers(0, 900).map(lambda at: f"{at}:b:t{at % 2}"),
    st.sampled_from(["x", "5000", "5001", f"{FAR}"]),
)
PAYLOADS = st.lists(st.lists(WORDS, max_size=3).map(" ".join), max_size=25)


def outcome(payloads: list[str], sizes: list[int], restarts: set[int]) -> tuple[object, ...]:
    """Run over the payloads in chunks of `sizes`, started anew after the chunks in `restarts`."""
    stage = ingest()
    items: list[Ingested] = []
    at = turn = 0
    while at < len(payloads):
        until = min(at + sizes[turn % len(sizes)], len(payloads))
        items.append(stage.feed(chunk(payloads[at:until], at)))
        at = until
        if turn in restarts:
            position, state = stage.snapshot()
            stage = ingest(state)
            at = at if position is None else position
        turn += 1
    items.append(stage.end())
    samples: dict[int, list[tuple[int, int, float]]] = {}
    names: dict[int, list[Named]] = {}
    for part in (part for item in items for part in parts(item)):
        names.setdefault(part.group, []).extend(part.names)
        rows = zip(part.uid.tolist(), part.ts_ms.tolist(), part.value.tolist(), strict=True)
        samples.setdefault(part.group, []).extend(rows)
    return (
        samples,
        [sample for item in items for sample in item.late],
        sorted((r.position, r.reason, r.points) for item in items for r in item.rejects),
        stage.watermark_ms,
        sum(item.tally.payloads for item in items),
        names,
    )


@given(PAYLOADS, st.lists(st.integers(1, 30), min_size=1, max_size=5), st.sets(st.integers(0, 9)))
def test_neither_chunks_nor_restarts_change_anything(
    payloads: list[str], sizes: list[int], restarts: set[int]
) -> None:
    # a read-ahead that is held back is read again: a chunk must reach past it, or nothing moves
    sizes = [max(size, 10) for size in sizes] if restarts else sizes
    restarts = {turn for turn in restarts if turn < 10}
    found, wanted = outcome(payloads, sizes, restarts), outcome(payloads, [1000], set())
    assert found[:-1] == wanted[:-1]
    assert restarts or found == wanted  # after a restart, names are said again


@given(PAYLOADS, st.lists(st.integers(1, 30), min_size=1, max_size=5))
def test_every_point_is_a_sample_or_late_or_rejected(payloads: list[str], sizes: list[int]) -> None:
    samples, late, rejects, _, count, _ = outcome(payloads, sizes, set())
    assert isinstance(samples, dict)
    assert isinstance(late, list)
    assert isinstance(rejects, list)
    points = sum(len(p.split()) for p in payloads)
    rejected = sum(count for _, _, count in rejects)
    assert sum(map(len, samples.values())) + len(late) + rejected == points
    assert count == len(payloads)


class Refusing:
    """Refuses every payload thrice: bad twice for one reason, once without a value."""

    format = "refusing"

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        rows = [
            (i, reason, detail)
            for i in range(len(payloads))
            for reason, detail in (("bad", "first"), ("stale", "over"), ("bad", "second"))
        ]
        empty = np.zeros(0, np.int32)
        return Decoded(SampleBatch(empty, np.zeros(0, np.int64), np.zeros(0), empty), rows)


def test_a_payload_has_one_reject_a_reason_and_what_has_no_value_is_absorbed() -> None:
    stage = Ingest(IngestSettings(groups=1), Refusing(), "s", "p", 0)
    out = stage.feed(Chunk([b"a", b"b"], [7, 8], 9, np.zeros(2, np.int64)))
    assert [(r.position, r.reason, r.detail, r.points, r.raw) for r in out.rejects] == [
        (7, "bad", "first", 2, b"a"), (8, "bad", "first", 2, b"b"),
    ]  # fmt: skip
    assert (out.tally.rejected, out.tally.absorbed, out.tally.samples) == (4, 2, 0)


class Tagged:
    """A payload is a name; each is a resource with one label."""

    format = "tagged"

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        series = [
            Series(Resource("c", "s", "1", "r", payload.decode()), "m", labels=(("a", "b"),))
            for payload in payloads
        ]
        n = len(series)
        at = np.array([table.index(one) for one in series], np.int32)
        times = np.full(n, 70_000, np.int64)
        return Decoded(SampleBatch(at, times, np.ones(n), np.arange(n, dtype=np.int32)), [])


def test_a_name_that_is_too_long_is_a_reject_and_its_neighbours_are_taken() -> None:
    settings = msgspec.structs.replace(SETTINGS, max_name_chars=64)
    stage = Ingest(settings, Tagged(), "test", "p", 1)
    item = stage.feed(stamped(["short", "x" * 60, "other"]))
    assert [(reject.reason, reject.position) for reject in item.rejects] == [("name_too_large", 1)]
    assert (item.tally.samples, item.tally.rejected) == (2, 1)
    assert sorted(n.series.resource.name for p in parts(item) for n in p.names) == [
        "other", "short",
    ]  # fmt: skip


def test_too_many_labels_and_attributes_are_a_reject() -> None:
    stage = Ingest(msgspec.structs.replace(SETTINGS, max_tags=1), Tagged(), "test", "p", 1)
    assert stage.feed(stamped(["a"])).tally.samples == 1

    class Two(Tagged):
        def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
            found = super().__call__(payloads, SeriesTable())
            resource = Resource("c", "s", "1", "r", "x", attributes=(("team", "y"),))
            table.index(Series(resource, "m", labels=(("a", "b"),)))
            return found

    stage = Ingest(msgspec.structs.replace(SETTINGS, max_tags=1), Two(), "test", "p", 1)
    assert [reject.reason for reject in stage.feed(stamped(["a"])).rejects] == ["name_too_large"]
