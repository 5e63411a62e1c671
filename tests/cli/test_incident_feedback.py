"""A word on an incident, from the command line into the control log and the store."""

from pathlib import Path

import msgspec
import pytest

import foreshock
from connectors.control_log import FileControlLog
from connectors.feedback_store import FeedbackStore
from connectors.source import wall_clock
from schema import Feedback
from tests.cli.kept_incidents import STORE, keep
from tests.connectors.made_transitions import INCIDENT, MEMBER, OPENED, RESOURCE, later

LOG = Path("control.jsonl")
TARGET = (RESOURCE.key, "latency", (), 820.0 - 181.5, 0.0)
SAY = ["--store", STORE, "--actor", "ann"]
BOUNDED = """
sources: [{{type: simulator, days: 1}}]
sinks: [{{type: sql, url: "{store}"}}]
{more}
"""


@pytest.fixture(autouse=True)
def _in_a_folder_with_an_incident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keep(OPENED)


def say(verdict: str, *more: str, incident: str = "inc-1") -> int:
    return foreshock.main(["incidents", verdict, *SAY, incident, "--control", str(LOG), *more])


def logged() -> list[Feedback]:
    return [record for record in FileControlLog(LOG).read() if isinstance(record, Feedback)]


def verdicts() -> list[tuple[str, ...]]:
    store = FeedbackStore(STORE)
    found: list[tuple[str, ...]] = [
        (w.incident_id, w.verdict, w.actor, w.note) for w in store.words()
    ]
    store.close()
    return found


def test_a_false_positive_goes_into_log_and_store(capsys: pytest.CaptureFixture[str]) -> None:
    now_ms = wall_clock().timestamp() * 1000
    assert say("false-positive", "--note", "nightly backup") == 0
    (record,) = logged()
    assert (record.incident, record.verdict, record.actor) == ("inc-1", "false_positive", "ann")
    assert record.targets == (TARGET,)
    assert record.effective_ms % 60_000 == 0
    assert 120_000 <= record.effective_ms - now_ms <= 240_000  # whole ticks ahead of every flow
    assert verdicts() == [("inc-1", "false_positive", "ann", "nightly backup")]
    out = capsys.readouterr().out
    assert out.startswith("inc-1 is false-positive\n1 metric of it, in force from ")


def test_saying_it_again_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert say("real") == 0
    assert say("real", incident="inc") == 0
    assert len(logged()) == 1
    assert "was said to be real before; nothing is changed" in capsys.readouterr().out


def test_the_last_word_counts_and_undoes_what_was_said(tmp_path: Path) -> None:
    assert say("false-positive") == 0
    worse = msgspec.structs.replace(MEMBER.evidence[0], value=5_000.0)
    grown = msgspec.structs.replace(
        INCIDENT, revision=2, members=(msgspec.structs.replace(MEMBER, evidence=(worse,)),)
    )
    keep(msgspec.structs.replace(later("inc-1", 2), incident=grown))
    assert say("real") == 0
    assert [r.verdict for r in logged()] == ["false_positive", "real"]
    assert logged()[1].targets == (TARGET,)  # not those of what it grew to
    assert verdicts() == [("inc-1", "real", "ann", "")]


def test_a_false_positive_that_has_grown_since_is_said_anew() -> None:
    assert say("false-positive") == 0
    worse = msgspec.structs.replace(MEMBER.evidence[0], value=5_000.0)
    grown = msgspec.structs.replace(
        INCIDENT, revision=2, members=(msgspec.structs.replace(MEMBER, evidence=(worse,)),)
    )
    keep(msgspec.structs.replace(later("inc-1", 2), incident=grown))
    assert say("false-positive") == 0
    assert [r.targets[0][3] for r in logged()] == [638.5, 5_000.0 - 181.5]


def test_an_incident_of_a_rule_names_no_metric_but_is_judged_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    member = msgspec.structs.replace(MEMBER, kind="rule:full")
    rule = msgspec.structs.replace(INCIDENT, id="rule-1", members=(member,), member_count=99)
    keep(msgspec.structs.replace(OPENED, incident=rule))
    assert say("false-positive", incident="rule-1") == 0
    assert [(one.incident, one.targets) for one in logged()] == [("rule-1", ())]
    assert [w[0] for w in verdicts()] == ["rule-1"]
    assert "alerts of rules and of silence are changed in settings" in capsys.readouterr().out


def test_settings_name_log_and_store_and_a_replay_hears_of_it_after_the_incident() -> None:
    Path("a.yaml").write_text(BOUNDED.format(store=STORE, more="control_log: control.jsonl"))
    args = ["incidents", "false-positive", "inc-1", "-c", "a.yaml"]
    assert foreshock.main(args) == 0
    (record,) = logged()
    assert record.effective_ms == INCIDENT.updated_ms + 60_000


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["x", "--control", "c"], 1, "no incident with an id that begins with 'x'"),
        (["inc-1"], 2, "-c FILE, or by the log itself, --control LOG"),
        (["inc-1", "-c", "a.yaml"], 2, "a.yaml: control_log must be set, to a topic"),
        (["inc-1", "-c", "none.yaml"], 2, "none.yaml: no such file"),
        (["inc-1", "--control", "c", "--store", "sqlite:///n.db"], 2, "no such incident"),
        (["inc-1", "--control", "none/c"], 1, "none/c: No such file or directory"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_one_clear_line_and_nothing_is_kept(
    args: list[str], code: int, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("a.yaml").write_text(BOUNDED.format(store=STORE, more=""))
    before = ["incidents", "real", "--store", STORE]
    assert foreshock.main([*before, *args]) == code
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert verdicts() == []
