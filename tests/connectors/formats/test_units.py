import pytest

from connectors.formats.units import factor, is_time


@pytest.mark.parametrize(
    ("given", "wanted", "wanted_factor"),
    [
        ("s", "ms", 1_000.0),
        ("Seconds", "ms", 1_000.0),
        ("Microseconds", "ms", 0.001),
        ("ms", "s", 0.001),
        ("MiB", "bytes", 1_048_576.0),
        ("Megabytes", "bytes", 1e6),
        ("ratio", "percent", 100.0),
        ("%", "percent", 1.0),
        ("s", "percent", 1.0),
        ("furlong", "ms", 1.0),
        ("", "ms", 1.0),
        ("s", "", 1.0),
    ],
)
def test_what_is_of_one_kind_is_converted(given: str, wanted: str, wanted_factor: float) -> None:
    assert factor(given, wanted) == pytest.approx(wanted_factor)


def test_knows_what_is_a_time() -> None:
    assert [is_time(unit) for unit in ("ms", "s", "seconds", "bytes", "", "1/s")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip
