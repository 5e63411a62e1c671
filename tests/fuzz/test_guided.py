"""Short coverage-guided runs, each in a process of its own."""

import pytest

from tests.fuzz.guided import TARGETS, run
from tests.fuzz.outcomes import Fault

RUNS = 2_000
TIMEOUT_S = 5  # by the clock on the wall: a test's machine may be busy


def test_no_input_that_is_reached_breaks_a_decoder_of_bytes() -> None:
    found = run("all", RUNS * len(TARGETS), timeout_s=TIMEOUT_S)
    assert found.runs >= RUNS * len(TARGETS)
    assert found.covered >= 200
    assert found.kept >= 20


def test_a_crash_is_told_with_its_input() -> None:
    with pytest.raises(Fault, match=r"trap, crash-\w+: 0a[0-9a-f]{6,}\n(.|\n)*ZeroDivisionError"):
        run("trap", RUNS, timeout_s=TIMEOUT_S)
