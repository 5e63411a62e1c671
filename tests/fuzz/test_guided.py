"""Short coverage-guided runs, each in a process of its own."""

import pytest

from tests.fuzz.guided import TARGETS, run
from tests.fuzz.outcomes import Fault

RUNS = 2_000
TIMEOUT_S = 5  # by the clock on the wall: a test's machine may be busy


@pytest.mark.parametrize("target", TARGETS)
def test_no_input_that_is_reached_breaks_a_decoder(target: str) -> None:
    found = run(target, RUNS, timeout_s=TIMEOUT_S)
    assert found.runs >= RUNS
    assert found.covered >= 20
    assert found.kept >= 2


def test_a_crash_is_told_with_its_input() -> None:
    with pytest.raises(Fault, match=r"trap, crash-\w+: 0a[0-9a-f]{6,}\n(.|\n)*ZeroDivisionError"):
        run("trap", RUNS, timeout_s=TIMEOUT_S)
