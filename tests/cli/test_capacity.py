"""`foreshock capacity`: what it says follows from what a resource costs."""

import json
from typing import Any

import pytest

import foreshock
from flows.capacity import Estate, capacity_of


def said(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    assert foreshock.main(["capacity", *args, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_samples_follow_from_resources_metrics_and_interval(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = said(capsys, "--resources", "60000", "--metrics", "10", "--interval", "300")
    assert found["samples_per_s"] == 2000.0
    assert found["workers"] == 1


def test_ten_times_the_estate_takes_more_of_everything() -> None:
    small, large = capacity_of(Estate(1_000_000)), capacity_of(Estate(10_000_000))
    assert large.samples_per_s == pytest.approx(10 * small.samples_per_s)
    assert 5 * small.workers <= large.workers <= 10 * small.workers
    assert large.memory_bytes > 8 * small.memory_bytes
    assert large.snapshot_bytes > 8 * small.snapshot_bytes


def test_it_says_what_must_be_chosen_before_the_first_start() -> None:
    assert any("ingest.groups 16 is few" in note for note in capacity_of(Estate(3_000_000)).notes)
    assert not any("ingest.groups" in note for note in capacity_of(Estate(1_000)).notes)


def test_it_says_how_far_apart_snapshots_must_be() -> None:
    named = "recovery.snapshot_interval_s"
    assert any(named in note for note in capacity_of(Estate(100_000)).notes)
    assert not any(named in note for note in capacity_of(Estate(100, services=2)).notes)


def test_it_is_told_for_people_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert foreshock.main(["capacity", "--resources", "100000"]) == 0
    words = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert words[:4] == ["samples", "workers", "memory", "snapshots"]


@pytest.mark.parametrize("interval", ["0", "-1", "nan", "1e9"])
def test_an_interval_that_is_none_is_refused(
    interval: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert foreshock.main(["capacity", "--resources", "5", "--interval", interval]) == 2
    assert "interval must be in [1, 86400] s" in capsys.readouterr().err
