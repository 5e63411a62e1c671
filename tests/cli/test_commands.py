"""The command line as its users meet it: help, one clear line, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import foreshock
from cli.errors import CommandFailed, guarded
from connectors.incident_store import IncidentStore
from tests.connectors.made_transitions import OPENED, later, resolved

ROOT = Path(__file__).parent.parent.parent
GROUPS = {
    "catalogue": ["explain", "list"],
    "config": ["check", "show", "schema"],
    "deadletter": ["list", "show", "replay"],
    "incidents": [
        "list",
        "show",
        "watch",
        "ack",
        "unack",
        "resolve",
        "reopen",
        "close",
        "assign",
        "note",
        "merge",
        "split",
        "false-positive",
        "real",
    ],
    "models": ["list", "show", "diff", "promote", "rollback", "stats"],
    "review": ["run", "report", "summary", "list", "show", "investigate", "confirm", "resolve"],
    "recovery": ["init", "inspect", "verify"],
    "silence": ["add", "list", "expire", "import"],
    "store": ["migrate"],
    "topology": ["check", "show", "add", "remove"],
}
BACKTEST = ["backtest", "a.jsonl", "--format", "foreshock-json"]
LEAVES = [[name] for name in foreshock.COMMANDS if name not in GROUPS] + [
    [group, name] for group, names in GROUPS.items() for name in names
]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("command", LEAVES, ids=" ".join)
def test_every_command_explains_itself_with_an_example(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert foreshock.main([*command, "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Example" in shown
    assert f"foreshock {' '.join(command)}" in shown


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert foreshock.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f" {name} " in shown for name in foreshock.COMMANDS)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["frob"], "No such command 'frob'. (see foreshock --help)"),
        (["run", "--frob"], "No such option: --frob (see foreshock run --help)"),
        (["run", "-c", "none.yaml"], "none.yaml: no such file"),
        (["config", "check", "none.yaml"], "none.yaml: no such file"),
        (["config", "show", "none.yaml"], "none.yaml: no such file"),
        (["backtest", "none"], "none: no such file or folder"),
        (["backtest", "a.jsonl"], "{a.jsonl}: its format must be named, or stand in a"),
        ([*BACKTEST, "--labels", "none"], "--labels: none: no such file"),
        ([*BACKTEST, "--labels", "a.jsonl"], "--labels: a.jsonl: labels must be in one of"),
        (["backtest", "a.jsonl", "--topology", "none"], "--topology: none: no such file"),
        (["backtest", "a.jsonl", "--workers", "0"], "Invalid value for '--workers'"),
        (["train", "--workers", "1"], "say what to train on: PATHS, or -c FILE for its sources"),
        (["demo", "--days", "-1"], "days must be in (0, 3660], got -1.0"),
        (["demo", "--store", "mysql://x"], "url must be of SQLite or PostgreSQL"),
        (["incidents", "list"], ".foreshock/incidents.db: no such incident store"),
        (["models", "stats"], ".foreshock/incidents.db: no such incident store"),
        (["incidents", "list", "--state", "shut"], "--state must be one of open, acknowledged"),
        (["incidents", "list", "--after", "x"], "a cursor must be like"),
        (["incidents", "list", "--severity", "x"], "--severity must be one of LOW, MEDIUM"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_line_and_exit_code_2(
    args: list[str], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_text("{}\n")
    assert foreshock.main(args) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("foreshock: ")
    assert message.replace("{a.jsonl}", str(tmp_path / "a.jsonl")) in captured.err


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (CommandFailed("no such thing"), 1, "no such thing"),
        (ValueError("x must be y"), 1, "x must be y"),
        (FileNotFoundError(2, "No such file", "a.txt"), 1, "a.txt: No such file"),
        (KeyError("k"), 1, "KeyError: 'k'"),
        (RuntimeError("two\n  lines"), 1, "RuntimeError: two lines"),
        (ZeroDivisionError(), 1, "ZeroDivisionError"),
    ],
)
def test_a_failure_is_one_line_and_verbose_shows_where(
    raised: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise raised

    assert guarded(fail, verbose=False) == code
    assert capsys.readouterr().err.rstrip().rstrip(":").strip() == f"foreshock: {said}"
    assert guarded(fail, verbose=True) == code
    verbose = capsys.readouterr().err
    assert ("Traceback" in verbose) == isinstance(raised, Exception)


@pytest.mark.parametrize("group", ["config", "peek"])
def test_help_that_is_asked_for_by_no_arguments_is_followed_by_nothing(
    group: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert foreshock.main([group]) == 2
    out, err = capsys.readouterr()
    assert "Usage: " in out
    assert err == ""


def test_verbose_is_allowed_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert foreshock.main(["config", "check", "none.yaml", "--verbose"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_settings_are_checked_shown_and_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BROKERS", "kafka.internal:9092")
    path = tmp_path / "mine.yaml"
    path.write_text(
        "sources: [{type: kafka, brokers: '${BROKERS}', topics: [m], format: foreshock-json,"
        " properties: {sasl.password: hunter2}}]"
    )
    assert foreshock.main(["config", "check", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: ok\n"
    assert foreshock.main(["config", "show", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "sasl.password: '***'" in shown
    assert "kafka.internal" not in shown
    assert "quiet_s: 1200.0" in shown  # a default
    assert foreshock.main(["config", "schema"]) == 0
    assert "sources" in json.loads(capsys.readouterr().out)["$defs"]["App"]["required"]


def test_incidents_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    store = IncidentStore("sqlite:///.foreshock/incidents.db", create=True)
    store.record([OPENED, later("inc-1", 2), later("inc-2", 1), resolved("inc-1", 3)])
    store.close()
    assert foreshock.main(["incidents", "list"]) == 0
    shown = capsys.readouterr().out
    assert "inc-1" in shown
    assert "inc-2" in shown
    assert OPENED.incident.title in shown
    assert foreshock.main(["incidents", "list", "--state", "resolved", "--json"]) == 0
    event = json.loads(capsys.readouterr().out)
    assert (event["event"], event["incident"]["id"]) == ("resolved", "inc-1")
    assert foreshock.main(["incidents", "list", "--severity", "critical", "--state", "open"]) == 0
    shown = capsys.readouterr().out
    assert "inc-1" not in shown
    assert "inc-2" in shown
    assert foreshock.main(["incidents", "show", "inc-1"]) == 0
    shown = capsys.readouterr().out
    assert OPENED.incident.hint in shown
    assert [line.split()[2] for line in shown.splitlines()[-3:]] == [
        "opened",
        "updated",
        "resolved",
    ]
    assert foreshock.main(["incidents", "show", "inc-2"[:5], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["incident"]["id"] == "inc-2"


@pytest.mark.parametrize(
    ("begins", "message"),
    [("nothing", "no incident"), ("inc-", "2 incidents")],
)
def test_an_incident_must_be_named_unmistakably(
    begins: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = IncidentStore("sqlite:///.foreshock/incidents.db", create=True)
    store.record([OPENED, later("inc-2", 1)])
    store.close()
    assert foreshock.main(["incidents", "show", begins]) == 1
    assert f"foreshock: {message} with an id that begins with" in capsys.readouterr().err


def test_runs_as_a_module_from_a_checkout() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "foreshock", "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("foreshock ")
