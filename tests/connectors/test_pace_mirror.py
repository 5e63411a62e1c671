"""Two hosts see each other's partitions as if they shared one table."""

from pathlib import Path

import pytest

from connectors.pace import Pace
from connectors.pace_mirror import PaceMirror, Row

Host = tuple[Pace, PaceMirror]


def host(folder: Path, name: str) -> Host:
    path = folder / name
    pace = Pace.shared(path, 3)
    return pace, PaceMirror([path, folder / "absent"])


@pytest.fixture
def hosts(tmp_path: Path) -> tuple[Host, Host]:
    return host(tmp_path, "a"), host(tmp_path, "b")


def tell(one: Host, other: Host) -> tuple[Row, ...]:
    rows = one[1].changes()
    other[1].take(rows)
    return rows


def test_what_moves_here_is_seen_there_and_told_once(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    a[0].move(0, 5_000)
    b[0].move(1, 3_000)
    tell(a, b)
    tell(b, a)
    assert a[0].lowest_ms() == b[0].lowest_ms() == 3_000
    assert a[0].lowest_other_ms(0) == 3_000
    assert tell(a, b) == tell(b, a) == ()  # what was heard is not told back
    b[0].rest(1, 3_000)
    tell(b, a)
    assert a[0].lowest_other_ms(0) is None
    b[0].end(1)
    tell(b, a)
    assert a[0].lowest_ms() == 5_000


def test_a_row_that_a_host_has_only_reserved_does_not_set_its_owner_back(
    hosts: tuple[Host, Host],
) -> None:
    a, b = hosts
    for pace, _ in hosts:
        pace.rest(2, -1_000)
    a[0].move(2, 7_000)
    tell(b, a)
    assert a[0].lowest_ms() == 7_000
    tell(a, b)
    assert b[0].lowest_ms() == 7_000
