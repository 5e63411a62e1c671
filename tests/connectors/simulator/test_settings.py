"""Settings of the simulator."""

import pytest

from connectors.simulator.settings import SimulatorSource


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", -1),
        ("days", 0.0),
        ("days", float("nan")),
        ("days", 0.0001),
        ("resources", 2),
        ("resources", 20_001),
        ("interval_s", 7),
        ("interval_s", 7000),
        ("start", "yesterday"),
        ("faults_per_day", -1.0),
        ("quiet_days", 8.0),
        ("format", "csv"),
        ("points_per_payload", 0),
        ("speed", 0.0),
        ("read_days", 8.0),
    ],
)
def test_refuses_a_bad_value_and_names_it(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        SimulatorSource(**{field: value})  # type: ignore[arg-type]


def test_faults_wait_for_three_days_or_a_third_of_the_run() -> None:
    assert SimulatorSource(days=30).quiet_steps == 3 * 1440
    assert SimulatorSource(days=3).quiet_steps == 1440
    assert SimulatorSource(days=30, quiet_days=0).quiet_steps == 0


def test_a_start_without_zone_is_utc() -> None:
    assert SimulatorSource(start="2026-01-05T00:00:00").start_ms == 1_767_571_200_000
    assert SimulatorSource(start="2026-01-05T02:00:00+02:00").start_ms == 1_767_571_200_000
