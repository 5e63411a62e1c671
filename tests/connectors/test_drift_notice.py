"""Drifts in the log."""

import logging

import pytest

from connectors.drift_notice import DriftNotice
from schema import Drift


def test_a_drift_is_one_line_that_says_who_and_since_when(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    drift = Drift("drift-1", "aws.ec2", 1_768_223_100_000, 0, 0, 0, 9, 0.9)
    DriftNotice().build("step", 0, 1).write_batch([drift])
    assert caplog.messages == [
        "aws.ec2 has drifted: 9 resources (90 %) are at another level since 2026-01-12 13:05 UTC"
    ]
