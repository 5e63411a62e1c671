"""The simulator as a source."""

import pytest
from msgspec.structs import replace

from connectors.simulator.origin import SimulatorOrigin, SimulatorReader
from connectors.simulator.settings import SimulatorSource
from connectors.simulator.tape import STRIDE
from schema import Chunk

SETTINGS = SimulatorSource(days=0.6, resources=12, points_per_payload=9, faults_per_day=20)


def drain(reader: SimulatorReader) -> list[Chunk]:
    chunks = []
    while (chunk := reader.read()) is not None:
        chunks.append(chunk)
    return chunks


def records(chunks: list[Chunk]) -> list[tuple[int, bytes]]:
    return [pair for c in chunks for pair in zip(c.positions, c.payloads, strict=True)]


def test_the_partitions_are_the_clouds() -> None:
    assert SimulatorOrigin(SETTINGS).partitions() == ["aws", "azure", "gcp"]
    with pytest.raises(ValueError, match="partition must be one of"):
        SimulatorOrigin(SETTINGS).open("oci", None)


def test_ends_after_the_last_step_and_not_before() -> None:
    reader = SimulatorOrigin(SETTINGS).open("aws", None)
    assert not reader.ended
    chunks = drain(reader)
    assert reader.ended
    assert reader.caught_up
    assert chunks[-1].next_position == SETTINGS.steps * STRIDE


def test_a_part_of_the_days_reads_as_the_beginning_of_all_of_them() -> None:
    some = records(drain(SimulatorOrigin(replace(SETTINGS, read_days=0.37)).open("aws", None)))
    everything = records(drain(SimulatorOrigin(SETTINGS).open("aws", None)))
    assert some == everything[: len(some)]
    assert some[-1][0] // STRIDE == int(0.37 * 1440) - 1


def test_resumes_at_any_chunk_exactly_where_it_was() -> None:
    origin = SimulatorOrigin(SETTINGS)
    chunks = drain(origin.open("gcp", None))
    assert len(chunks) > 2
    for i, chunk in enumerate(chunks[:-1]):
        rest = drain(SimulatorOrigin(SETTINGS).open("gcp", chunk.next_position))
        assert records(rest) == records(chunks[i + 1 :])


def test_resumes_in_the_middle_of_a_step() -> None:
    origin = SimulatorOrigin(SETTINGS)
    everything = records(drain(origin.open("aws", None)))
    middle = next(i for i, (position, _) in enumerate(everything) if position % STRIDE == 1)
    assert records(drain(origin.open("aws", everything[middle][0]))) == everything[middle:]


def test_positions_ascend_and_no_time_runs_ahead_of_its_stamp() -> None:
    chunks = drain(SimulatorOrigin(SETTINGS).open("azure", None))
    positions = [position for position, _ in records(chunks)]
    assert positions == sorted(set(positions))
    stamps = [int(ms) for chunk in chunks if chunk.stamps_ms is not None for ms in chunk.stamps_ms]
    assert stamps == sorted(stamps)
    assert len(stamps) == len(positions)
    assert stamps[0] == SETTINGS.start_ms


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others() -> None:
    first, again = (records(drain(SimulatorOrigin(SETTINGS).open("aws", None))) for _ in range(2))
    other = SimulatorOrigin(SimulatorSource(days=0.6, resources=12, seed=2)).open("aws", None)
    assert first == again
    assert records(drain(other)) != first


def test_lanes_hold_the_same_points_and_a_resource_keeps_to_one() -> None:
    settings = SimulatorSource(days=0.05, resources=24, points_per_payload=1)
    origin = SimulatorOrigin(settings)
    plain = sorted(payload for _, payload in records(drain(origin.open("aws", None))))
    reader = origin.open("aws", None, lanes=3)
    lane_of: dict[bytes, int] = {}
    found: list[bytes] = []
    while (pages := reader.read_pages()) is not None:
        found += pages.payloads
        for payload, lane in zip(pages.payloads, pages.lanes, strict=True):
            dimensions = payload.split(b'"dimensions":')[1].split(b"}")[0]
            assert lane_of.setdefault(dimensions, lane) == lane
    assert sorted(found) == plain
    assert set(lane_of.values()) == {0, 1, 2}


def test_a_paced_reader_keeps_to_the_clock() -> None:
    now_s = [100.0]
    settings = SimulatorSource(days=0.1, resources=6, speed=60.0)
    reader = SimulatorOrigin(settings, clock=lambda: now_s[0]).open("aws", None)
    first = reader.read()
    assert first is not None
    assert first.next_position == STRIDE
    assert reader.read() is None
    assert reader.caught_up
    assert not reader.ended
    now_s[0] += 3.0
    later = reader.read()
    assert later is not None
    assert later.next_position == 4 * STRIDE
    now_s[0] += 1e6
    drain(reader)
    assert reader.ended


def test_a_paced_reader_resumes_at_its_position_not_at_the_start() -> None:
    now_s = [0.0]
    settings = SimulatorSource(days=0.1, resources=6, speed=60.0)
    reader = SimulatorOrigin(settings, clock=lambda: now_s[0]).open("aws", 50 * STRIDE)
    chunk = reader.read()
    assert chunk is not None
    assert chunk.positions[0] == 50 * STRIDE
    assert chunk.next_position == 51 * STRIDE
