"""`foreshock topology`, as its users meet it."""

import json
from pathlib import Path

import pytest

import foreshock
from connectors.control_log import FileControlLog
from connectors.incident_store import IncidentStore
from schema import Edge, TopologyChange
from tests.connectors.made_transitions import OPENED

Capture = pytest.CaptureFixture[str]
MAP = """
nodes: [batch]
node_types: {db: aws.rds, zone-a: zone, user: client, cart: Martian}
edges:
- {caller: user, callee: web}
- {caller: web, callee: cart}
- {caller: web, callee: search}
- {caller: cart, callee: db}
- {caller: search, callee: db}
- {caller: db, callee: zone-a, type: in_zone}
- {caller: db, callee: web}
- {caller: cart, callee: cart}
"""
SAMPLES = "".join(
    f'{{"resource":"{name}","cloud":"aws","service":"aws.ec2","account":"1","region":"eu-west-1",'
    '"metric":"cpu.utilization","ts_ms":1772359200000,"value":42.0}\n'
    for name in ("web", "db", "mail")
)


@pytest.fixture(autouse=True)
def _in_a_folder_with_a_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("map.yaml").write_text(MAP)


def told(capsys: Capture, *args: str) -> str:
    assert foreshock.main(["topology", *args]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def refused(capsys: Capture, *args: str) -> str:
    assert foreshock.main(["topology", *args]) != 0
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_check_counts_and_names_what_stands_out(capsys: Capture) -> None:
    assert told(capsys, "check", "map.yaml").splitlines() == [
        "map.yaml: 7 nodes, 7 edges (6 calls, 1 in_zone)",
        "  types: Martian 1, aws.rds 1, client 1, zone 1",
        "  types that the catalogue does not know: 1: Martian",
        "  need themselves, which counts for nothing: 1: cart",
        "  without any edge: 1: batch",
    ]


def test_check_compares_with_payloads(capsys: Capture) -> None:
    Path("samples.jsonl").write_text(SAMPLES)
    found = json.loads(told(capsys, "check", "map.yaml", "--against", "samples.jsonl", "--json"))
    assert found["never_seen"] == ["batch", "cart", "search"]
    assert found["on_no_map"] == ["mail"]


def test_check_compares_with_an_incident_store(capsys: Capture, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/incidents.db"
    store = IncidentStore(url, create=True)
    store.record([OPENED])
    store.close()
    found = json.loads(told(capsys, "check", "map.yaml", "--against", url, "--json"))
    assert found["on_no_map"] == ["orders-db"]


def test_show_prints_both_trees_and_marks_what_stands_there_twice(capsys: Capture) -> None:
    assert told(capsys, "show", "web", "--file", "map.yaml").splitlines() == [
        "web (4 depend on it)",
        "needs",
        "  cart  calls",
        "    db  calls",
        "      web  calls ...",
        "      zone-a  in_zone",
        "  search  calls",
        "    db  calls ...",
        "is needed by",
        "  db  calls",
        "    cart  calls",
        "      web  calls ...",
        "    search  calls",
        "      web  calls ...",
        "  user  calls",
    ]


def test_show_goes_as_deep_as_it_is_told(capsys: Capture) -> None:
    found = json.loads(told(capsys, "show", "db", "--file", "map.yaml", "--depth", "1", "--json"))
    assert found == {
        "node": "db",
        "type": "aws.rds",
        "zone": "zone-a",
        "dependants": 4,
        "needs": [{"node": "web", "by": ["calls"]}, {"node": "zone-a", "by": ["in_zone"]}],
        "needed_by": [{"node": "cart", "by": ["calls"]}, {"node": "search", "by": ["calls"]}],
    }


def test_show_takes_the_map_of_the_settings(capsys: Capture) -> None:
    Path("app.yaml").write_text("sources: [{type: files, paths: [x.jsonl]}]\ntopology: map.yaml\n")
    assert told(capsys, "show", "batch", "-c", "app.yaml").splitlines() == [
        "batch (0 depend on it)",
        "needs nothing",
        "is needed by nothing",
    ]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("check", "gone.yaml"), "gone.yaml: must be readable, got No such file"),
        (("check", "map.yaml", "--against", "gone"), "gone: no such file"),
        (("check", "map.yaml", "--against", "sqlite:///gone.db"), "no such incident store"),
        (("show", "wep", "--file", "map.yaml"), "no node 'wep' on the map; near to it: web"),
        (("add", "web", "web", "--control", "c.jsonl"), "CALLEE must not be CALLER"),
        (("add", "web", "db", "--type", "likes", "--control", "c.jsonl"), "'likes'"),
        (("remove", "web", "db"), "say how a running flow is told"),
        (("show", "web"), "one of --file and -c must say where the map is"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    capsys: Capture, args: tuple[str, ...], message: str
) -> None:
    assert message in refused(capsys, *args)


def test_add_and_remove_write_what_the_flow_will_obey(capsys: Capture) -> None:
    at = ("--at", "2026-03-01T10:00:00Z", "--control", "control.jsonl", "--actor", "ada")
    said = told(capsys, "add", "web", "cache", *at)
    assert said == "the flow knows it from 2026-03-01 10:00 UTC on\n"
    told(capsys, "remove", "db", "zone-a", "--type", "in_zone", *at)
    first, second = FileControlLog(Path("control.jsonl")).read()
    assert isinstance(first, TopologyChange)
    assert isinstance(second, TopologyChange)
    assert (first.add, first.remove, first.actor) == ((Edge("web", "cache"),), (), "ada")
    assert (second.add, second.remove) == ((), (Edge("db", "zone-a", "in_zone"),))
    assert first.id != second.id


def test_a_command_takes_effect_soon_where_no_time_is_given(capsys: Capture) -> None:
    told(capsys, "add", "web", "cache", "--control", "control.jsonl")
    (record,) = FileControlLog(Path("control.jsonl")).read()
    assert isinstance(record, TopologyChange)
    assert record.effective_ms > 1_700_000_000_000
