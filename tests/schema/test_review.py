"""What a record of the review can become, and what a summary counts."""

from typing import get_args

import msgspec
import pytest

from schema import Counted, RecordState, Severity, record_step, summarised

LEGAL = {
    ("DETECTED", "INVESTIGATING"),
    ("INVESTIGATING", "CONFIRMED"),
    ("INVESTIGATING", "FALSE_POSITIVE"),
    ("CONFIRMED", "RESOLVED"),
    ("FALSE_POSITIVE", "RESOLVED"),
}


@pytest.mark.parametrize("before", get_args(RecordState))
@pytest.mark.parametrize("after", get_args(RecordState))
def test_a_record_goes_its_way_and_no_other(before: RecordState, after: RecordState) -> None:
    refused = record_step("anom-1", before, after)
    assert (refused is None) == ((before, after) in LEGAL)
    if refused is not None:
        assert refused.reason.startswith(f"anom-1 is {before}: ")


def test_a_summary_has_these_keys_and_counts_by_them() -> None:
    records = [
        Counted(Severity.CRITICAL, "DETECTED", 0.9, ""),
        Counted(Severity.HIGH, "CONFIRMED", 0.8, "CONFIRMED"),
        Counted(Severity.HIGH, "RESOLVED", 0.7, "FALSE_POSITIVE"),
        Counted(Severity.LOW, "FALSE_POSITIVE", 0.2, "FALSE_POSITIVE"),
    ]
    found = msgspec.to_builtins(summarised(records))
    assert found.pop("average_confidence") == pytest.approx(0.65)
    assert found.pop("false_positive_rate") == pytest.approx(2 / 3)
    assert found == {
        "total_anomalies": 4,
        "critical": 1,
        "high": 2,
        "medium": 0,
        "low": 1,
        "unresolved": 2,
    }


def test_a_summary_of_nothing_is_all_zeros() -> None:
    assert set(msgspec.structs.astuple(summarised([]))) == {0}
