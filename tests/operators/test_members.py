import math
from itertools import permutations

import msgspec
import pytest

from operators.members import MAX_FAR, AlertRecord, carriers, far_outside, saturates
from schema import Anomaly, Evidence
from tests.operators.edges import LATENCY, NETWORK, at, edge, evidence, resource

A, B = resource("a"), resource("b")
CPU = (evidence(),)


@pytest.mark.parametrize(
    ("proof", "far"),
    [
        ((), 0.0),
        ((evidence(value=45.0, lower=40.0, upper=50.0),), 0.0),
        ((evidence(value=50.0, lower=40.0, upper=50.0),), 0.0),
        ((evidence(value=55.0, lower=40.0, upper=50.0),), 0.5),
        ((evidence(value=30.0, lower=40.0, upper=50.0),), 1.0),
        ((evidence(value=1e9, lower=40.0, upper=50.0),), MAX_FAR),
        ((evidence(value=math.nan, lower=40.0, upper=50.0),), 0.0),
        ((evidence(value=99.0, lower=-math.inf, upper=90.0),), 1.0),
        ((evidence(value=2.0, lower=0.0, upper=0.0),), 2.0),
        (
            (
                evidence(value=60.0, lower=40.0, upper=50.0, share=0.75),
                evidence(value=10.0, lower=40.0, upper=50.0, share=0.25),
            ),
            1.5,
        ),
    ],
)
def test_weighs_how_many_band_widths_each_metric_lies_outside(
    proof: tuple[Evidence, ...], far: float
) -> None:
    assert far_outside(proof) == pytest.approx(far, abs=1e-12)


@pytest.mark.parametrize(
    ("proof", "cause"),
    [
        (CPU, True),
        ((evidence("cpu.utilization", 10.0),), False),
        ((evidence("memory.available", 10.0),), True),
        ((evidence("memory.available", 93.0),), False),
        ((evidence("disk.utilization"),), True),
        (LATENCY, False),
        ((*LATENCY, *CPU), False),
        ((), False),
    ],
)
def test_a_means_that_runs_out_is_a_cause(proof: tuple[Evidence, ...], cause: bool) -> None:
    assert saturates(proof) is cause


ORDERS = [
    ([edge("open", A, 5, onset=3), edge("open", B, 5, onset=4, score=9.0)], "earliest onset"),
    ([edge("open", B, 5, score=9.0), edge("open", A, 5, score=8.0)], "strength"),
    ([edge("open", A, 5), edge("open", B, 5)], "name"),
    ([edge("open", A, 5), edge("open", A, 5, kind="silent")], "kind"),
    ([edge("open", B, 6, proof=CPU), edge("open", A, 4, score=9.0)], "cause within two ticks"),
    ([edge("open", A, 4), edge("open", B, 6.1, proof=CPU, score=9.0)], "cause after two ticks"),
    ([edge("open", B, 4, proof=CPU, score=1.0), edge("open", A, 4, proof=LATENCY)], "cause first"),
]


@pytest.mark.parametrize("wanted", [order for order, _ in ORDERS], ids=[why for _, why in ORDERS])
def test_the_most_suspect_comes_first_whatever_the_order_of_arrival(wanted: list[Anomaly]) -> None:
    records = [AlertRecord.of(one) for one in wanted]
    for mixed in permutations(records):
        assert sorted(mixed, key=lambda one: one.rank(0, 120_000)) == records


def test_alerts_of_an_earlier_episode_come_last() -> None:
    old, new = AlertRecord.of(edge("open", A, 1)), AlertRecord.of(edge("open", B, 30))
    assert new.rank(at(30), 0) < old.rank(at(30), 0)
    assert old.rank(at(0), 0) < new.rank(at(0), 0)


def test_keeps_the_worst_moment_as_evidence_and_the_last_as_strength_now() -> None:
    record = AlertRecord.of(edge("open", A, 5, score=9.0, confidence=0.99, proof=CPU))
    record.take(edge("update", A, 6, score=4.0, confidence=0.6, proof=NETWORK))
    assert (record.score, record.evidence, record.saturates) == (9.0, CPU, True)
    assert (record.confidence, record.far) == (0.6, 1.0)
    record.take(edge("update", A, 7, score=9.0, onset=3, proof=LATENCY))
    assert (record.evidence, record.saturates, record.onset_ms) == (LATENCY, True, at(3))


def test_a_record_never_becomes_less_suspect() -> None:
    record = AlertRecord.of(edge("open", A, 5, proof=CPU))
    before = record.rank(0, 120_000)
    for change in (
        edge("update", A, 6, score=1.0, proof=NETWORK),
        edge("update", A, 7, onset=7, score=5.0, proof=()),
    ):
        record.take(change)
        assert record.rank(0, 120_000) <= before


@pytest.mark.parametrize(
    ("kind", "detectors", "wanted"),
    [
        (
            "metrics",
            (("discord", 6.0), ("temporal", 3.0), ("forecast", 2.9)),
            ("discord", "temporal"),
        ),
        ("metrics", (("discord", 0.0),), ()),
        ("metrics", (), ()),
        ("rule:full", (), ("rules",)),
        ("silent", (), ("silence",)),
    ],
)
def test_an_alert_is_owed_to_those_at_least_half_as_sure_as_the_surest(
    kind: str, detectors: tuple[tuple[str, float], ...], wanted: tuple[str, ...]
) -> None:
    opened = msgspec.structs.replace(edge("open", A, 0, kind=kind), detectors=detectors)
    assert carriers(opened) == AlertRecord.of(opened).shown().detectors == wanted


def test_an_alert_is_owed_to_those_of_its_worst_moment() -> None:
    def change(minute: float, score: float, name: str) -> Anomaly:
        made = edge("update", A, minute, score=score)
        return msgspec.structs.replace(made, detectors=((name, score),))

    record = AlertRecord.of(change(0, 5.0, "discord"))
    record.take(change(5, 9.0, "temporal"))
    record.take(change(9, 6.0, "forecast"))
    assert record.shown().detectors == ("temporal",)
