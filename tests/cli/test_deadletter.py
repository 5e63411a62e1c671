"""`foreshock deadletter`: what was refused is counted, shown and written back."""

import io
import json
from pathlib import Path
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource, run_main

import foreshock
from connectors.dead_letter import encode_reject
from connectors.kafka_settings import KafkaOutput
from connectors.kafka_sink import KafkaDeadLetterSink
from schema import Reject
from tests.kafka.cluster import Cluster

PROTO = b"\x0a\x05\x12\x03\x00\xff\xfe"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KAFKA_BROKERS", raising=False)


def reject(
    raw: bytes,
    position: int,
    *,
    reason: str = "bad_time",
    partition: str = "0",
    source: str = "kafka:m",
) -> Reject:
    return Reject(reason, f"detail of {position}", source, partition, position, raw)


def letter_file(*rejects: Reject, kept: int = 65_536) -> str:
    lines = b"".join(encode_reject(each, kept) + b"\n" for each in rejects)
    Path("dead.jsonl").write_bytes(lines)
    return "dead.jsonl"


def replayed(*args: str) -> list[bytes]:
    assert foreshock.main(["deadletter", "replay", *args, "--to", "back.jsonl"]) == 0
    return Path("back.jsonl").read_bytes().splitlines()


def json_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_rejects_are_counted_by_reason_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    file = letter_file(
        reject(b"b", 7, partition="10"),
        reject(b"a", 9, partition="2"),
        reject(b"a", 9, partition="2"),
        reject(b"c", 1, reason="empty"),
        reject(b"c", 1, source="files", partition="a/b.jsonl"),
    )
    assert foreshock.main(["deadletter", "list", file, "--json"]) == 0
    first, *others = json_lines(capsys)
    assert first == {
        "reason": "bad_time",
        "source": "kafka:m",
        "rejects": 3,
        "payloads": 2,
        "cut": 0,
        "first": {"partition": "2", "position": 9},
        "last": {"partition": "10", "position": 7},
        "detail": "detail of 7",
    }
    assert [(each["reason"], each["source"]) for each in others] == [
        ("bad_time", "files"),
        ("empty", "kafka:m"),
    ]
    assert foreshock.main(["deadletter", "list", file, "--reason", "empty"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["reason", "source", "rejects", "payloads", "first", "last", "for", "example"],
        ["empty", "kafka:m", "1", "1", "0@1", "0@1", "detail", "of", "1"],
    ]


def test_a_payload_is_shown_once_with_all_that_was_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = letter_file(
        reject(b'{"a":[1]}', 3),
        reject(b'{"a":[1]}', 3, reason="count_zero"),
        reject(PROTO, 4),
        reject(b"{\x1b[31m", 5),
        reject(b'{"a":1}\n{"b"', 6),
    )
    assert foreshock.main(["deadletter", "show", file]) == 0
    shown = [block.splitlines() for block in capsys.readouterr().out.split("\n\n") if block]
    assert shown[0] == [
        "kafka:m:0@3  9 bytes",
        "  bad_time: detail of 3",
        "  count_zero: detail of 3",
        "    {",
        '      "a": [',
        "        1",
        "      ]",
        "    }",
    ]
    assert shown[1][2].split() == [
        "00000000", "0a", "05", "12", "03", "00", "ff", "fe", ".......",
    ]  # fmt: skip
    assert shown[2][2].startswith("    00000000  7b 1b")
    assert shown[3][2:] == ["    {", '      "a": 1', "    }", '    {"b"']
    assert foreshock.main(["deadletter", "show", file, "--limit", "1"]) == 0
    assert capsys.readouterr().out.count("bytes") == 1


def test_show_as_json_gives_the_letters_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    file = letter_file(reject(b"x" * 20, 1), reject(PROTO, 2), kept=10)
    assert foreshock.main(["deadletter", "show", file, "--json"]) == 0
    assert capsys.readouterr().out == Path(file).read_text()


def test_what_cannot_be_shown_is_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    wide = b'{"a":"' + b"x" * 5000 + b'"}'
    long = json.dumps(list(range(1000))).encode()
    file = letter_file(reject(wide, 1), reject(long, 2), reject(b"\0" * 1000, 3))
    assert foreshock.main(["deadletter", "show", file]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) < 520
    assert len(lines) < 100
    assert "    ... and 744 more bytes" in lines


def test_payloads_come_back_in_order_and_once(capsys: pytest.CaptureFixture[str]) -> None:
    file = letter_file(
        reject(b"10", 0, partition="10"),
        reject(b"2b", 5, partition="2"),
        reject(b"2a", 4, partition="2"),
        reject(b"2b", 5, partition="2", reason="empty"),
        reject(b"other", 5, partition="2"),  # the topic was made anew
    )
    assert replayed(file) == [b"2a", b"2b", b"other", b"10"]
    out = capsys.readouterr().out
    assert "5 rejects of 4 payloads that can be replayed" in out
    assert "4 payloads to back.jsonl" in out


def test_what_was_not_kept_in_full_is_skipped_and_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = letter_file(
        reject(b"short", 1),
        reject(b"long" * 5, 2),
        reject(b"long" * 5, 2, reason="empty"),
        reject(b"!unreadable: gzip stream is damaged", 3, source="files"),
        reject(b"", 4),
        kept=15,
    )
    with Path(file).open("ab") as torn:
        torn.write(b'{"reason":"bad_ti')
    assert replayed(file) == [b"short"]
    out, err = capsys.readouterr()
    assert "skipped 1: cut off" in out
    assert "skipped 1: no payload" in out
    assert "skipped 1: empty" in out
    assert err == "foreshock: left out, as no reject is in it: 1 record\n"


def test_filters_choose_by_reason_and_source() -> None:
    file = letter_file(
        reject(b"1", 1), reject(b"2", 2, reason="empty"), reject(b"3", 3, source="files")
    )
    assert replayed(file, "--reason", "bad_time", "--source", "kafka:m") == [b"1"]


def test_a_json_document_becomes_a_line_and_lines_of_documents_stay_lines() -> None:
    file = letter_file(
        reject(b'{\n  "a": {"b": 1}\n}\n', 1),
        reject(b'{"a":1}\r\n{"b"\n{"c":2}\n', 2),
        reject(b'[\n{"a":1},\n{"b":', 3),
    )
    assert replayed(file) == [
        b'{   "a": {"b": 1} }',
        b'{"a":1}', b'{"b"', b'{"c":2}',
        b'[ {"a":1}, {"b":',
    ]  # fmt: skip


def test_binary_payloads_become_a_file_each(capsys: pytest.CaptureFixture[str]) -> None:
    file = letter_file(reject(PROTO, 12, partition="1"), reject(PROTO + b"\0", 7))
    assert foreshock.main(["deadletter", "replay", file, "--to", "back"]) == 0
    found = {path.name: path.read_bytes() for path in Path("back").iterdir()}
    assert found == {
        "kafka_m_0_000000000007.bin": PROTO + b"\0",
        "kafka_m_1_000000000012.bin": PROTO,
    }
    assert "2 payloads to back" in capsys.readouterr().out


def test_text_and_binary_payloads_come_apart() -> None:
    file = letter_file(reject(PROTO, 1), reject(b"{}", 2))
    assert replayed(file) == [b"{}"]
    assert [path.read_bytes() for path in Path("back.jsonl.binary").iterdir()] == [PROTO]
    assert foreshock.main(["deadletter", "replay", file, "--to", "folder/"]) == 0
    assert Path("folder/kafka_m.jsonl").read_bytes() == b"{}\n"


def test_a_folder_keeps_apart_what_came_from_several_topics_and_files(
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = letter_file(
        reject(b"1", 1),
        reject(b"2", 2, source="kafka:n", partition="1"),
        reject(b"3", 3, source="files", partition="a/x.jsonl.gz"),
        reject(b"4", 3, source="files", partition="a/y.jsonl"),
    )
    assert foreshock.main(["deadletter", "replay", file, "--to", "back"]) == 0
    assert "hint" not in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in Path("back").iterdir()} == {
        "kafka_m.jsonl": b"1\n",
        "kafka_n.jsonl": b"2\n",
        "files_a_x.jsonl": b"3\n",
        "files_a_y.jsonl": b"4\n",
    }
    assert replayed(file) == [b"3", b"4", b"1", b"2"]
    assert "a folder keeps them apart" in capsys.readouterr().out


def test_what_was_replayed_after_a_fix_can_be_peeked_at(capsys: pytest.CaptureFixture[str]) -> None:
    good = {"resource": "i", "cloud": "aws", "service": "aws.ec2", "account": "1", "region": "r",
            "metric": "cpu.utilization", "ts_ms": 1772359200000, "value": 1.5}  # fmt: skip
    file = letter_file(reject(json.dumps(good).encode(), 1))
    assert len(replayed(file)) == 1
    capsys.readouterr()
    assert foreshock.main(["peek", "back.jsonl", "--json"]) == 0
    assert [line["value"] for line in json_lines(capsys)] == [1.5]


def test_a_dry_run_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    file = letter_file(reject(b"1", 1))
    assert foreshock.main(["deadletter", "replay", file, "--to", "back.jsonl", "--dry-run"]) == 0
    assert "would write them to back.jsonl" in capsys.readouterr().out
    assert not Path("back.jsonl").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["list"], "say where: a file or a topic, or -c FILE that names a dead_letter"),
        (["list", "none"], "none: no such file or folder, and without --brokers"),
        (["list", "-c", "s.yaml"], "s.yaml: names no dead_letter"),
        (["list", "-c", "d.yaml"], "gone.jsonl: no such file: nothing has been refused yet?"),
        (["show", "."], ".: must be a file or a topic"),
        (["replay", "dead.jsonl"], "m: no brokers are known: name them by --brokers"),
        (["replay", "dead.jsonl", "--to", "s.yaml"], "--to: s.yaml: must be new, and it exists"),
        (["replay", "dead.jsonl", "--to", "a.gz"], "--to: a.gz: must be a folder or end in"),
        (["replay", "dead.jsonl", "--source", "files"], "say --to: what came from 'files' came"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(
    args: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source = "files" if "files" in args else "kafka:m"
    letter_file(reject(b"1", 1, source=source))
    Path("s.yaml").write_text("sources: [{type: files, paths: [a]}]")
    Path("d.yaml").write_text(
        "sources: [{type: files, paths: [a]}]\ndead_letter: {type: file, path: gone.jsonl}"
    )
    assert foreshock.main(["deadletter", *args]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert message in err


def dead_letter_topic(kafka: Cluster, name: str, *rejects: Reject) -> str:
    topic = kafka.topic(name)
    settings = KafkaOutput(brokers=kafka.bootstrap, topic=topic, max_payload_bytes=1000)
    flow = Dataflow("flow")
    op.output(
        "out", op.input("in", flow, TestingSource(list(rejects))), KafkaDeadLetterSink(settings)
    )
    run_main(flow)
    return topic


def test_a_topic_is_listed_and_shown(kafka: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    topic = dead_letter_topic(
        kafka, "dead.list", reject(b"1", 1), reject(b"x" * 2000, 2), reject(PROTO, 3)
    )
    kafka.produce(topic, b"no reject")
    Path("s.yaml").write_text(
        "sources: [{type: files, paths: [a]}]\n"
        f"dead_letter: {{type: kafka, brokers: '{kafka.bootstrap}', topic: {topic}}}"
    )
    assert foreshock.main(["deadletter", "list", "-c", "s.yaml", "--json"]) == 0
    out, err = capsys.readouterr()
    (group,) = map(json.loads, out.splitlines())
    assert (group["rejects"], group["cut"], group["last"]["position"]) == (3, 1, 3)
    assert err == "foreshock: left out, as no reject is in it: 1 record\n"
    at = ["--brokers", kafka.bootstrap]
    assert foreshock.main(["deadletter", "show", topic, *at, "--json"]) == 0
    assert [line["raw_bytes"] for line in json_lines(capsys)] == [1, 2000, 7]


def test_payloads_go_back_to_the_partitions_that_they_came_from(
    real_kafka: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    origin = real_kafka.topic("dead.origin", partitions=3)
    source = f"kafka:{origin}"
    letters = [
        reject(f"{partition}-{position}".encode(), position, partition=partition, source=source)
        for partition in "201"
        for position in (2, 1)
    ]
    topic = dead_letter_topic(real_kafka, "dead.back", *letters, letters[0])
    at = [topic, "--brokers", real_kafka.bootstrap]
    assert foreshock.main(["deadletter", "replay", *at, "--yes"]) == 0
    assert [message.value() for message in real_kafka.read_all(origin)] == [
        b"0-1", b"0-2", b"1-1", b"1-2", b"2-1", b"2-2",
    ]  # fmt: skip
    out = capsys.readouterr().out
    assert f"6 payloads to {source}" in out
    assert "hint: good points of these payloads come again" in out


def test_another_topic_takes_them_but_is_not_made(
    real_kafka: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    other = real_kafka.topic("dead.other")
    file = letter_file(reject(b"1", 1, partition="7"), reject(PROTO, 2))
    at = [file, "--brokers", real_kafka.bootstrap, "--yes", "--to"]
    assert foreshock.main(["deadletter", "replay", *at, other]) == 0
    assert [message.value() for message in real_kafka.read_all(other)] == [PROTO, b"1"]
    assert foreshock.main(["deadletter", "replay", *at, "kafka:dead.none"]) == 1
    assert "kafka:dead.none: no such topic" in capsys.readouterr().err


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_nothing_goes_to_a_topic_without_a_yes(
    answer: str,
    kafka: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    topic = kafka.topic(f"dead.asked.{len(answer)}")
    file = letter_file(reject(b"1", 1, source=f"kafka:{topic}"))
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert foreshock.main(["deadletter", "replay", file, "--brokers", kafka.bootstrap]) == 1
    err = capsys.readouterr().err
    assert f"Write 1 payload to kafka:{topic}?" in err
    assert "foreshock: nothing was written; --yes writes without asking" in err
    assert kafka.read_all(topic) == []
