from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.deadlines import SlaSettings
from operators.inhibition import InhibitRule
from operators.occurrences import OccurrenceSettings
from operators.silences import SilenceSettings
from operators.triage import Triage, TriageSettings
from schema import (
    Act,
    Anomaly,
    Closed,
    Edge,
    Expire,
    Matcher,
    Recurrence,
    Severity,
    Silence,
    TopologyMap,
    Transition,
    TriageCommand,
)
from tests.operators.alert_histories import histories
from tests.operators.edges import at, edge, resource

A, B, DB = resource("a"), resource("b"), resource("db", "aws.rds")
EC2 = (Matcher("service", "=", "aws.ec2"),)
ONLY_A = (Matcher("resource", "=", "a"),)
SETTINGS = TriageSettings(quiet_s=600.0)
Story = list[tuple[float, str, tuple[str, ...], str]]


def silence(
    name: str,
    start: float,
    end: float,
    matchers: tuple[Matcher, ...] = EC2,
    recurs: Recurrence | None = None,
) -> Silence:
    return Silence(
        name, "silence", matchers, at(start), at(end), at(start), "ann", "backup", recurs
    )


Commands = Sequence[tuple[float, TriageCommand]]


def told(
    edges: Sequence[Anomaly],
    commands: Commands = (),
    until: float = 120,
    given_settings: TriageSettings = SETTINGS,
    known: TopologyMap | None = None,
) -> list[Transition]:
    triage = Triage(given_settings, 1, None, TopologyMap() if known is None else known)
    return triage.step(word(edges, commands, until))


def word(edges: Sequence[Anomaly], commands: Commands, until: float) -> Closed:
    return Closed(
        0, at(until), False, tuple(edges),
        commands=tuple((at(minute), command) for minute, command in commands),
    )  # fmt: skip


def story(said: Sequence[Transition]) -> Story:
    return [
        ((each.ts_ms - at(0)) / 60_000, each.event, each.incident.silenced_by, each.reason)
        for each in said
    ]


def events(said: Sequence[Transition]) -> list[tuple[float, str, str]]:
    return [(minute, event, ",".join(by)) for minute, event, by, _ in story(said)]


def test_an_incident_that_opens_under_a_silence_says_so_from_the_start() -> None:
    said = told([edge("open", A, 5)], [(0, silence("s", 0, 60))], until=50)
    assert events(said) == [(5, "opened", "s")]


def test_a_silence_that_comes_and_goes_is_told_each_time_at_its_very_time() -> None:
    said = told([edge("open", A, 0)], [(3, silence("s", 7.5, 20.25))], until=50)
    assert story(said) == [
        (0, "opened", (), "1 alert opened"),
        (7.5, "silenced", ("s",), "silenced by s (ann: backup)"),
        (20.25, "silenced", (), "heard again"),
    ]


def test_a_silence_in_force_counts_at_the_tick_of_its_command_and_until_it_is_expired() -> None:
    commands: Commands = [(3, silence("s", 0, 60)), (9, Expire("s", at(9), "bob", "done"))]
    said = told([edge("open", A, 0)], commands, until=50)
    assert events(said) == [(0, "opened", ""), (3, "silenced", "s"), (9, "silenced", "")]


def test_a_member_that_is_not_silenced_makes_all_of_it_heard() -> None:
    edges = [edge("open", A, 0), edge("open", B, 3), edge("close", B, 9)]
    said = told(edges, [(0, silence("s", 0, 60, ONLY_A))], until=15)
    assert events(said) == [
        (0, "opened", "s"),
        (3, "silenced", ""),
        (5, "updated", ""),
        (9, "silenced", "s"),
    ]
    assert said[2].incident.member_count == 2


def test_nothing_is_heard_again_when_nothing_alerts() -> None:
    edges = [edge("open", A, 0), edge("close", A, 4)]
    said = told(edges, [(0, silence("s", 0, 6))], until=40)
    assert events(said) == [(0, "opened", "s"), (14, "resolved", "s")]


def test_a_reopened_incident_is_judged_anew() -> None:
    edges = [edge("open", A, 0), edge("close", A, 4), edge("open", A, 20)]
    said = told(edges, [(0, silence("s", 0, 6))], until=21)
    assert events(said) == [(0, "opened", "s"), (14, "resolved", "s"), (20, "reopened", "")]


def test_what_opens_while_silenced_is_whole_and_can_be_read_like_any_other() -> None:
    (open_,) = told([edge("open", A, 0)], until=5)
    (hidden,) = told([edge("open", A, 0)], [(0, silence("s", 0, 60))], until=5)
    assert msgspec.structs.replace(hidden.incident, silenced_by=()) == open_.incident


def test_a_silence_of_a_severity_ends_when_the_incident_gets_worse() -> None:
    low = (Matcher("severity", "=~", "LOW|MEDIUM"),)
    worse = edge("update", A, 3, kind="metrics", floor=Severity.CRITICAL)
    said = told([edge("open", A, 0), worse], [(0, silence("s", 0, 60, low))], until=4)
    assert events(said) == [(0, "opened", "s"), (3, "silenced", ""), (3, "updated", "")]


def test_a_silence_is_by_the_foremost_metric_also_where_evidence_is_no_longer_kept() -> None:
    only_one = TriageSettings(max_members=1)
    edges = [edge("open", resource(f"i-{i}"), 0) for i in range(3)]
    network = (Matcher("metric", "=", "network.io"),)
    (said,) = told(edges, [(0, silence("s", 0, 60, network))], 1, only_one)
    assert said.incident.silenced_by == ("s",)


def test_a_silence_of_the_settings_recurs_by_its_zone() -> None:
    nightly = SilenceSettings(
        id="backup", matchers=("service=aws.ec2",), every="day", from_="13:30", to="14:00",
        zone="Europe/Berlin",
    )  # fmt: skip
    given_settings = TriageSettings(silences=(nightly,), max_open_s=400_000.0)
    said = told([edge("open", A, 0)], (), 60 * 25, given_settings)
    hushed = [each for each in events(said) if each[1] == "silenced"]
    day = 24 * 60
    assert hushed == [  # from noon UTC on, in winter
        (30, "silenced", "backup"),
        (60, "silenced", ""),
        (day + 30, "silenced", "backup"),
    ]


def test_an_incident_that_people_have_resolved_is_not_silenced_any_more() -> None:
    resolve = Act("r-1", told([edge("open", A, 0)])[0].incident.id, "resolve", at(2), "ann")
    said = told([edge("open", A, 0)], [(2, resolve), (4, silence("s", 4, 60))], until=20)
    assert events(said) == [(0, "opened", ""), (2, "resolved", "")]


# ---------------------------------------------------------------------------- inhibition

WEB = resource("web", "aws.elb")
MAP = TopologyMap(("db", "web"), (), (Edge("web", "db"),))
FAR = TriageSettings(window_s=60.0, storm_s=60.0, cause_hides_s=1800.0, sla=SlaSettings(()))


def inhibited(said: Sequence[Transition]) -> list[tuple[float, str, str, str]]:
    return [
        (
            (each.ts_ms - at(0)) / 60_000,
            each.incident.members[0].resource.name,
            each.event,
            "hidden" if each.incident.inhibited_by else "",
        )
        for each in said
        if each.event != "updated"
    ]


DOWN = edge("open", DB, 0, confidence=0.95, floor=Severity.CRITICAL)
NODES = TriageSettings(
    window_s=60.0,
    inhibit=(InhibitRule("rds-down", ("service=aws.rds",), ("service=aws.elb",), ("region",)),),
)


@pytest.mark.parametrize(
    ("given_settings", "known", "by"),
    [(FAR, MAP, "incident"), (NODES, TopologyMap(), "rds-down")],
    ids=["by the topology", "by a rule"],
)
def test_a_consequence_is_hidden_from_the_start_and_heard_when_its_cause_is_over(
    given_settings: TriageSettings, known: TopologyMap, by: str
) -> None:
    edges = [DOWN, edge("open", WEB, 20), edge("close", DB, 30)]
    said = told(edges, until=100, given_settings=given_settings, known=known)
    first = said[0].incident.id
    wanted = first if by == "incident" else by
    assert [each.incident.inhibited_by for each in said if each.event == "opened"] == ["", wanted]
    heard = [each for each in said if each.event == "silenced"]
    assert [each.reason for each in heard] == ["heard again"]
    resolved = next(each for each in said if each.event == "resolved")
    assert by != "incident" or heard[0].ts_ms == resolved.ts_ms
    assert heard[0].incident.members[0].resource == WEB


def test_a_cause_that_people_resolve_hides_nothing_any_more() -> None:
    first = told([DOWN])[0].incident.id
    act = Act("r-1", first, "resolve", at(25), "ann")
    said = told([DOWN, edge("open", WEB, 20)], [(25, act)], 26, FAR, MAP)
    assert inhibited(said) == [
        (0, "db", "opened", ""),
        (20, "web", "opened", "hidden"),
        (25, "db", "resolved", ""),
        (25, "web", "silenced", ""),
    ]


def test_an_incident_that_was_heard_is_hidden_by_a_cause_that_is_found_later() -> None:
    rule = InhibitRule("rds-down", ("service=aws.rds",), ("service=aws.elb",))
    edges = [edge("open", WEB, 0), edge("open", DB, 20)]
    said = told(edges, until=21, given_settings=TriageSettings(inhibit=(rule,)))
    assert inhibited(said) == [
        (0, "web", "opened", ""),
        (20, "web", "silenced", "hidden"),
        (20, "db", "opened", ""),
    ]
    assert said[1].reason == "inhibited by rds-down"


# ---------------------------------------------------------------------------- one outcome

RULES = (
    InhibitRule("rds", ("service=aws.rds",), ("service=aws.ec2",), ("region",)),
    InhibitRule("ec2", ("service=aws.ec2",), ("service=~aws.(rds|elb)",)),
)
BUSY = TriageSettings(
    window_s=120.0,
    storm_s=60.0,
    inhibit=RULES,
    silences=(
        SilenceSettings(
            id="fixed", matchers=("service=aws.elb",), every="day", from_="12:30", to="13:15"
        ),
    ),
)
GRAPH = TopologyMap((), (), (Edge("lb-0", "i-0"), Edge("i-1", "db-0"), Edge("i-2", "db-0")))
_matchers = st.sampled_from(
    [EC2, ONLY_A, (Matcher("resource", "=~", "i-.*"),), (Matcher("severity", "!=", "HIGH"),)]
)


@st.composite
def quiet_commands(draw: st.DrawFn) -> list[tuple[float, TriageCommand]]:
    """Silences that begin and end at any time, some recurring, some expired."""
    out: list[tuple[float, TriageCommand]] = []
    for i in range(draw(st.integers(0, 4))):
        minute, start, length = (draw(st.integers(0, 170)) for _ in range(3))
        recurs = draw(st.sampled_from([None, Recurrence(12 * 60, 13 * 60), Recurrence(0, 0)]))
        out.append((minute, silence(f"s-{i}", start, start + length + 1, draw(_matchers), recurs)))
        if draw(st.booleans()):
            out.append((minute + draw(st.integers(1, 40)), Expire(f"s-{i}", 0, "bob")))
    return sorted(out, key=lambda pair: (pair[0], msgspec.json.encode(pair[1])))


def run(
    edges: list[Anomaly],
    commands: Commands,
    cuts: Sequence[int],
    resumed: bool,
) -> tuple[list[Transition], bytes]:
    triage = Triage(BUSY, 1, None, GRAPH)
    said: list[Transition] = []
    before = -1
    for until in (*sorted(cuts), 220):
        part = [one for one in edges if at(before) <= one.tick_ms < at(until)]
        now = [(minute, command) for minute, command in commands if before <= minute < until]
        said += triage.step(word(part, now, until))
        if resumed:
            triage = Triage(BUSY, 1, triage.snapshot(), GRAPH)
        before = until
    return said, triage.snapshot()


@settings(max_examples=50, deadline=None)
@given(histories(), quiet_commands(), st.lists(st.integers(1, 200), unique=True, max_size=5))
def test_cuts_and_restarts_change_nothing(
    edges: list[Anomaly], commands: list[tuple[float, TriageCommand]], cuts: list[int]
) -> None:
    whole = run(edges, commands, (), resumed=False)
    assert run(edges, commands, cuts, resumed=False) == whole
    assert run(edges, commands, cuts, resumed=True) == whole


@settings(max_examples=50, deadline=None)
@given(histories(), quiet_commands())
def test_an_incident_speaks_of_silence_only_when_it_is_another(
    edges: list[Anomaly], commands: list[tuple[float, TriageCommand]]
) -> None:
    said, _ = run(edges, commands, (), resumed=False)
    known: dict[str, tuple[tuple[str, ...], str]] = {}
    for each in said:
        incident = each.incident
        by = (incident.silenced_by, incident.inhibited_by)
        if each.event == "silenced":
            assert by != known[incident.id]
        elif each.event not in ("opened", "reopened"):
            assert by == known[incident.id]
        known[incident.id] = by


@settings(max_examples=50, deadline=None)
@given(histories(), quiet_commands())
def test_silences_change_nothing_but_who_is_told(
    edges: list[Anomaly], commands: list[tuple[float, TriageCommand]]
) -> None:
    def life(said: list[Transition]) -> list[tuple[str, int, str]]:
        return [
            (each.incident.id, each.ts_ms, each.event) for each in said if each.event != "silenced"
        ]

    assert life(run(edges, commands, (), resumed=False)[0]) == life(
        run(edges, (), (), resumed=False)[0]
    )


def test_what_people_split_off_under_a_silence_says_so_in_its_first_event() -> None:
    edges = [edge("open", A, 0), edge("open", B, 0)]
    (opened,) = told(edges, until=1)
    parted = Act("r-1", opened.incident.id, "split", at(3), "ann", others=(edges[1].id,))
    only_b = (Matcher("resource", "=", "b"),)
    said = told(edges, [(0, silence("s", 0, 60, only_b)), (3, parted)], until=4)
    split = [(event, by) for minute, event, by in events(said) if minute == 3]
    assert sorted(split) == [("split", ""), ("split", "s")]


def test_an_incident_that_waits_to_be_told_of_hides_no_other() -> None:
    rule = InhibitRule("by-db", ("resource=db",), ("resource=a",))
    patient = TriageSettings(inhibit=(rule,), occurrences=OccurrenceSettings(low=2))
    far_apart = msgspec.structs.replace(patient, window_s=1.0, storm_s=1.0)
    edges = [
        edge("open", DB, 0, confidence=0.3),
        edge("open", A, 5, floor=Severity.HIGH, kind="rule:full"),
    ]
    (said,) = told(edges, until=7, given_settings=far_apart)
    assert (said.event, said.incident.inhibited_by) == ("opened", "")
    at_once = msgspec.structs.replace(far_apart, occurrences=OccurrenceSettings())
    assert told(edges, until=7, given_settings=at_once)[-1].incident.inhibited_by == "by-db"
