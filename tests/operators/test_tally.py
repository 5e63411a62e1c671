import msgspec
from hypothesis import given, settings

from operators.tally import Tally
from operators.triage import Triage, TriageSettings, TriageState
from schema import Anomaly, Impact, Severity
from tests.operators.alert_histories import GROUPS, histories, whole
from tests.operators.edges import closed, edge, resource, told


@settings(max_examples=60, deadline=None)
@given(histories())
def test_a_tally_kept_up_by_edges_is_that_of_the_members(edges: list[Anomaly]) -> None:
    triage = Triage(TriageSettings(max_open_s=7200.0), GROUPS)
    for word in whole(edges):
        triage.step(word)
    ledger = msgspec.msgpack.decode(triage.snapshot(), type=TriageState).ledger
    for case in ledger.cases.values():
        fresh = Tally.of(case.members, case.episode_ms)
        of = (case.members, 1.0, Impact(), ())
        assert case.tally.facts(*of) == fresh.facts(*of)
        assert case.tally.counts == fresh.counts
        assert case.tally.open_alerts == fresh.open_alerts


def test_the_worst_alert_counts_no_more_once_it_has_closed() -> None:
    a, b = resource("a", tier="1", zone="x"), resource("b", "aws.rds", zone="x")
    edges = [
        edge("open", a, 0, confidence=0.99, floor=Severity.HIGH, kind="rule:full"),
        edge("open", b, 0, confidence=0.6),
        edge("close", a, 20, confidence=0.99, kind="rule:full"),
        edge("update", b, 40, confidence=0.6),
    ]
    first, *_, last = told(edges, 60)
    assert first.incident.severity >= Severity.HIGH
    assert last.incident.severity < first.incident.severity
    assert last.incident.confidence == 0.6


def test_alerts_are_counted_by_what_they_have_in_common() -> None:
    triage = Triage(TriageSettings(), 1)
    zones = ("x", "x", "y", "x")
    edges = [edge("open", resource(f"i-{i}", zone=zone), 0) for i, zone in enumerate(zones)]
    edges.append(edge("open", resource("i-0", zone="x"), 0, kind="silent"))
    edges.append(edge("close", resource("i-1", zone="x"), 1))
    triage.step(closed(0, 2, edges))
    (case,) = msgspec.msgpack.decode(triage.snapshot(), type=TriageState).ledger.cases.values()
    assert case.tally.by("zone") == {"x": 4, "y": 1}
    assert case.tally.by("kind") == {"metrics": 4, "silent": 1}
    assert case.resources == 4
