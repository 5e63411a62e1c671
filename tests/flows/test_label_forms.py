"""Labels in every form, known by their content, and files that are none."""

import os
from pathlib import Path

import msgspec
import pytest

from connectors.feedback_store import FeedbackStore, Word
from connectors.incident_store import IncidentStore
from connectors.incident_wire import encode_transition
from flows.label_alerts import STILL_ON_MS
from flows.label_forms import form_of, read_label_file
from flows.labels import Fault
from tests.flows.told_incidents import incident, judged_as, said

DATA = Path(os.environ.get("FORESHOCK_DATA") or Path(__file__).parents[3] / "shared") / "data"
HOUR = 3_600_000
AT = 1_772_359_200_000  # 2026-03-01 10:00 UTC

TRUTH = b"""{"faults": [{"id": "F1", "kind": "leak", "start_ms": 1, "end_ms": 2,
  "resources": ["db"], "service": "aws.rds", "severity_hint": "HIGH"}], "benign": [{"id": "B1"}]}"""
NAB = b'{"a/quiet.csv": [], "a/cpu_x.csv": [["2026-03-01 10:00:00.000000", "2026-03-01 11:00:00"]]}'
PAGERDUTY = b"""{"limit": 25, "offset": 0, "more": false, "incidents": [
  {"id": "PT1", "incident_number": 7, "title": "High load on web-1", "status": "resolved",
   "urgency": "high", "created_at": "2026-03-01T10:00:00Z", "resolved_at": null,
   "last_status_change_at": "2026-03-01T12:00:00+01:00", "service": {"summary": "checkout"},
   "body": {"type": "incident_body", "details": {"host": "i-0abc"}}},
  {"id": "PT2", "title": "", "status": "triggered", "created_at": "2026-03-01T10:00:00Z"}]}"""
ALERT = {
    "labels": {"alertname": "HighLatency", "instance": "db-1:9100", "severity": "warning"},
    "annotations": {"summary": "db-1 is slow"},
    "startsAt": "2026-03-01T10:00:00.000000001Z",
    "endsAt": "2026-03-01T11:00:00Z",
    "fingerprint": "f00d",
    "status": {"state": "active"},
}
WEBHOOK = {"version": "4", "status": "firing", "alerts": [{**ALERT, "status": "resolved"}]}
POINTS = """TimeStamp,Value,Label
2026-03-01 10:00:00,1,0
2026-03-01 11:00:00,2,1
2026-03-01 12:00:00,2,1
2026-03-01 13:00:00,2,
2026-03-01 14:00:00,2,1
"""


def events(*verdicts: str) -> bytes:
    told = [judged_as(each, incident(f"I{i}", i, 5, "db")) for i, each in enumerate(verdicts)]
    return b"\n".join(map(encode_transition, said(*told))) + b"\n"


def written(folder: Path, content: bytes, name: str = "labels.json") -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("truth", TRUTH),
        ("nab", NAB),
        ("pagerduty", PAGERDUTY),
        ("pagerduty", msgspec.json.encode(msgspec.json.decode(PAGERDUTY)["incidents"])),
        ("alertmanager", msgspec.json.encode([ALERT])),
        ("alertmanager", msgspec.json.encode(WEBHOOK)),
        ("alertmanager", msgspec.json.encode(WEBHOOK) + b"\n" + msgspec.json.encode(WEBHOOK)),
        ("incidents", events("real", "", "false_positive")),
    ],
)
def test_a_form_is_known_by_its_content_and_may_be_named(
    tmp_path: Path, form: str, content: bytes
) -> None:
    assert form_of(content) == form
    file = written(tmp_path, content)
    labels = read_label_file(file)
    assert labels.form == form
    assert labels.faults
    assert read_label_file(file, form) == labels


def test_a_truth_names_service_and_severity(tmp_path: Path) -> None:
    labels = read_label_file(written(tmp_path, TRUTH))
    assert labels.faults == (Fault("F1", 1, 2, frozenset({"db"}), "leak", "aws.rds", "HIGH"),)
    assert labels.complete


def test_a_window_is_a_fault_of_the_resource_that_its_file_is_read_as(tmp_path: Path) -> None:
    labels = read_label_file(written(tmp_path, NAB))
    (fault,) = labels.faults
    assert fault.id == "a/cpu_x.csv#1"
    assert fault.resources == {"cpu_x"}
    assert (fault.start_ms, fault.end_ms) == (AT, AT + HOUR + 1)  # the last row is within
    assert labels.windows == {"a/quiet.csv": (), "a/cpu_x.csv": ((AT, AT + HOUR),)}


def test_a_run_of_labelled_rows_is_a_fault_until_the_next_row(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    written(tmp_path, POINTS.encode(), "app/api-1.csv")
    written(tmp_path, b"{}", "app/api-1.csv-metadata.json")
    one, two = read_label_file(str(tmp_path)).faults
    assert (one.start_ms, one.end_ms) == (AT + HOUR, AT + 3 * HOUR)
    assert (two.start_ms, two.end_ms) == (AT + 4 * HOUR, AT + 5 * HOUR)
    assert one.resources == two.resources == {"api-1"}
    assert read_label_file(str(tmp_path / "app/api-1.csv")).faults == (one, two)


def test_a_column_may_name_the_resource_of_a_row(tmp_path: Path) -> None:
    rows = b"time,resource,label\n0,a,1\n0,b,0\n60,a,0\n60,b,1\n"
    faults = read_label_file(written(tmp_path, rows, "two.csv")).faults
    assert [(f.resources, f.start_ms, f.end_ms) for f in faults] == [
        (frozenset("a"), 0, 60_000),
        (frozenset("b"), 60_000, 120_000),
    ]


def test_a_page_is_about_all_that_it_names(tmp_path: Path) -> None:
    over, still_on = read_label_file(written(tmp_path, PAGERDUTY)).faults
    assert {"web-1", "checkout", "i-0abc"} <= over.resources
    assert (over.start_ms, over.end_ms) == (AT, AT + HOUR)
    assert (over.severity, over.kind) == ("HIGH", "High load on web-1")
    assert still_on.end_ms == STILL_ON_MS


def test_an_alert_is_about_its_labels_and_told_again_is_one(tmp_path: Path) -> None:
    firing = {**ALERT, "status": "firing", "endsAt": "0001-01-01T00:00:00Z"}
    lines = [{**WEBHOOK, "alerts": [firing]}, WEBHOOK]
    content = b"\n".join(msgspec.json.encode(line) for line in lines)
    (fault,) = read_label_file(written(tmp_path, content)).faults
    assert {"db-1", "HighLatency"} <= fault.resources
    assert (fault.id, fault.severity, fault.kind) == ("f00d", "MEDIUM", "HighLatency")
    assert (fault.start_ms, fault.end_ms) == (AT, AT + HOUR)
    (open_end,) = read_label_file(written(tmp_path, msgspec.json.encode([firing]))).faults
    assert open_end.end_ms == STILL_ON_MS


def test_of_our_own_incidents_the_real_ones_are_faults_and_the_others_unknown(
    tmp_path: Path,
) -> None:
    labels = read_label_file(written(tmp_path, events("real", "", "false_positive")))
    assert [fault.id for fault in labels.faults] == ["I0"]
    assert [fault.id for fault in labels.no_faults] == ["I2"]
    assert not labels.complete


def test_a_store_says_the_last_word_on_each_incident(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/incidents.db"
    store = IncidentStore(url, create=True)
    store.record(said(*(incident(name, 0, 5, "db") for name in ("I1", "I2", "I3"))))
    store.close()
    feedback = FeedbackStore(url)
    feedback.say(Word("I1", "real", "ann", "", 1))
    feedback.say(Word("I2", "real", "ann", "", 1))
    feedback.say(Word("I2", "false_positive", "ann", "", 2))
    feedback.close()
    labels = read_label_file(url)
    assert [fault.id for fault in labels.faults] == ["I1"]
    assert [fault.id for fault in labels.no_faults] == ["I2"]


@pytest.mark.parametrize(
    ("name", "content", "form", "message"),
    [
        ("x.json", b"", "auto", "in one of the forms truth, nab"),
        ("x.json", b"{}", "auto", "in one of the forms truth, nab"),
        ("x.json", b'{"some": "thing"}', "auto", "in one of the forms truth, nab"),
        ("x.json", b"\xff\xfe", "auto", "in one of the forms truth, nab"),
        ("x.json", TRUTH, "prose", "one of auto, truth, nab, points, .*, got 'prose'"),
        ("x.json", TRUTH, "nab", "windows by file"),
        ("x.json", b'{"a.csv": [["now", "then"]]}', "auto", "a window of a.csv must be two times"),
        ("x.json", b'{"a.csv": [["2026-03-02", "2026-03-01"]]}', "auto", "not end before it"),
        ("x.json", b'{"incidents": [{"id": "P1"}]}', "auto", "PagerDuty lists them: .*created_at"),
        ("x.json", b'{"incidents": 1}', "auto", "as PagerDuty lists them"),
        ("x.json", b'[{"startsAt": "now", "labels": {}}]', "auto", "as Alertmanager has them"),
        ("x.json", b"nothing", "alertmanager", "as Alertmanager has them"),
        ("x.json", events("", ""), "auto", "judged real or false positive, got none"),
        ("x.json", events("real") + b"{}\n", "auto", "line 2: an incident event must be"),
        ("x.csv", b"time,value\n1,2\n", "auto", "a column label or is_anomaly"),
        ("x.csv", b"value,label\n1,2\n", "auto", "a column timestamp or time"),
        ("x.csv", b"time,label\n1\n", "auto", "line 2 must have 2 cells, got 1"),
        ("x.csv", b"time,label\n1,maybe\n", "auto", "line 2: a label must be 0 or 1, got 'maybe'"),
        ("x.csv", b"time,label\nnoon,1\n", "auto", "line 2: no time, got 'noon'"),
    ],
)
def test_what_holds_no_labels_is_refused_in_words(
    tmp_path: Path, name: str, content: bytes, form: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_label_file(written(tmp_path, content, name), form)
    assert "\n" not in str(caught.value)


def test_a_folder_without_csv_files_and_a_missing_store_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="CSV files with labels, got a folder without"):
        read_label_file(str(tmp_path))
    with pytest.raises(ValueError, match="no such"):
        read_label_file(f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(ValueError, match="form incidents, got 'nab'"):
        read_label_file(f"sqlite:///{tmp_path}/none.db", "nab")


@pytest.mark.parametrize(
    ("place", "form", "faults"),
    [("nab/labels/combined_windows.json", "nab", 36), ("cloud-monitoring/data", "points", 178)],
)
def test_labels_of_public_corpora_are_read(place: str, form: str, faults: int) -> None:
    if not (DATA / place).exists():
        pytest.skip(f"{DATA / place} is not there (FORESHOCK_DATA)")
    labels = read_label_file(str(DATA / place))
    assert (labels.form, len(labels.faults)) == (form, faults)
