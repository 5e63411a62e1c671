"""What people ask of an incident, from the command line into the control log and the store."""

import json
from pathlib import Path

import msgspec
import pytest

import foreshock
from connectors.control_log import FileControlLog
from connectors.requests_store import RequestsStore
from connectors.source import wall_clock
from schema import Act, Event, Incident, Transition
from tests.cli.kept_incidents import STORE, keep
from tests.connectors.made_transitions import INCIDENT, MEMBER, OPENED, RESOURCE, later, resolved

LOG = Path("control.jsonl")
FLOW = ["--store", STORE, "--actor", "ann", "--control", str(LOG)]


@pytest.fixture(autouse=True)
def _in_a_folder_with_an_incident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keep(OPENED)


def standing(incident: Incident) -> Transition:
    return msgspec.structs.replace(OPENED, incident=incident)


def run(*args: str) -> int:
    return foreshock.main(["incidents", *args, *FLOW])


def logged() -> list[Act]:
    return [record for record in FileControlLog(LOG).read() if isinstance(record, Act)]


def test_an_act_goes_into_the_log_and_shows_as_requested(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now_ms = wall_clock().timestamp() * 1000
    assert run("ack", "inc", "--note", "on it") == 0
    (act,) = logged()
    assert (act.incident, act.action, act.actor, act.reason) == ("inc-1", "ack", "ann", "on it")
    assert 120_000 <= act.effective_ms - now_ms <= 240_000  # whole ticks ahead of every flow
    assert capsys.readouterr().out.startswith("ack of inc-1 requested, to be obeyed at ")
    assert foreshock.main(["incidents", "show", "inc-1", "--store", STORE]) == 0
    assert "requested        ann: ack on it" in capsys.readouterr().out
    answer = msgspec.structs.replace(
        later("inc-1", 2), event="acknowledged", actor="ann", reason="on it", request=act.id
    )
    keep(answer)
    assert foreshock.main(["incidents", "show", "inc-1", "--store", STORE]) == 0
    shown = capsys.readouterr().out
    assert "requested" not in shown
    assert "acknowledged     ann: on it" in shown


def test_each_request_has_an_id_of_its_own_and_is_there_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("note", "inc-1", "first", "--json") == 0
    assert run("note", "inc-1", "first", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["status"] for row in rows] == ["requested"] * 2
    assert rows[0]["id"] != rows[1]["id"]
    kept = RequestsStore(STORE)
    asked = {each.act.id for each in kept.requests_of("inc-1")}
    assert asked == {row["id"] for row in rows}
    assert rows[0]["id"] < rows[1]["id"]  # what is asked first is obeyed first
    kept.close()


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        (("assign", "inc-1", "bob"), ("assign", "", "bob", ())),
        (("assign", "inc-1", ""), ("assign", "", "", ())),
        (("note", "inc-1", "restarted it"), ("note", "restarted it", "", ())),
        (("merge", "inc-1", "inc-2"), ("merge", "", "", ("inc-2",))),
        (("split", "inc-1", "orders-db"), ("split", "", "", (f"metrics@{RESOURCE.key}",))),
        (("resolve", "inc-1"), ("resolve", "", "", ())),
    ],
)
def test_each_act_says_what_it_is_about(
    args: tuple[str, ...], wanted: tuple[str, str, str, tuple[str, ...]]
) -> None:
    keep(later("inc-2", 1))
    assert run(*args) == 0
    (act,) = logged()
    assert (act.action, act.reason, act.assignee, act.others) == wanted


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["ack", "done"], 1, "done is resolved: only an open or acknowledged incident can be ackn"),
        (["close", "inc-1"], 1, "inc-1 is open: only a resolved incident can be closed"),
        (["merge", "inc-1", "inc-1"], 1, "inc-1 cannot become part of itself"),
        (["split", "inc-1", "nobody"], 1, "inc-1 shows no alert of 'nobody'"),
        (["note", "inc-1", " "], 2, "a note must say something"),
        (["note", "inc-1", "x" * 2001], 2, "words must be at most 2000 characters, got 2,001"),
        (["ack", "nowhere"], 1, "no incident with an id that begins with 'nowhere'"),
    ],
)
def test_what_is_not_legal_is_one_clear_line_and_asks_nothing(
    args: list[str], code: int, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    keep(resolved("done", 2))
    assert run(*args) == code
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert logged() == []


def test_an_incident_that_became_part_of_another_stands_for_that() -> None:
    part = msgspec.structs.replace(INCIDENT, id="old", state="merged", merged_into="inc-1")
    keep(standing(part))
    assert run("ack", "old") == 0
    assert [act.incident for act in logged()] == ["inc-1"]


def test_watching_prints_what_is_stored_and_ends_in_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    noted = msgspec.structs.replace(later("inc-1", 2), event="noted", actor="ann", reason="a\x1b[b")
    keep(noted)
    watch = ["incidents", "watch", "--store", STORE, "--for", "0"]
    assert foreshock.main([*watch, "--since-start"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("2026-03-01 10:00  CRITICAL  opened            inc-1")
    assert second.endswith("(ann: a?[b)")
    assert foreshock.main(watch) == 0
    assert capsys.readouterr().out == ""
    assert foreshock.main([*watch, "--since-start", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["event"] for row in rows] == ["opened", "noted"]


def test_the_queue_is_a_table_for_people_and_objects_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    worse = msgspec.structs.replace(
        INCIDENT, id="inc-0", acked_ms=INCIDENT.opened_ms, assignee="bob", members=(MEMBER,)
    )
    keep(standing(worse))
    assert foreshock.main(["queue", "--store", STORE]) == 0
    said, header, *rows = capsys.readouterr().out.splitlines()
    assert said == "as of 2026-03-01 10:00 UTC, the store's newest event"
    assert header.split()[:3] == ["#", "id", "severity"]
    assert [row.split()[1] for row in rows] == ["inc-1", "inc-0"]
    assert foreshock.main(["queue", "--store", STORE, "--json", "--limit", "1"]) == 0
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["place"], row["id"], row["points"]) == (1, "inc-1", 70)
    assert row["why"] == ["CRITICAL (+60)", "nobody has it (+10)"]


def test_an_empty_queue_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    keep(resolved("inc-1", 2))
    assert foreshock.main(["queue", "--store", STORE]) == 0
    assert capsys.readouterr().out == "nothing to do\n"


@pytest.mark.parametrize(
    ("event", "code", "said"),
    [
        ("acknowledged", 0, "ack of inc-1 applied: on it\n"),
        ("refused", 1, ""),
    ],
)
def test_who_waits_hears_what_came_of_it(
    event: Event,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def answers(_: float) -> None:
        answer = later("inc-1", 2)
        keep(msgspec.structs.replace(answer, event=event, reason="on it", request=logged()[0].id))

    monkeypatch.setattr("cli.answered.time.sleep", answers)
    assert run("ack", "inc-1", "--wait", "60") == code
    out, err = capsys.readouterr()
    assert out == said
    assert err == ("" if code == 0 else "foreshock: ack of inc-1 is refused: on it\n")


def test_who_waits_in_vain_is_told_where_to_look(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ack", "inc-1", "--wait", "0.05", "--json") == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["status"] == "requested"
    assert err == "foreshock: no answer within 0.05 s\n"
