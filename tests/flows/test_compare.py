"""Two runs over the same data, and what is made of the difference."""

import pytest
from msgspec.structs import replace

from config.app import App
from flows.compare import Comparison, compare, matched_incidents
from flows.labels import Labels
from flows.outcome import Outcome
from flows.replay import replay
from flows.summary import IncidentLine, incident_line
from operators.alerts import AlertSettings
from operators.flapping import FlapSettings
from schema import Incident
from tests.flows import restless_estate
from tests.flows.told_incidents import incident, said

LABELS = restless_estate.labels()


def hold_down_off(app: App) -> App:
    """Return settings by which every odd sample opens an alert, and every calm one closes it."""
    alerts = AlertSettings(open_of=(1, 1), hold_ticks=1, calm_samples=1)
    triage = replace(app.triage, quiet_s=60.0, flap=FlapSettings(returns=16))
    return replace(app, detect=replace(app.detect, alerts=alerts), triage=triage)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Outcome, Outcome]:
    """Return a run, the same once more, and one by worse settings."""
    folder = tmp_path_factory.mktemp("restless")
    restless_estate.write(folder)
    app = restless_estate.settings(folder)
    return replay(app), replay(app), replay(hold_down_off(app))


def between(one: Outcome, two: Outcome, labels: Labels | None = LABELS) -> Comparison:
    return compare(one, two, labels, ("one", "two"))


def test_worse_settings_are_shown_as_worse(outcomes: tuple[Outcome, Outcome, Outcome]) -> None:
    found = between(outcomes[0], outcomes[2])
    by_name = {side.name: side for side in found.figures}
    for name, sign in (("precision", -1), ("f1", -1), ("false_alarms_per_day", 1)):
        side = by_name[name]
        assert side.verdict == "worse"
        assert side.low is not None
        assert side.high is not None
        assert sign * side.low > 0
        assert sign * side.high > 0
        assert side.difference is not None
        assert side.low <= side.difference <= side.high
    assert by_name["recall"].verdict == "equal"
    assert by_name["delay_median_s"].verdict == "better"  # who shouts at once is early
    assert by_name["incidents_per_day"].verdict == "more"
    assert len(found.gained) > 4
    assert found.lost == ()
    assert not found.is_equal


def test_the_other_way_round_it_is_better(outcomes: tuple[Outcome, Outcome, Outcome]) -> None:
    found = between(outcomes[2], outcomes[0])
    assert {s.name for s in found.figures if s.verdict == "better"} == {
        "precision",
        "f1",
        "false_alarms_per_day",
    }
    assert found.gained == ()
    assert len(found.lost) > 4


def test_equal_runs_are_shown_as_equal(outcomes: tuple[Outcome, Outcome, Outcome]) -> None:
    found = between(outcomes[0], outcomes[1])
    assert found.is_equal
    assert found.unchanged > 8
    assert {side.verdict for side in found.figures} == {"equal"}
    assert {side.difference for side in found.figures} == {0.0}


def test_a_comparison_is_the_same_each_time(outcomes: tuple[Outcome, Outcome, Outcome]) -> None:
    assert between(outcomes[0], outcomes[2]) == between(outcomes[1], outcomes[2])


def test_without_labels_only_the_number_of_incidents_is_compared(
    outcomes: tuple[Outcome, Outcome, Outcome],
) -> None:
    found = between(outcomes[0], outcomes[2], None)
    assert [(side.name, side.verdict) for side in found.figures] == [("incidents_per_day", "more")]
    assert len(found.gained) > 4


# ------------------------------------------------------------------ which incident is which


def lines(*incidents: Incident) -> list[IncidentLine]:
    return [incident_line(each) for each in incidents]


def pairs(before: list[IncidentLine], after: list[IncidentLine]) -> list[tuple[str, str]]:
    return [(one.id, two.id) for one, two in matched_incidents(before, after)]


@pytest.mark.parametrize(
    ("after", "matches"),
    [
        (incident("B", 12, 20, "db"), True),
        (incident("B", -20, None, "db"), True),
        (incident("B", -50, -21, "db"), True),  # half an hour before at most
        (incident("B", -50, -31, "db"), False),
        (incident("B", 49, 90, "db"), True),
        (incident("B", 50, 90, "db"), False),
        (incident("B", 10, 20, "web"), False),
        (incident("B", 10, 20, "web", "db"), True),
    ],
)
def test_incidents_are_matched_by_members_and_time(after: Incident, matches: bool) -> None:
    before = lines(incident("A", 0, 20, "db"))
    assert pairs(before, lines(after)) == ([("A", "B")] if matches else [])


def test_the_most_alike_are_matched_first_and_each_once() -> None:
    before = lines(incident("A", 0, 30, "db", "web"), incident("B", 5, 30, "db"))
    after = lines(incident("C", 4, 30, "db"), incident("D", 1, 30, "db", "web", "lb"))
    assert pairs(before, after) == [("A", "D"), ("B", "C")]
    assert pairs(before, after[:1]) == [("B", "C")]


def test_a_change_says_what_is_other(outcomes: tuple[Outcome, Outcome, Outcome]) -> None:
    told = [said(incident("A", 0, 30, "db")), said(incident("B", 2, 30, "db", "web"))]
    one, two = (replace(outcomes[0], transitions=tuple(each)) for each in told)
    (change,) = between(one, two).changed
    assert (change.before.id, change.after.id) == ("A", "B")
    assert change.what == ("opened_ms", "resources", "title")
