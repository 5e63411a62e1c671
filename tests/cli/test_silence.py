"""Silences from the command line into the control log, and back."""

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest

import foreshock
from connectors.control_log import FileControlLog
from connectors.source import wall_clock
from schema import Expire, Matcher, Recurrence, Silence

LOG = Path("control.jsonl")
TO = ["--control", str(LOG), "--actor", "ann"]
ADD = ["silence", "add", *TO, "-m", "service=aws.rds"]
REPLAY = """
sources: [{type: simulator, days: 1}]
control_log: control.jsonl
triage:
  silences:
    - {id: nightly, matchers: ['team=shop'], every: day, from: "02:30", to: "03:30", author: bob}
"""
HOUR_MS = 3_600_000


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("replay.yaml").write_text(REPLAY)


def logged() -> list[Silence]:
    return [record for record in FileControlLog(LOG).read() if isinstance(record, Silence)]


def listed(capsys: pytest.CaptureFixture[str], *more: str) -> list[tuple[str, str]]:
    capsys.readouterr()
    assert foreshock.main(["silence", "list", "--json", *(more or TO[:2])]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [(line["id"], line["state"]) for line in lines]


def test_a_silence_goes_into_the_log_and_prints_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    now_ms = wall_clock().timestamp() * 1000
    assert foreshock.main([*ADD, "-m", "resource=~db-.*", "--for", "1h30m", "--reason", "x"]) == 0
    (silence,) = logged()
    assert silence.matchers == (
        Matcher("service", "=", "aws.rds"),
        Matcher("resource", "=~", "db-.*"),
    )
    assert (silence.purpose, silence.actor, silence.reason) == ("silence", "ann", "x")
    assert 0 <= silence.starts_ms - now_ms < 60_000
    assert silence.ends_ms - silence.starts_ms == 1.5 * HOUR_MS
    assert silence.effective_ms % 60_000 == 0
    assert 120_000 <= silence.effective_ms - now_ms <= 240_000  # whole ticks ahead of every flow
    assert capsys.readouterr().out == f"{silence.id}\n"


def test_a_maintenance_window_is_written_in_its_zone() -> None:
    when = ["--starts", "2099-07-07T22:00", "--ends", "2099-07-08T02:00"]
    assert foreshock.main([*ADD, "--maintenance", *when, "--zone", "Europe/Berlin"]) == 0
    (window,) = logged()
    assert window.purpose == "maintenance"
    assert window.starts_ms == 4_087_137_600_000  # 20:00 UTC
    assert window.ends_ms - window.starts_ms == 4 * HOUR_MS


def test_one_that_recurs_needs_no_end() -> None:
    often = ["--every", "mon,tue", "--from", "22:00", "--to", "6:00", "--zone", "Europe/Berlin"]
    assert foreshock.main([*ADD, *often]) == 0
    assert logged()[0].recurs == Recurrence(1320, 360, "Europe/Berlin", (0, 1))


def test_it_is_listed_and_ended_before_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    starts = (wall_clock() - timedelta(days=1)).isoformat()
    assert foreshock.main([*ADD, "--for", "2d", "--starts", starts]) == 0
    name = logged()[0].id
    assert listed(capsys) == [(name, "requested")]  # until the flow knows it
    assert foreshock.main(["silence", "expire", name[:6], *TO, "--reason", "done"]) == 0
    (expire,) = (record for record in FileControlLog(LOG).read() if isinstance(record, Expire))
    assert (expire.silence, expire.actor, expire.reason) == (name, "ann", "done")
    assert expire.effective_ms > logged()[0].effective_ms  # or it would be obeyed first
    assert foreshock.main(["silence", "expire", name, *TO]) == 1
    assert "UTC anyway" in capsys.readouterr().err


def test_active_ones_come_first_and_long_gone_ones_only_when_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = FileControlLog(LOG)
    now_ms = round(wall_clock().timestamp() * 1000)
    for name, start, end in (("d", -100, -90), ("c", -9, -8), ("b", 5, 6), ("a", -1, 1)):
        period = (now_ms + start * HOUR_MS, now_ms + end * HOUR_MS)
        log.append(Silence(name, "silence", (Matcher("a", "=", "b"),), *period, 0, "ann", "why"))
    assert listed(capsys) == [("a", "active"), ("b", "pending"), ("c", "expired")]
    assert listed(capsys, *TO[:2], "--expired")[-1] == ("d", "expired")
    assert foreshock.main(["silence", "list", *TO[:2]]) == 0
    header, first, *_ = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["id", "state", "time"]
    assert first.startswith("a   active   59 min ")
    assert 'a="b"' in first


def test_one_that_the_flow_does_not_obey_is_listed_as_refused_with_the_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now_ms = round(wall_clock().timestamp() * 1000)
    period = (now_ms - HOUR_MS, now_ms + HOUR_MS, now_ms - HOUR_MS)
    matchers = (Matcher("a", "=~", "("),)
    FileControlLog(LOG).append(Silence("foreign", "silence", matchers, *period, "ann", "why"))
    assert listed(capsys) == [("foreign", "refused")]
    assert foreshock.main(["silence", "list", *TO[:2]]) == 0
    assert "must have a regular expression in RE2 syntax" in capsys.readouterr().out
    assert foreshock.main(["requests", *TO[:2], "--json"]) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (row["kind"], row["status"]) == ("silence", "refused")
    assert "RE2 syntax" in row["answer"]


def test_those_of_the_settings_are_listed_too_and_ended_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert [name for name, _ in listed(capsys, "-c", "replay.yaml")] == ["nightly"]
    ask = ["silence", "expire", "nightly", "-c", "replay.yaml", "--at", "2026-03-01"]
    assert foreshock.main(ask) == 1
    assert "nightly is in the settings: take it out there" in capsys.readouterr().err


def test_in_a_replay_it_counts_from_its_start() -> None:
    start = ["-c", "replay.yaml", "--starts", "2026-03-01T10:00Z", "--for", "1h"]
    assert foreshock.main(["silence", "add", "-m", "a=b", *start]) == 0
    assert logged()[0].effective_ms == logged()[0].starts_ms == 1_772_359_200_000


def exported(name: str, matchers: list[dict[str, object]], **more: object) -> dict[str, object]:
    return {
        "id": name,
        "matchers": matchers,
        "startsAt": "2026-03-01T00:00:00.000Z",
        "endsAt": "2099-03-01T00:00:00.000Z",
        "updatedAt": "2026-03-01T00:00:00.000Z",
        "createdBy": "bob",
        "comment": "move",
        "status": {"state": "active"},
        **more,
    }


DB = {"name": "instance", "value": "db-.*", "isRegex": True, "isEqual": True}
NOT_DEV = {"name": "env", "value": "dev", "isRegex": False, "isEqual": False}


def test_alertmanagers_silences_are_taken_over_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = exported("old", [DB], status={"state": "expired"})
    given = json.dumps([exported("1", [DB, NOT_DEV]), old])
    Path("am.json").write_text(given)
    take = ["silence", "import", "--rename", "instance=resource", *TO[:2]]
    assert foreshock.main([*take, "am.json"]) == 0
    assert capsys.readouterr().out == "1 silence added, 0 known already\n"
    (silence,) = logged()
    assert silence.matchers == (Matcher("resource", "=~", "db-.*"), Matcher("env", "!=", "dev"))
    assert (silence.id, silence.actor, silence.reason) == ("am-1", "bob", "move")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
    assert foreshock.main([*take, "-"]) == 0
    assert capsys.readouterr().out == "0 silences added, 1 known already\n"
    assert len(logged()) == 1


def test_what_cannot_be_taken_over_is_told_and_the_rest_is_taken(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bad = exported("2", [{"name": "a", "value": "(", "isRegex": True}])
    everything = exported("3", [{"name": "a", "value": ".*", "isRegex": True}])
    Path("am.json").write_text(json.dumps([bad, exported("1", [DB]), everything]))
    assert foreshock.main(["silence", "import", "am.json", *TO[:2]]) == 1
    assert [silence.id for silence in logged()] == ["am-1"]
    err = capsys.readouterr().err.splitlines()
    assert err[0].startswith("am-2: a must have a regular expression in RE2 syntax, got '('")
    assert err[1].startswith("am-3: a silence must have a matcher that does not match the empty")
    assert err[2] == "foreshock: 2 silences of 3 could not be taken"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["add", *TO, "-m", "service"], "say how long"),
        (["add", *TO, "-m", "service", "--for", "1h"], "a matcher must be a label"),
        (["add", *TO, "-m", "a=~(", "--for", "1h"], "RE2 syntax, got '('"),
        (["add", *TO, "--for", "1h"], "these matchers match everything"),
        (["add", *TO, "-m", "a=~.*", "--for", "1h"], "say --all if that is meant"),
        (["add", *TO, "-m", "a=b"], "say how long: --for 2h, --ends TIME, or --every"),
        (["add", *TO, "-m", "a=b", "--for", "1y"], "--for must be a time such as"),
        (["add", *TO, "-m", "a=b", "--for", "0s"], "--for must be in (0, 10] years"),
        (["add", *TO, "-m", "a=b", "--for", "1h", "--ends", "2099-01-01"], "not come together"),
        (["add", *TO, "-m", "a=b", "--ends", "2020-01-01"], "--ends must be after the start"),
        (["add", *TO, "-m", "a=b", "--starts", "soon", "--for", "1h"], "ISO 8601, got 'soon'"),
        (["add", *TO, "-m", "a=b", "--every", "moonday"], "every must be day, weekday, weekend"),
        (["add", *TO, "-m", "a=b", "--every", "day", "--to", "25:00"], "to must be a time of"),
        (["add", *TO, "-m", "a=b", "--every", "day", "--zone", "Mars"], "zone must be a name"),
        (["add", *TO, "-m", "a=b", "--from", "02:00", "--for", "1h"], "come with --every"),
        (["add", "-m", "a=b", "--for", "1h"], "-c FILE, or by the log itself, --control LOG"),
        (["add", "-m", "a=b", "--for", "1h", "-c", "replay.yaml"], "--starts must be given"),
        (["expire", "x", "-c", "replay.yaml"], "--at must be given"),
        (["import", "replay.yaml", *TO[:2]], "must be a JSON list of Alertmanager's silences"),
        (["import", "-", "--rename", "a", *TO[:2]], "--rename must be two names"),
    ],
)
def test_what_cannot_be_used_is_one_clear_line_and_nothing_is_written(
    args: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert foreshock.main(["silence", *args]) == 2
    captured = capfd.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert message in captured.err
    assert logged() == []


def test_an_id_that_is_unknown_or_not_clear_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert foreshock.main([*ADD, "--for", "1h"]) == 0
    for name, how_many in (("x", "no silence"), ("sil-", "2 silences")):
        capfd.readouterr()
        assert foreshock.main(["silence", "expire", name, *TO]) == 1
        assert f"{how_many} with an id that begins with {name!r}" in capfd.readouterr().err


def test_without_any_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert foreshock.main(["silence", "list", *TO[:2]]) == 0
    assert capsys.readouterr().out == "no silences\n"
