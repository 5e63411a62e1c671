"""Two runs on one page: what was gained, lost and changed, and where its plots are."""

from pathlib import Path

import msgspec
import pytest

from flows.compare import Change
from flows.summary import IncidentLine, SuspectLine
from operators.alerts import AlertSettings
from operators.detect_settings import DetectSettings
from report.between import moved
from report.page import as_json, as_page
from tests.report.made_run import HOSTILE, LONG, facts_of_both, labels_of, made_run
from tests.report.page_tags import Tags, targets

MIN = 60_000


def listed(tags: Tags, before: str) -> set[str]:
    return {target for target in targets(tags) if target.startswith(before)}


@pytest.mark.parametrize(("before", "after"), [(0, 0), (5, 7), (7, 5), (0, 4), (4, 0)])
def test_every_difference_leads_to_plots_and_all_names_are_text(
    tmp_path: Path, before: int, after: int
) -> None:
    runs = [
        made_run(tmp_path / f"{i}", count, names=(HOSTILE, LONG))
        for i, count in enumerate((before, after))
    ]
    facts = facts_of_both(runs[0], runs[1], labels_of(runs[0]))
    page = as_page(facts)
    tags = Tags(page)
    assert len(tags.ids) == len(set(tags.ids))
    assert targets(tags) <= set(tags.ids)
    assert facts.between is not None
    found = facts.between.comparison
    assert listed(tags, "after-") == {f"after-{each.id}" for each in found.gained}
    kept = {each.id for each in found.lost} | {each.before.id for each in found.changed}
    assert kept <= listed(tags, "inc-")
    assert all(each.drawn.plots for each in (*facts.incidents, *facts.between.gained))
    assert [tag for tag, _ in tags.found].count("script") == 2
    assert "<img" not in page
    assert not [k for _, held in tags.found for k in held if k.startswith("on")]
    assert HOSTILE in msgspec.json.decode(as_json(facts))["comparison"]["before"]


def test_what_only_the_second_run_told_is_drawn_from_its_own_samples(tmp_path: Path) -> None:
    facts = facts_of_both(made_run(tmp_path / "a", 0), made_run(tmp_path / "b", 3))
    told = msgspec.json.decode(as_json(facts))
    assert told["incidents"] == []
    assert [len(each["plots"]) for each in told["comparison"]["gained_incidents"]] == [2, 2, 2]
    assert [each["id"] for each in told["comparison"]["gained"]] == [
        each["last"]["incident"]["id"] for each in told["comparison"]["gained_incidents"]
    ]
    assert told["comparison"]["after_run"]["incident_count"] == 3
    assert told["summary"]["incident_count"] == 0


def test_equal_runs_are_said_to_be_equal(tmp_path: Path) -> None:
    run = made_run(tmp_path, 3)
    facts = facts_of_both(run, run, labels_of(run))
    page = as_page(facts)
    assert "both runs told the same 3 incidents" in page
    assert "Equal throughout." in page
    assert 'id="gained"' not in page
    assert msgspec.json.decode(as_json(facts))["comparison"]["unchanged"] == 3


def test_without_a_second_run_there_is_no_comparison(tmp_path: Path) -> None:
    facts = made_run(tmp_path, 1).facts()
    assert 'id="comparison"' not in as_page(facts)
    assert msgspec.json.decode(as_json(facts))["comparison"] is None


def test_settings_of_which_the_runs_had_other_values_are_named(tmp_path: Path) -> None:
    one, two = made_run(tmp_path / "a", 1), made_run(tmp_path / "b", 1)
    alerts = AlertSettings(hold_ticks=1)
    two.app = msgspec.structs.replace(two.app, detect=DetectSettings(alerts=alerts))
    facts = facts_of_both(one, two)
    assert facts.between is not None
    assert [(each.key, each.after) for each in facts.between.settings] == [
        ("detect.alerts.hold_ticks", "1")
    ]


def line(**fields: object) -> IncidentLine:
    usual = IncidentLine(
        "inc-1", "LOW", "resolved", "cpu of a rose", ("a", "b"), (), 0, 0, 30 * MIN, 0.9, ""
    )
    return msgspec.structs.replace(usual, **fields)


@pytest.mark.parametrize(
    ("what", "after", "said"),
    [
        ("severity", {"severity": "HIGH"}, "severity LOW → HIGH"),
        ("opened_ms", {"opened_ms": 5 * MIN}, "opened 5 min later"),
        ("opened_ms", {"opened_ms": -5 * MIN}, "opened 5 min earlier"),
        ("resolved_ms", {"resolved_ms": 20 * MIN}, "ended 10 min earlier"),
        ("resolved_ms", {"resolved_ms": None}, "still open, had ended"),
        ("resources", {"resources": ("a", "c")}, "with c; without b"),
        ("resources", {"resources": ("b", "a")}, "resources in another order"),
        ("resources", {"resources": tuple("abcdefg")}, "with c, d, e and 2 more"),
        ("title", {"title": "mem of a rose"}, "called “mem of a rose”"),
        ("suspect", {"suspects": (SuspectLine("b", 1.0),)}, "first suspect none → b"),
    ],
)
def test_a_change_is_said_in_words(what: str, after: dict[str, object], said: str) -> None:
    assert moved(Change(line(), line(**after), (what,))) == (said,)


def test_an_incident_that_ended_at_last_is_said_to_have() -> None:
    change = Change(line(resolved_ms=None), line(), ("resolved_ms",))
    assert moved(change) == ("ended, was still open",)
