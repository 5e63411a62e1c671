"""`foreshock peek`: what is printed of files, standard input and topics."""

import gzip
import io
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

import foreshock
from tests.connectors.formats.payloads import CLOUDWATCH, FORESHOCK
from tests.kafka.broker import free_ports
from tests.kafka.cluster import Cluster

KEYS = [
    "resource", "cloud", "service", "account", "region", "metric", "labels", "ts_ms", "value",
    "unit", "source_metric", "attributes",
]  # fmt: skip
T0 = 1772359200000  # 2026-03-01T10:00:00Z
BAD = b'{"resource": "i-1"}'

Peek = Callable[..., list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KAFKA_BROKERS", raising=False)


@pytest.fixture
def peek(capsys: pytest.CaptureFixture[str]) -> Peek:
    """Run `peek ... --json`, and return the objects that it prints."""

    def run(*args: str) -> list[dict[str, Any]]:
        assert foreshock.main(["peek", *args, "--json"]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def sample(value: float, minute: int = 0, resource: str = "i-1") -> bytes:
    return json.dumps(
        {"resource": resource, "cloud": "aws", "service": "aws.ec2", "account": "1",
         "region": "eu-west-1", "metric": "cpu.utilization", "ts_ms": T0 + 60_000 * minute,
         "value": value}
    ).encode()  # fmt: skip


def counter(reading: float, minute: int, name: str = "shop_orders_total", **labels: str) -> bytes:
    """Return a reading as prometheus-kafka-adapter writes it."""
    known = {"__name__": name, "job": "shop", "instance": "a:80", **labels}
    stamp = f"2026-03-01T10:{minute:02d}:00Z"
    return json.dumps(
        {"timestamp": stamp, "value": str(reading), "name": name, "labels": known}
    ).encode()


def write(name: str, *lines: bytes) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(b"".join(line + b"\n" for line in lines))
    return name


def test_a_sample_is_one_object_with_exactly_these_keys(peek: Peek) -> None:
    (line,) = peek(write("a.jsonl", CLOUDWATCH), "--format", "cloudwatch-json")
    assert list(line) == KEYS
    assert line == {
        "resource": "i-123456789012",
        "cloud": "aws",
        "service": "aws.ec2",
        "account": "1234567890",
        "region": "us-east-1",
        "metric": "cpu.utilization",
        "labels": {},
        "ts_ms": 1611929698000,
        "value": 20 / 3,
        "unit": "percent",
        "source_metric": "CPUUtilization",
        "attributes": {},
    }


def test_attributes_are_an_object(peek: Peek) -> None:
    (line,) = peek(write("a.jsonl", FORESHOCK))
    assert line["attributes"] == {"team": "shop", "tier": "1"}


def test_samples_and_rejects_stand_in_the_order_of_the_input(peek: Peek) -> None:
    lines = peek(write("a.jsonl", sample(1.0), BAD, sample(2.0), b"{", sample(0.5)))
    assert [line.get("value", line.get("reason")) for line in lines] == [
        1.0, "missing_field", 2.0, "malformed_json", 0.5,
    ]  # fmt: skip
    assert list(lines[1])[:2] == ["reject", "reason"]
    assert lines[1]["reject"]
    assert (lines[1]["source"], lines[1]["partition"], lines[1]["position"]) == (
        "files", "a.jsonl", 1,
    )  # fmt: skip


def test_only_rejects_are_printed_if_only_they_are_asked_for(peek: Peek) -> None:
    lines = peek(write("a.jsonl", sample(1.0), BAD, sample(2.0)), "--rejects")
    assert [line["reason"] for line in lines] == ["missing_field"]


def test_a_limit_counts_payloads(peek: Peek) -> None:
    assert len(peek(write("a.jsonl", *(sample(1.0, i) for i in range(9))), "--limit", "4")) == 4


def test_counters_are_differenced_in_event_time_order_and_printed_in_that_of_the_input(
    peek: Peek,
) -> None:
    readings = (counter(100, 0), counter(30, 3), counter(160, 1), counter(170, 2), counter(160, 1))
    file = write("a.json", *readings)
    lines = peek(file)
    # a fall is a reset: 30 since minute 2. Of a point that comes twice, one counts.
    assert [(line["ts_ms"] - T0, line["value"]) for line in lines] == [
        (180_000, 30.0),
        (120_000, 10.0),
        (60_000, 60.0),
    ]
    with_absorbed = peek(file, "--absorbed")
    assert [line.get("absorbed", False) for line in with_absorbed].count(True) == 2
    assert with_absorbed[0]["absorbed"] is True
    assert (with_absorbed[0]["value"], with_absorbed[0]["reading"]) == (None, 100.0)


def test_readings_of_one_stream_in_two_files_are_differenced_together(peek: Peek) -> None:
    write("in/a.jsonl", counter(100, 0), counter(220, 2))
    write("in/b.jsonl", counter(160, 1), counter(400, 3))
    assert [line["value"] for line in peek("in", "--format", "prometheus-json")] == [
        60.0,
        60.0,
        180.0,
    ]


def test_a_rate_is_shown_a_second_and_a_histogram_as_its_mean(peek: Peek) -> None:
    def point(minute: int, **fields: object) -> dict[str, object]:
        stamps = {"startTimeUnixNano": T0 * 10**6, "timeUnixNano": (T0 + 60_000 * minute) * 10**6}
        return stamps | fields

    metrics = [
        {"name": "work.done", "unit": "By", "sum": {
            "aggregationTemporality": 2, "isMonotonic": True,
            "dataPoints": [point(1, asDouble=5), point(2, asDouble=65)]}},
        {"name": "wait", "unit": "ms", "histogram": {
            "aggregationTemporality": 2,
            "dataPoints": [point(1, count="2", sum=10, bucketCounts=["2"], explicitBounds=[]),
                           point(2, count="12", sum=60, bucketCounts=["12"], explicitBounds=[])]}},
    ]  # fmt: skip
    name = {"key": "service.name", "value": {"stringValue": "shop"}}
    scope = {"scopeMetrics": [{"metrics": metrics}], "resource": {"attributes": [name]}}
    lines = peek(write("a.json", json.dumps({"resourceMetrics": [scope]}).encode()))
    shown = {line["metric"]: (line["value"], line["unit"]) for line in lines}
    assert shown["work.done"][0] == 1.0
    assert shown["work.done"][1].endswith("/s")
    assert shown["wait"] == (5.0, "ms")


def test_gauges_before_the_first_counter_keep_their_place(peek: Peek) -> None:
    up = counter(1, 0, "up")
    names = [
        line["source_metric"]
        for line in peek(write("a.json", up, counter(1, 0), up, counter(2, 1)), "--absorbed")
    ]
    assert names == ["up", "shop_orders_total", "up", "shop_orders_total"]


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "json.zst", "anything"])
def test_files_are_read_whatever_their_ending(ending: str, peek: Peek, tmp_path: Path) -> None:
    plain = sample(1.0) + b"\n" + sample(2.0) + b"\n"
    packed = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}
    data = packed.get(Path(f"a.{ending}").suffix, bytes)(plain)
    (tmp_path / f"a.{ending}").write_bytes(data)
    for args in ((), ("--format", "foreshock-json")):
        assert [line["value"] for line in peek(f"a.{ending}", *args)] == [1.0, 2.0]


def test_folders_patterns_and_tables_are_read(peek: Peek) -> None:
    write("in/a.csv", b"resource,metric,timestamp,value", b"i-1,cpu.utilization,1772359200,3")
    write("in/b.jsonl", sample(1.0))
    assert [line["value"] for line in peek("in")] == [3.0, 1.0]
    assert [line["value"] for line in peek("in/*.csv")] == [3.0]


def test_a_manifest_names_the_formats(peek: Peek) -> None:
    write("in/a.jsonl", CLOUDWATCH)
    write("in/manifest.json", b'{"files": {"a.jsonl": "foreshock-json"}}')
    assert [line["partition"] for line in peek("in")] == ["a.jsonl"]  # a reject
    assert "value" in peek("in", "--format", "auto")[0]


@pytest.mark.parametrize("follow", [[], ["--follow"]])
def test_standard_input_is_read(
    follow: list[str], peek: Peek, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = sample(1.0) + b"\r\n\n" + sample(2.0)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert [line.get("value", line.get("reason")) for line in peek("-", *follow)] == [
        1.0, "empty", 2.0,
    ]  # fmt: skip


def test_following_differences_counters_as_they_arrive(
    peek: Peek, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b"\n".join([counter(100, 0), counter(220, 2), counter(160, 1), counter(400, 3)])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert [line["value"] for line in peek("-", "--follow")] == [60.0, 180.0]


def test_a_table_shows_the_first_samples_and_where_they_came_from(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("a.jsonl", BAD, *(sample(i + 0.5, i, "i-\x1b[31m") for i in range(25)))
    assert foreshock.main(["peek", "a.jsonl", "--format", "foreshock-json"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split("  ")[0] == "time (UTC)"
    assert "\x1b" not in out
    assert lines[3].split() == [
        "2026-03-01", "10:02:00", "i-?[31m", "aws.ec2", "cpu.utilization", "2.5", "percent",
        "files:a.jsonl@3", "cpu.utilization",
    ]  # fmt: skip
    assert lines[21] == "... and 5 more"
    assert lines[23].split()[0] == "missing_field"
    assert "payloads 26 · samples 25 · absorbed 0 · rejected 1 (missing_field 1)" in err
    assert "formats foreshock-json" in err


def test_a_table_of_a_limit_shows_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    write("a.jsonl", *(sample(1.0, i) for i in range(30)))
    assert foreshock.main(["peek", "a.jsonl", "--limit", "25"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 26


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["none"], "none: no such file or folder, and without --brokers (or KAFKA_BROKERS, or -c"),
        (["a.jsonl", "--format", "x"], "format must be one of"),
        (["a.jsonl", "--follow"], "--follow needs a topic or standard input"),
        (["*.gz"], "*.gz: must mean at least one file"),
        (["t", "--brokers", "localhost:1", "--format", "x"], "format must be one of"),
        (["t", "--brokers", "localhost:1", "--from", "x"], "--from must be 'earliest', 'latest'"),
        (["a/b", "--brokers", "localhost:1"], "topic must be of letters, digits"),
        (["t", "--brokers", "b:1", "--kafka-property", "x"], "kafka-property must be NAME=VALUE"),
        (["t", "-c", "no_kafka.yaml"], "no_kafka.yaml has no Kafka in it"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(
    args: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.jsonl", sample(1.0))
    write("no_kafka.yaml", b"sources: [{type: files, paths: [a.jsonl]}]")
    assert foreshock.main(["peek", *args]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert message in err


def test_no_broker_is_one_line_and_exit_code_1(capfd: pytest.CaptureFixture[str]) -> None:
    write("s.yaml", b"sources: [{type: kafka, brokers: 'localhost:%d', topics: [t],"
          b" connect_timeout_s: 0.5}]" % free_ports(1)[0])  # fmt: skip
    assert foreshock.main(["peek", "t", "-c", "s.yaml"]) == 1
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert "foreshock: kafka:t: list of partitions: no Kafka broker at localhost" in err


def test_an_interruption_says_so_after_the_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupting(io.BytesIO):
        def read1(self, size: int | None = -1) -> bytes:
            found = super().read1(400)
            if not found:
                raise KeyboardInterrupt
            return found

    text = Interrupting(sample(1.0) + b"\n" + sample(2.0) + b"\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(text))
    assert foreshock.main(["peek", "-", "--follow", "--json"]) == 130
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    counts, said = err.splitlines()
    assert counts.startswith("payloads 2 · samples 2")
    assert said == "foreshock: interrupted"


def test_a_topic_is_read_to_what_is_its_end(kafka: Cluster, peek: Peek) -> None:
    topic = kafka.topic("peek.all")
    kafka.produce(topic, sample(1.0), BAD, sample(2.0), stamps_ms=(T0, T0 + 1000, T0 + 2000))
    lines = peek(topic, "--brokers", kafka.bootstrap)
    assert [line.get("value", line.get("reason")) for line in lines] == [
        1.0, "missing_field", 2.0,
    ]  # fmt: skip
    assert (lines[1]["source"], lines[1]["partition"], lines[1]["position"]) == (
        f"kafka:{topic}", "0", 1,
    )  # fmt: skip
    assert len(peek(topic, "--brokers", kafka.bootstrap, "--from", "2026-03-01T10:00:02Z")) == 1
    assert peek(topic, "--brokers", kafka.bootstrap, "--from", "latest") == []


def test_brokers_come_from_the_environment_and_a_prefix_means_a_topic(
    kafka: Cluster, peek: Peek, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = kafka.topic("peek.env")
    kafka.produce(topic, sample(1.0))
    monkeypatch.setenv("KAFKA_BROKERS", kafka.bootstrap)
    write(topic, sample(7.0))
    assert [line["value"] for line in peek(topic)] == [7.0]
    assert [line["value"] for line in peek(f"kafka:{topic}")] == [1.0]


def test_settings_say_brokers_format_and_encoding_of_a_topic(kafka: Cluster, peek: Peek) -> None:
    topic = kafka.topic("peek.settings")
    kafka.produce(topic, gzip.compress(CLOUDWATCH))
    write(
        "s.yaml",
        f"sources: [{{type: kafka, brokers: '{kafka.bootstrap}', topics: ["
        f"{{name: '{topic}', format: cloudwatch-json, encoding: gzip}}]}}]".encode(),
    )
    assert [line["metric"] for line in peek(topic, "-c", "s.yaml")] == ["cpu.utilization"]
    (line,) = peek(topic, "-c", "s.yaml", "--format", "foreshock-json")
    assert "reason" in line


def test_a_limit_takes_its_share_of_every_partition(real_kafka: Cluster, peek: Peek) -> None:
    topic = real_kafka.topic("peek.shares", partitions=2)
    for partition in (0, 1):
        some = (sample(10.0 * partition + i, i) for i in range(8))
        real_kafka.produce(topic, *some, partition=partition)
    lines = peek(topic, "--brokers", real_kafka.bootstrap, "--limit", "4")
    assert sorted(line["value"] for line in lines) == [0.0, 1.0, 10.0, 11.0]
    every = peek(topic, "--brokers", real_kafka.bootstrap)
    assert [line["value"] for line in every] == [*map(float, range(8)), *map(float, range(10, 18))]


def test_following_waits_for_more(kafka: Cluster, peek: Peek) -> None:
    topic = kafka.topic("peek.follow")
    kafka.produce(topic, sample(1.0))
    found: list[dict[str, Any]] = []
    reading = threading.Thread(
        target=lambda: found.extend(
            peek(topic, "--brokers", kafka.bootstrap, "--follow", "--limit", "3")
        )
    )
    reading.start()
    deadline = time.monotonic() + 20.0
    while reading.is_alive() and time.monotonic() < deadline:
        kafka.produce(topic, sample(2.0))
        reading.join(0.2)
    assert not reading.is_alive()
    assert [line["value"] for line in found] == [1.0, 2.0, 2.0]


def test_an_unknown_topic_is_one_line(
    real_kafka: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert foreshock.main(["peek", "peek.none", "--brokers", real_kafka.bootstrap]) == 1
    said = f"foreshock: kafka:peek.none: no such topic at {real_kafka.bootstrap}\n"
    assert capsys.readouterr().err == said
