"""The page and its JSON, for no, one, many and hostile incidents."""

import re
from pathlib import Path

import msgspec
import pytest

from report.facts import gather
from report.page import as_json, as_page, write_report
from report.told import Detail
from tests.report.made_run import HOSTILE, labels_of, made_run
from tests.report.page_tags import Tags, targets


@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize("labelled", [False, True])
def test_every_link_has_its_target_and_no_id_is_there_twice(
    tmp_path: Path, count: int, labelled: bool
) -> None:
    run = made_run(tmp_path, count)
    tags = Tags(as_page(run.facts(labels_of(run) if labelled else None)))
    assert len(tags.ids) == len(set(tags.ids))
    assert targets(tags) <= set(tags.ids)
    assert len([held for tag, held in tags.found if held.get("class") == "inc"]) == count


def test_nothing_in_the_page_leads_out_of_it(tmp_path: Path) -> None:
    page = as_page(made_run(tmp_path, 3).facts())
    tags = Tags(page)
    links = [v for _, held in tags.found for k, v in held.items() if k in {"src", "href", "action"}]
    assert all(link is not None and link.startswith(("#", "data:,")) for link in links)
    assert not re.search(r"url\(|@import|https?:(?!//www\.w3\.org/2000/svg)", page)
    assert "default-src 'none'" in page


def test_hostile_names_are_text(tmp_path: Path) -> None:
    run = made_run(tmp_path, 3, names=(HOSTILE,))
    facts = run.facts(labels_of(run))
    calm = as_page(made_run(tmp_path / "calm", 3).facts(labels_of(run)))
    page = as_page(facts)
    tags = Tags(page)
    assert [tag for tag, _ in tags.found].count("script") == 2
    assert {tag for tag, _ in tags.found} == {tag for tag, _ in Tags(calm).found}
    assert not [k for _, held in tags.found for k in held if k.startswith("on")]
    assert "<img" not in page
    assert "{{7*7}}" in page  # no template reads it
    assert HOSTILE in [
        suspect["resource"]["name"]
        for each in msgspec.json.decode(as_json(facts))["incidents"]
        for suspect in each["last"]["incident"]["suspects"]
    ]


def test_the_json_says_what_the_page_says(tmp_path: Path) -> None:
    run = made_run(tmp_path, 4)
    facts = run.facts(labels_of(run))
    told = msgspec.json.decode(as_json(facts))
    assert told["schema"] == "foreshock.report.v1"
    assert [each["last"]["incident"]["id"] for each in told["incidents"]] == [
        each.incident.id for each in facts.incidents
    ]
    assert told["summary"]["outcome_digest"] == facts.summary.outcome_digest
    assert [each["judgement"] for each in told["incidents"]] == ["right", "false"] * 2
    assert [fault["incidents"] != [] for fault in told["faults"]] == [True, True, False]
    assert [step["event"] for step in told["incidents"][0]["life"]] == [
        "opened", "updated", "resolved",
    ]  # fmt: skip
    assert set(told["incidents"][0]["plots"][0]) >= {"metric", "value", "lower", "upper", "odd"}


def test_a_report_is_replaced_by_the_next(tmp_path: Path) -> None:
    run = made_run(tmp_path / "spool", 1)
    folder = tmp_path / "made" / "here"
    for _ in range(2):
        write_report(folder, run.facts())
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json"]


def test_what_is_more_than_can_be_shown_is_said(tmp_path: Path) -> None:
    facts = gather(made_run(tmp_path, 8).ended(), detail=Detail(incidents=3))
    page = as_page(facts)
    assert "The worst 3 of 8 are shown" in page
    assert targets(Tags(page)) <= set(Tags(page).ids)
    shown = [each.incident.severity for each in facts.incidents if each.detailed]
    assert sorted(shown) == sorted(each.incident.severity for each in facts.incidents)[-3:]


def test_what_is_asked_for_is_shown_before_what_is_worse(tmp_path: Path) -> None:
    run = made_run(tmp_path, 8)
    low = next(each for each in run.facts().incidents if each.incident.severity == 1)
    first = frozenset({low.incident.id})
    shown = gather(run.ended(), detail=Detail(incidents=1, first=first)).incidents
    assert [each.incident.id for each in shown if each.detailed] == [low.incident.id]
