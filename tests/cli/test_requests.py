"""What a flow was told to do, listed; and commands that wait until it has done it."""

import json
import threading
from pathlib import Path

import pytest

import foreshock
from connectors.control_log import FileControlLog
from connectors.standing_store import StandingStore
from flows.answers import told
from schema import Closed, Expire, Silence
from tests.cli.kept_incidents import STORE, keep
from tests.connectors.made_transitions import OPENED

LOG = Path("control.jsonl")
TO = ["--control", str(LOG), "--store", STORE]
WHO = ["--actor", "ann"]
TICK_MS = 1_772_359_200_000
COMMANDS = [
    ["silence", "add", "-m", "service=aws.rds", "--for", "1h", "--reason", "index"],
    ["deploys", "add", "v42", "resource=web-1"],
    ["topology", "add", "web", "cache"],
    ["topology", "remove", "web", "db"],
    ["incidents", "false-positive", "inc-1"],
    ["incidents", "ack", "inc-1"],
]


@pytest.fixture(autouse=True)
def _in_a_folder_with_an_incident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keep(OPENED)


def take_up() -> None:
    """Do as a flow does that has come so far."""
    commands = told(FileControlLog(LOG).read())
    kept = StandingStore(STORE)
    word = Closed(0, TICK_MS, False, commands=tuple((TICK_MS, command) for command in commands))
    kept.keep([word])
    kept.close()


def listed(capsys: pytest.CaptureFixture[str], *more: str) -> list[tuple[str, str, str]]:
    capsys.readouterr()
    assert foreshock.main(["requests", "--json", *TO, *more]) == 0
    rows = map(json.loads, capsys.readouterr().out.splitlines())
    return [(row["kind"], row["what"], row["status"]) for row in rows]


def test_every_command_shows_at_once_as_requested_and_becomes_applied(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for command in COMMANDS:
        assert foreshock.main([*command, *TO, *WHO]) == 0
    wanted = [
        ("act", "ack inc-1"),
        ("feedback", "false-positive inc-1"),
        ("topology", "topology - web calls db"),
        ("topology", "topology + web calls cache"),
        ("deploy", 'deploy v42 resource="web-1"'),
        ("silence", 'silence service="aws.rds": index'),
    ]
    assert listed(capsys) == [(*each, "requested") for each in wanted]
    assert listed(capsys, "--limit", "1") == [(*wanted[0], "requested")]
    take_up()
    assert listed(capsys, "--status", "applied") == [(*each, "applied") for each in wanted[1:]]
    assert listed(capsys, "--status", "requested") == [(*wanted[0], "requested")]  # no event yet
    assert foreshock.main(["requests", *TO]) == 0
    header, _, judged, *_ = capsys.readouterr().out.splitlines()
    assert header.split() == ["when", "(UTC)", "id", "who", "what", "status", "answer"]
    assert judged.startswith("2026-03-01 10:00  req-")
    assert judged.split()[3:] == ["ann", "false-positive", "inc-1", "applied"]


@pytest.mark.parametrize("command", COMMANDS[:5])
def test_a_command_that_waits_ends_when_the_flow_has_taken_it_up(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def flow() -> None:
        while not (LOG.exists() and LOG.read_bytes().endswith(b"\n")):
            stop.wait(0.01)
        take_up()

    stop = threading.Event()
    beside = threading.Thread(target=flow)
    beside.start()
    assert foreshock.main([*command, *TO, *WHO, "--wait", "30"]) == 0
    beside.join()
    assert capsys.readouterr().err.endswith("applied at 2026-03-01 10:00 UTC\n")


def test_a_command_that_waits_in_vain_fails_and_is_asked_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert foreshock.main([*COMMANDS[0], *TO, "--wait", "0.01"]) == 1
    assert capsys.readouterr().err.endswith("foreshock: no answer within 0.01 s\n")
    (silence,) = FileControlLog(LOG).read()
    assert isinstance(silence, Silence)
    assert foreshock.main(["silence", "expire", "sil", *TO, "--wait", "0.01"]) == 1
    assert isinstance(FileControlLog(LOG).read()[1], Expire)


def test_without_a_store_nobody_can_wait_and_nothing_is_written(
    capfd: pytest.CaptureFixture[str],
) -> None:
    elsewhere = ["--control", str(LOG), "--store", "sqlite:///none.db"]
    assert foreshock.main([*COMMANDS[0], *elsewhere, "--wait", "1"]) == 2
    assert capfd.readouterr().err == "foreshock: none.db: no such incident store\n"
    assert not LOG.exists()
    assert foreshock.main([*COMMANDS[0], *elsewhere]) == 0
    assert foreshock.main(["requests", *elsewhere]) == 0
    said = capfd.readouterr()
    assert "requested" in said.out
    assert said.err.endswith("not known: none.db: no such incident store\n")


def test_where_nobody_asked_for_anything_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert foreshock.main(["requests", *TO]) == 0
    assert capsys.readouterr().out == "no requests\n"
