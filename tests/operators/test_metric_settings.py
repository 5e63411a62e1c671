"""What the settings say of single metrics goes over the catalogue, for what they match alone."""

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fusion import DETECTORS
from operators.keygroup import GroupSettings, KeyGroup
from operators.metric_settings import MetricSettings, spec_in_force
from schema import MetricSpec, Resource, Series
from tests.operators.group_input import buffer, settings

SPEC = MetricSpec("disk.utilization", "percent", bad="up", weight=1.0, min_change=1.0)
SERIES = Series(
    Resource("aws", "aws.ec2", "1", "eu", "i-7"), "disk.utilization", labels=(("path", "/snap/a"),)
)


@pytest.mark.parametrize(
    ("given", "matches"),
    [
        ({"metric": "disk.*"}, True),
        ({"metric": "disk.utilization", "service": "aws.*", "resource": "i-*"}, True),
        ({"resource": "aws|1|eu|aws.ec2|i-7"}, True),  # its key
        ({"metric": "disk.*", "labels": {"path": "/snap/*"}}, True),
        ({"metric": "disk.*", "labels": {"path": "/"}}, False),
        ({"metric": "disk.*", "labels": {"device": "*?"}}, False),
        ({"metric": "disk"}, False),
        ({"metric": "DISK.*"}, False),
        ({"metric": "disk.*", "service": "aws.rds"}, False),
        ({"metric": "disk.*", "resource": "j-*"}, False),
    ],
)
def test_all_that_is_named_must_match(given: dict[str, Any], matches: bool) -> None:
    assert MetricSettings(suppress=True, **given).matches(SERIES) is matches


def test_what_is_left_out_stays_and_a_later_one_goes_over_an_earlier_one() -> None:
    both = (
        MetricSettings("disk.*", min_change=5.0, bad="both"),
        MetricSettings("*", "aws.*", min_change=0.0, least_effect=3.0, harmless=(0.0, 40.0)),
        MetricSettings("other", weight=9.0),
    )
    found = spec_in_force(both, SERIES, SPEC)
    assert found == msgspec.structs.replace(
        SPEC, bad="both", min_change=0.0, least_effect=3.0, harmless=(0.0, 40.0)
    )


def test_a_delay_of_no_known_unit_has_no_smallest_change() -> None:
    spec = MetricSpec("latency", "ms", bad="up", felt="delay", min_change=10.0)
    unknown = msgspec.structs.replace(SERIES, metric="latency")
    found = spec_in_force((), unknown, spec)
    assert (found.unit, found.min_change) == ("", 0.0)
    assert spec_in_force((), msgspec.structs.replace(unknown, unit="ms"), spec) == spec


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"suppress": True}, "metric, service or resource must say which are meant"),
        ({"metric": "", "suppress": True}, "metric, service or resource must say"),
        ({"metric": "cpu.*"}, "must set suppress, or one of bad, weight, min_change"),
        ({"metric": "a", "weight": 11.0}, r"weight must be in \[0, 10\], got 11.0"),
        ({"metric": "a", "min_change": -1.0}, "min_change must be 0 or more, got -1.0"),
        ({"metric": "a", "min_change": math.nan}, "min_change must be 0 or more, got nan"),
        ({"metric": "a", "least_effect": -1.0}, r"least_effect must be in \[0, 100\], got -1.0"),
        ({"metric": "a", "harmless": (2.0, 1.0)}, r"harmless must be \[least, most\], got \[2.0"),
        ({"metric": "a", "harmless": (math.nan, 1.0)}, r"harmless must be \[least, most\]"),
    ],
)
def test_settings_that_mean_nothing_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MetricSettings(**given)


@given(st.lists(st.sampled_from([MetricSettings("disk.*", suppress=True),
                                 MetricSettings("disk.*", bad="up"),
                                 MetricSettings("cpu.*", suppress=True)])))  # fmt: skip
def test_a_series_is_hushed_as_soon_as_one_that_matches_says_so(
    several: list[MetricSettings],
) -> None:
    found = spec_in_force(tuple(several), SERIES, SPEC)
    hushed = any(each.suppress and each.metric == "disk.*" for each in several)
    assert (found.harmless is not None) is hushed


# ------------------------------------------------------------------ as it works in a key group


def told(*metrics: MetricSettings, detectors: tuple[str, ...] = DETECTORS) -> set[str]:
    """Return which of two machines, whose processors both go off, is told."""
    given = settings()
    detect = msgspec.structs.replace(given.detect, metrics=metrics, rules=(), detectors=detectors)
    group = KeyGroup(GroupSettings(1, 1, 60, detect, given.catalogue), 0)
    rng = np.random.default_rng(7)
    out: set[str] = set()
    for start in range(0, 460, 20):
        samples = [
            (name, float(m), 40.0 + rng.normal() + (30.0 if r < 2 and 400 <= m < 415 else 0.0))
            for m in range(start, start + 20)
            for r, name in enumerate(("i-0", "j-0", "i-1", "i-2", "i-3"))
        ]
        group.feed(buffer(samples, until=start + 20.0))
        word = group.close()
        assert word is not None
        out |= {a.resource.name for a in word.anomalies if a.edge == "open"}
    return out


@pytest.mark.parametrize(
    ("metrics", "found"),
    [
        ((), {"i-0", "j-0"}),
        ((MetricSettings(resource="i-*", suppress=True),), {"j-0"}),
        ((MetricSettings("cpu.*", suppress=True),), set()),
        ((MetricSettings("memory.*", suppress=True),), {"i-0", "j-0"}),
        ((MetricSettings("cpu.*", harmless=(0.0, 80.0)),), set()),
        ((MetricSettings("cpu.*", harmless=(0.0, 60.0)),), {"i-0", "j-0"}),
        ((MetricSettings("cpu.*", resource="j-*", bad="down"),), {"i-0"}),
        ((MetricSettings("cpu.*", resource="j-*", min_change=40.0),), {"i-0"}),
    ],
)
def test_a_hushed_metric_is_no_reason_for_an_alert(
    metrics: tuple[MetricSettings, ...], found: set[str]
) -> None:
    assert told(*metrics) == found


def test_a_least_effect_of_its_own_counts_for_its_metric() -> None:
    alone = ("statistical", "temporal")  # a shape needs no effect
    high = MetricSettings("cpu.*", resource="j-*", least_effect=100.0)
    assert told(high, detectors=alone) == {"i-0"}
    assert told(MetricSettings("memory.*", least_effect=100.0), detectors=alone) == {"i-0", "j-0"}
