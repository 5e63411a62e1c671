"""Who is told of an incident, and why, from store, control log and settings."""

import json
from pathlib import Path

import msgspec
import pytest

import foreshock
from connectors.control_log import FileControlLog
from connectors.outbox import Outbox
from schema import Event, Incident, Matcher, Notice, Severity, Silence, Transition
from tests.cli.kept_incidents import STORE, keep
from tests.connectors.made_transitions import INCIDENT, MEMBER, OPENED, OPENED_MS

ASK = ["why", "inc-1", "--store", STORE]
LOG = ["--control", "control.jsonl"]
SETTINGS = """
sources: [{type: simulator, days: 1}]
control_log: control.jsonl
triage:
  silences:
    - {id: fixed, matchers: ['tier=1'], author: bob, reason: known}
"""

TOLD = (
    SETTINGS
    + """
notify:
  route:
    channels: [log]
    routes: [{match: ['severity=CRITICAL'], channels: [page, feed, mail, chat]}]
  channels:
    page: {type: console}
    feed: {type: console}
    mail: {type: console}
    chat: {type: console}
    log: {type: console}
"""
)


@pytest.fixture(autouse=True)
def _in_a_folder_with_an_incident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keep(OPENED)


def after(minute: int, event: Event, reason: str, **fields: object) -> Transition:
    at_ms = OPENED_MS + minute * 60_000
    incident: Incident = msgspec.structs.replace(
        INCIDENT, revision=minute + 1, updated_ms=at_ms, **fields
    )
    return Transition(event, at_ms, "foreshock", reason, incident)


def silence(name: str, *matchers: Matcher, hours: tuple[float, float] = (-1, 1)) -> None:
    starts, ends = (OPENED_MS + round(hour * 3_600_000) for hour in hours)
    FileControlLog(Path("control.jsonl")).append(
        Silence(name, "silence", matchers, starts, ends, starts, "ann", "backup")
    )


def lines(capsys: pytest.CaptureFixture[str], *more: str) -> list[str]:
    assert foreshock.main([*ASK, *more]) == 0
    return capsys.readouterr().out.splitlines()


def test_an_incident_that_is_heard_goes_to_all_sinks(capsys: pytest.CaptureFixture[str]) -> None:
    out = lines(capsys)
    assert out[:2] == [
        "CRITICAL open: latency of orders-db rose to 820 ms  [inc-1]",
        "told: nothing hides it",
    ]
    assert "severity     tier 1 service" in out
    assert "silences     which are in force, and which match: give -c or --control" in out
    assert "inhibition   nothing hides it" in out
    assert out[-1] == "  2026-03-01 10:00  opened           told    first alert"


def test_what_keeps_it_from_people_is_told_event_by_event(
    capsys: pytest.CaptureFixture[str],
) -> None:
    keep(
        after(1, "silenced", "silenced by s-1 (ann: backup)", silenced_by=("s-1",)),
        after(2, "silenced", "heard again"),
        after(3, "silenced", "inhibited by inc-0", inhibited_by="inc-0", flapping=True),
    )
    keep(
        msgspec.structs.replace(
            OPENED, incident=msgspec.structs.replace(INCIDENT, id="inc-0", severity=Severity.HIGH)
        )
    )
    out = lines(capsys)
    assert out[1] == "told to nobody: inhibited by inc-0"
    assert "inhibition   inc-0 hides it (HIGH open: latency of orders-db rose to 820 ms)" in out
    assert "flapping     yes: held open until it is quiet" in out
    assert [line.split()[3] for line in out[-4:]] == ["told", "nobody", "told", "nobody"]
    assert "silenced by s-1 (ann: backup)  [silenced by s-1]" in out[-3]


def test_silences_are_tried_and_those_that_fail_say_at_which_matcher(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rds = Matcher("service", "=", "aws.rds")
    silence("s-0", rds, Matcher("region", "=~", "us-.*"))
    silence("s-1", rds)
    silence("s-2", rds, hours=(1, 2))  # not yet
    out = "\n".join(lines(capsys, *LOG))
    assert 's-1 (silence, ann: backup) matches: service="aws.rds"; until 2026-03-01 11:00\n' in out
    assert "s-0 (silence, ann: backup) does not match, orders-db has region 'eu-west-1'" in out
    assert "s-2" not in out


def test_alerts_that_have_closed_do_not_count_while_one_is_open(
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = msgspec.structs.replace(
        MEMBER,
        resource=msgspec.structs.replace(MEMBER.resource, name="lb"),
        closed_ms=OPENED_MS + 60_000,
    )
    keep(after(2, "updated", "1 more alert", members=(other, MEMBER)))
    silence("s-1", Matcher("resource", "=", "orders-db"))
    assert "s-1 (silence, ann: backup) matches" in "\n".join(lines(capsys, *LOG))


def test_those_of_the_settings_are_tried_too(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.yaml").write_text(SETTINGS)
    out = "\n".join(lines(capsys, "-c", "a.yaml"))
    assert 'fixed (silence, bob: known) matches: tier="1"\n' in out


def test_json_holds_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    keep(after(1, "reopened", "again", merged_into="inc-9", state="merged"))
    silence("s-1", Matcher("service", "=", "aws.rds"))
    (line,) = lines(capsys, *LOG, "--json")
    found = json.loads(line)
    assert (found["told"], found["because"], found["occurrences"]) == (False, "part of inc-9", 2)
    assert [each["matches"] for each in found["silences"]] == [False]  # nothing is open in it
    assert [(each["event"], each["told"]) for each in found["said"]] == [
        ("opened", True),
        ("reopened", False),
    ]


def test_every_channel_says_what_it_heard_or_why_not(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.yaml").write_text(TOLD)
    outbox = Outbox(STORE)
    page = Notice("inc-1", 1, "page", "trigger", "transition:1", OPENED_MS, "opened (CRITICAL)")
    feed = msgspec.structs.replace(page, channel="feed", reason="too many", held=True)
    digest = Notice("", 0, "feed", "digest", "digest:1", OPENED_MS, "2 held", about=("x", "inc-1"))
    mail = msgspec.structs.replace(page, channel="mail")
    outbox.decide({}, [(page, ""), (feed, ""), (digest, ""), (mail, "")])
    outbox.sent(page, OPENED_MS + 60_000, "m")
    outbox.sent(digest, OPENED_MS + 300_000, "m")
    outbox.retry(outbox.waiting("mail")[0], OPENED_MS + 120_000, "HTTP 503")
    outbox.close()
    out = lines(capsys, "-c", "a.yaml")
    told = [" ".join(line.split()) for line in out[out.index("who was told") + 1 :]]
    assert told == [
        "2026-03-01 10:01 page trigger sent opened (CRITICAL)",
        "2026-03-01 10:00 feed trigger held too many",
        "2026-03-01 10:05 feed digest sent 2 held",
        "2026-03-01 10:00 mail trigger due HTTP 503 (1 attempt; again at 10:02 UTC)",
        '2026-03-01 10:00 chat nothing - nothing was decided yet; its route: severity="CRITICAL"',
        '2026-03-01 10:00 log nothing - no route leads here; taken: severity="CRITICAL"',
    ]


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["why", "x", "--store", STORE], 1, "no incident with an id that begins with 'x'"),
        (["why", "inc-1", "--store", "sqlite:///none.db"], 2, "no such incident store"),
        (["why", "inc-1", "--store", STORE, "-c", "none.yaml"], 2, "none.yaml: no such file"),
    ],
)
def test_what_cannot_be_told_is_one_clear_line(
    args: list[str], code: int, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert foreshock.main(args) == code
    captured = capfd.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert message in captured.err
