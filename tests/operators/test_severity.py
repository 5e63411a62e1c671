import msgspec
import pytest

from operators.severity import Facts, SeveritySettings, Standing, Steps, Verdict, judge
from schema import Impact, Severity

NOTHING = Facts(0.0, 0.0, False, 1, 1, 0, (), (), 0.0)
LOW, MEDIUM, HIGH, CRITICAL = Severity


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"confidence": 0.5499}, ""),
        ({"confidence": 0.55}, "confidence 55 % (+1)"),
        ({"confidence": 0.79999}, "confidence 79.9 % (+1)"),
        ({"confidence": 0.9999}, "confidence 99.9 % (+2)"),
        ({"far": 0.49}, ""),
        ({"far": 0.5}, "0.5 band widths outside (+1)"),
        ({"far": 2.0}, "2.0 band widths outside (+2)"),
        ({"far": 7.0}, "7.0 band widths outside (+3)"),
        ({"silent": True}, "silence (+2)"),
        ({"silent": True, "far": 2.0}, "2.0 band widths outside (+2)"),
        ({"silent": True, "far": 0.6}, "silence (+2)"),
        ({"resources": 2}, ""),
        ({"resources": 3}, "3 resources (+1)"),
        ({"resources": 49}, "49 resources (+2)"),
        ({"resources": 50}, "50 resources (+3)"),
        ({"resources": 5000}, "5000 resources (+5)"),
        ({"services": 2}, "2 services (+1)"),
        ({"zones": 2}, "2 zones (+1)"),
        ({"zones": 1}, ""),
        ({"tiers": ("1", "2", "x")}, "tier 1 (+2)"),
        ({"tiers": ("x",)}, ""),
        ({"impact": Impact(4, (), (), 999)}, ""),
        ({"impact": Impact(5)}, "5 depend on it (+1)"),
        ({"impact": Impact(500)}, "500 depend on it (+3)"),
        ({"impact": Impact(users=1000)}, "1,000 users (+1)"),
        ({"needing": ("2", "x")}, "tier 2 depends on it (+1)"),
        ({"needing": ("1", "2"), "tiers": ("1",)}, "tier 1 (+2)"),
        ({"duration_s": 3599.0}, ""),
        ({"duration_s": 3600.0}, "open for 1 h (+1)"),
        ({"duration_s": 30_000.0}, "open for 8 h 20 min (+2)"),
    ],
)
def test_each_line_of_the_table_gives_its_points_from_its_border_on(
    change: dict[str, object], reason: str
) -> None:
    verdict = judge(SeveritySettings(), msgspec.structs.replace(NOTHING, **change))
    assert verdict.reasons == ((reason,) if reason else ("nothing but the alert itself",))


@pytest.mark.parametrize(
    ("resources", "severity"), [(2, LOW), (3, MEDIUM), (4, MEDIUM), (6, HIGH), (9, CRITICAL)]
)
def test_points_make_a_severity_from_each_border_on(resources: int, severity: Severity) -> None:
    table: Steps = tuple((float(n), n) for n in range(2, 10))
    settings = SeveritySettings(resources=table)
    facts = msgspec.structs.replace(NOTHING, resources=resources)
    assert judge(settings, facts).severity == severity


def test_a_zone_outage_of_thousands_is_critical_without_any_metric() -> None:
    facts = Facts(0.99, 0.0, True, 5000, 4, 1, (), (), 0.0)
    assert judge(SeveritySettings(), facts).severity == CRITICAL


def test_a_rule_lifts_severity_to_its_floor_and_says_so() -> None:
    facts = msgspec.structs.replace(NOTHING, floors=((HIGH, "disk_full"), (LOW, "other")))
    verdict = judge(SeveritySettings(), facts)
    assert verdict == Verdict(HIGH, ("rule disk_full asks for at least HIGH",))


def test_a_floor_below_the_points_is_no_reason() -> None:
    facts = Facts(0.99, 9.0, False, 10, 2, 0, (), ((MEDIUM, "disk_full"),), 0.0)
    verdict = judge(SeveritySettings(), facts)
    assert verdict.severity == HIGH
    assert not any("rule" in reason for reason in verdict.reasons)


def verdict(severity: Severity) -> Verdict:
    return Verdict(severity, (severity.name,))


@pytest.mark.parametrize(
    ("heard", "wanted"),
    [
        ([(0, LOW), (1, HIGH)], [LOW, HIGH]),
        ([(0, HIGH), (60, LOW), (659, LOW), (660, LOW)], [HIGH, HIGH, HIGH, LOW]),
        ([(0, HIGH), (60, LOW), (600, HIGH), (660, LOW), (1259, LOW)], [HIGH] * 5),
        ([(0, CRITICAL), (60, LOW), (300, HIGH), (660, LOW)], [CRITICAL, CRITICAL, CRITICAL, HIGH]),
        ([(0, HIGH), (60, LOW), (660, MEDIUM)], [HIGH, HIGH, MEDIUM]),
        (
            [(0, CRITICAL), (60, LOW), (300, HIGH), (660, LOW), (1259, LOW), (1260, LOW)],
            [CRITICAL, CRITICAL, CRITICAL, HIGH, HIGH, LOW],
        ),
    ],
    ids=["rise", "fall", "interrupted", "worst of the wait", "last counts", "by steps"],
)
def test_severity_rises_at_once_and_falls_after_it_has_long_been_lower(
    heard: list[tuple[int, Severity]], wanted: list[Severity]
) -> None:
    standing = Standing()
    got: list[Severity] = []
    for second, severity in heard:
        standing.settle(verdict(severity), second * 1000, 600_000)
        got.append(standing.severity)
    assert got == wanted
    assert standing.reasons == (wanted[-1].name,)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"resources": ((3, 1), (3, 2))}, "resources must ascend"),
        ({"resources": ((3, 2), (10, 1))}, "resources must ascend"),
        ({"far": ((0.5, 0),)}, "far must ascend"),
        ({"confidence": ((float("nan"), 1),)}, "confidence must have finite values"),
        ({"medium": 6}, "must be above 0 and ascend"),
        ({"medium": 0}, "must be above 0 and ascend"),
        ({"settle_s": float("nan")}, "settle_s must be in"),
        ({"silent": -1}, "silent must be in"),
        ({"dependant_tier": 101}, "dependant_tier must be in"),
        ({"users": ((1, 0),)}, "users must ascend"),
        ({"tiers": (("1", 2), ("1", 1))}, "tiers must name each tier once"),
    ],
)
def test_refuses_a_table_that_makes_no_sense(bad: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        msgspec.structs.replace(SeveritySettings(), **bad)


def test_reads_its_table_from_plain_lists() -> None:
    read = msgspec.convert({"resources": [[2, 4]], "tiers": [["gold", 3]]}, SeveritySettings)
    assert read == SeveritySettings(resources=((2, 4),), tiers=(("gold", 3),))
