from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
import msgspec
import pytest
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, TestingSource, run_main
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.triage import KEY, Triage, TriageSettings, TriageState, transitions_of, triage_alerts
from schema import Anomaly, Closed, Transition
from tests.operators.alert_histories import END, GROUPS, Story, histories, stories, whole
from tests.operators.edges import BRISK, closed, edge, evidence, resource, story

GOLDEN = Path(__file__).parents[1] / "golden" / "triage.v2.bin"
SETTINGS = TriageSettings(max_members=4, quiet_s=600.0)
Said = list[Transition]


def run(words: list[Closed], settings: TriageSettings = SETTINGS) -> Said:
    triage = Triage(settings, GROUPS)
    return [said for word in words for said in triage.step(word)]


@settings(max_examples=60, deadline=None)
@given(stories())
def test_the_order_and_the_cut_of_the_input_change_nothing(told: Story) -> None:
    assert run(told.pieces) == run(whole(told.edges))


@settings(max_examples=60, deadline=None)
@given(stories(final=True))
def test_the_end_of_the_data_says_nothing_by_itself(told: Story) -> None:
    assert run(told.pieces) == run(whole(told.edges))


@settings(max_examples=60, deadline=None)
@given(stories(), st.sets(st.integers(0, 21)))
def test_a_triage_resumed_anywhere_goes_on_like_an_unbroken_one(
    told: Story, stops: set[int]
) -> None:
    triage = Triage(SETTINGS, GROUPS)
    said: Said = []
    for i, word in enumerate(told.pieces):
        if i in stops:
            triage = Triage(SETTINGS, GROUPS, triage.snapshot())
        said += triage.step(word)
    assert said == run(told.pieces)


@settings(max_examples=60, deadline=None)
@given(histories())
def test_a_snapshot_does_not_change_with_what_comes_after_it(edges: list[Anomaly]) -> None:
    triage = Triage(SETTINGS, GROUPS)
    first, *rest = whole(edges)
    triage.step(first)
    kept = triage.snapshot()
    copy = bytes(kept)
    for word in rest:
        triage.step(word)
    assert kept == copy


def test_a_storm_is_one_event_however_many_groups_saw_it() -> None:
    edges = [edge("open", resource(f"i-{i:04d}"), 3) for i in range(5000)]
    triage = Triage(TriageSettings(), 4)
    said = [out for g in range(4) for out in triage.step(closed(g, 4, edges[g::4]))]
    assert story(said) == [(3, "opened", 5000)]
    assert len(said[0].incident.members) == 50


def test_memory_is_given_back_when_incidents_are_forgotten() -> None:
    rule = msgspec.structs.replace(SETTINGS, close_after_s=1800.0)
    triage, empty = Triage(rule, 1), Triage(rule, 1)
    empty.step(closed(0, 46))
    light = len(empty.snapshot())
    edges = [edge("open", resource(f"i-{i}", f"s-{i}", zone="a"), 0) for i in range(100)]
    edges += [edge("close", resource(f"i-{i}", f"s-{i}", zone="a"), 5) for i in range(100)]
    triage.step(closed(0, 6, edges))
    assert len(triage.snapshot()) > 100 * light
    triage.step(closed(0, 45))  # closed at 5, resolved at 15, closed at 45, not before
    assert len(triage.snapshot()) > 100 * light
    triage.step(closed(0, 46))
    left = msgspec.msgpack.decode(triage.snapshot(), type=TriageState)
    assert left.ledger.durations  # how long it took, and nothing else
    left.ledger.durations.clear()
    assert msgspec.msgpack.encode(left) == empty.snapshot()


def test_a_resolved_incident_is_light_but_can_still_be_reopened_at_the_border() -> None:
    a = resource("a")
    edges = [edge("open", a, 0), edge("close", a, 5), edge("open", a, 45)]
    assert story(run_one(edges, 60)) == [
        (0, "opened", 1),
        (15, "resolved", 1),
        (45, "reopened", 1),
    ]


def run_one(edges: list[Anomaly], until: int) -> Said:
    return Triage(SETTINGS, 1).step(closed(0, until, edges))


def test_refuses_a_snapshot_of_another_number_of_groups() -> None:
    kept = Triage(SETTINGS, 4).snapshot()
    with pytest.raises(ValueError, match="groups must be 4 as in the recovery store, got 3"):
        Triage(SETTINGS, 3, kept)


def test_refuses_a_snapshot_of_another_version() -> None:
    other = Triage(SETTINGS, 1).snapshot().replace(b"triage.v2", b"triage.v0")
    with pytest.raises(msgspec.ValidationError, match=r"triage\.v0"):
        Triage(SETTINGS, 1, other)


def test_refuses_to_run_without_groups() -> None:
    with pytest.raises(ValueError, match="groups must be at least 1, got 0"):
        Triage(SETTINGS, 0)


GOLDEN_EDGES = [
    edge("open", resource("i-0", zone="a", tier="1"), 0, confidence=0.95, proof=(evidence(),)),
    edge(
        "open", resource("db-0", "aws.rds", zone="a"), 1, confidence=0.95, kind="silent", proof=()
    ),
    edge("open", resource("lb-0", "aws.elb"), 2, confidence=0.95),
    edge("close", resource("lb-0", "aws.elb"), 3, confidence=0.95),
]


LAST = edge("close", GOLDEN_EDGES[0].resource, 19, confidence=0.95)


def golden() -> Triage:
    """Return what the golden file holds: one incident open, one resolved, one edge that waits."""
    triage = Triage(BRISK, 2)
    triage.step(closed(0, 20, [*GOLDEN_EDGES, LAST]))
    triage.step(closed(1, 15))
    return triage


def test_the_golden_snapshot_still_decodes_and_goes_on() -> None:
    kept = GOLDEN.read_bytes()
    assert msgspec.msgpack.decode(kept, type=TriageState).ledger.cases
    resumed, fresh = Triage(BRISK, 2, kept), golden()
    for triage in (resumed, fresh):
        assert triage.step(closed(0, 120)) == []
    said = resumed.step(closed(1, 120))
    assert said == [_as_before(each) for each in fresh.step(closed(1, 120))]
    assert story(said) == [(29, "updated", 2)]


def _as_before(event: Transition) -> Transition:
    """Return the event without what the golden file's version did not know of alerts."""
    replace = msgspec.structs.replace
    members = tuple(replace(member, detectors=()) for member in event.incident.members)
    return replace(event, incident=replace(event.incident, members=members))


WORDS = [
    *(closed(g, 5, [edge("open", resource(f"i-{g}"), g)]) for g in range(GROUPS)),
    *(closed(g, 20, [edge("close", resource(f"i-{g}"), 10 + g)]) for g in range(GROUPS)),
    *(closed(g, 60, [edge("open", resource(f"i-{g}"), 30 + g)]) for g in range(GROUPS)),
    *(closed(g, END, final=True) for g in range(GROUPS)),
]
Item = tuple[str, Closed]


def flow(source: TestingSource[Item], out: list[tuple[str, Transition]]) -> Dataflow:
    built = Dataflow("triage_test")
    words = op.input("in", built, source)
    told = triage_alerts("alerts", words, SETTINGS, GROUPS)
    op.output("out", transitions_of("transitions", told), TestingSink(out))
    return built


def items() -> list[Item]:
    return [(f"g{word.group:02d}", word) for word in WORDS]


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_a_flow_says_what_the_rule_says_at_any_batch_size(batch_size: int) -> None:
    out: list[tuple[str, Transition]] = []
    run_main(flow(TestingSource(items(), batch_size), out))
    assert out == [(KEY, said) for said in run(WORDS)]
    assert [said.event for _, said in out] == [
        "opened",
        "updated",
        "resolved",
        "reopened",
        "updated",
    ]


@pytest.mark.parametrize("stop", [TestingSource.EOF, TestingSource.ABORT])
@pytest.mark.parametrize("where", [1, 4, 8, 11])
def test_a_flow_that_was_stopped_goes_on_where_it_was(
    tmp_path: Path, stop: type, where: int
) -> None:
    init_db_dir(tmp_path, 1)
    config = RecoveryConfig(str(tmp_path))
    cut = items()
    cut.insert(where, stop())
    out: list[tuple[str, Transition]] = []
    built = flow(TestingSource(cut, 1), out)
    for _ in range(2):
        run_main(built, epoch_interval=timedelta(0), recovery_config=config)
    once = {said.id: said for _, said in out}
    assert list(once.values()) == run(WORDS)
    assert all(once[said.id] == said for _, said in out)
