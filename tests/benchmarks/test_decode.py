"""What is measured of decoders is what they are for."""

import pytest

from benchmarks.bare import readers
from benchmarks.decode import measure
from benchmarks.messages import KINDS, Kind, messages
from connectors.formats.registry import FORMATS


def test_every_format_is_measured() -> None:
    assert {kind.format for kind in KINDS} == set(FORMATS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.format}, {kind.what}")
def test_each_message_gives_at_least_a_sample_a_point(kind: Kind) -> None:
    row = measure(kind, points=2 * kind.points, rounds=1)
    assert row.samples >= 2 * kind.points
    assert row.ours_us > 0
    assert row.ratio > 0
    assert all(spent > 0 for spent in row.bare_us.values())


def test_messages_are_no_copies_of_one_another() -> None:
    for kind in KINDS:
        found = messages(kind, 80 * kind.points)
        assert len(set(found)) == len(found)


def test_a_reader_of_json_fails_on_what_is_none() -> None:
    for read in readers("foreshock-json", messages(KINDS[3], 50)[0]).values():
        with pytest.raises(ValueError, match=r"truncated|unexpected end|property name"):
            read([b"{"])
