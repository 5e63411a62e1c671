"""What pipelines announce comes into the control log by itself, once, in time."""

import json
import logging
import time
from datetime import timedelta
from pathlib import Path

import pytest
from confluent_kafka import Producer

from connectors.control_log import FileControlLog, soonest_ms
from connectors.deploy_feed import DeployFeed, DeployFile, DeployTail
from connectors.kafka_client import KafkaUnavailableError
from connectors.kafka_deploys import DeploysTopic, deploy_tails, read_deploys_topic
from schema import Deploy, Matcher
from tests.connectors.fakes import START
from tests.kafka.cluster import Cluster

START_MS = int(START.timestamp() * 1000)
TICK_S, DAY_MS = 60, 86_400_000
DEADLINE_S = 30.0


def line(name: str, ts_ms: int) -> str:
    return json.dumps({"id": name, "ts_ms": ts_ms, "version": "v4", "application": "shop"}) + "\n"


def deploy(name: str, ts_ms: int, at_ms: int | None = None) -> Deploy:
    return Deploy(name, ts_ms, "v4", (Matcher("application", "=", "shop"),), at_ms=at_ms)


def feed_of(folder: Path, *, live: bool, tails: list[DeployTail] | None = None) -> DeployFeed:
    log = FileControlLog(folder / "log")
    tails = [DeployFile(folder / "deploys.jsonl")] if tails is None else tails
    return DeployFeed(tails, log, TICK_S, live=live)


def logged(folder: Path) -> list[object]:
    return list(FileControlLog(folder / "log").read())


def test_a_replay_has_each_when_it_was_and_once_however_often_it_starts(tmp_path: Path) -> None:
    (tmp_path / "deploys.jsonl").write_text(line("d2", 120_000) + line("d1", 60_000) + "\n")
    for _ in range(2):
        feed = feed_of(tmp_path, live=False)
        assert feed.pull(START)
        assert feed.pull(START)
        feed.close()
    assert logged(tmp_path) == [deploy("d1", 60_000), deploy("d2", 120_000)]


def test_a_live_flow_has_each_as_soon_as_it_can_take_it_up(tmp_path: Path) -> None:
    file = tmp_path / "deploys.jsonl"
    file.write_text(line("old", START_MS - 5_000) + line("planned", START_MS + DAY_MS) + '{"id":')
    feed = feed_of(tmp_path, live=True)
    feed.pull(START)
    soon_ms = soonest_ms(START, TICK_S)
    wanted = [deploy("old", soon_ms, START_MS - 5_000), deploy("planned", START_MS + DAY_MS)]
    assert logged(tmp_path) == wanted
    file.write_text(line("old", START_MS - 5_000) + line("next", START_MS))  # shorter: anew
    feed.pull(START + timedelta(minutes=5))
    assert logged(tmp_path) == [*wanted, deploy("next", soon_ms + 300_000, START_MS)]


def test_a_line_that_grows_is_read_when_it_is_whole(tmp_path: Path) -> None:
    file, whole = tmp_path / "deploys.jsonl", line("d1", 60_000)
    file.write_text(whole[:20])
    feed = feed_of(tmp_path, live=False)
    feed.pull(START)
    assert logged(tmp_path) == []
    file.write_text(whole)
    feed.pull(START)
    assert logged(tmp_path) == [deploy("d1", 60_000)]


def test_what_says_no_deploy_is_told_with_its_line_and_holds_nothing_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "deploys.jsonl"
    file.write_text(line("d1", 1))
    feed = feed_of(tmp_path, live=False)
    feed.pull(START)
    with file.open("a") as more:
        more.write('{\n{"id": "x", "ts_ms": 1}\n' + "[" * 3_000 + "\n" + line("d2", 2))
    with caplog.at_level(logging.WARNING, "connectors.deploy_lines"):
        feed.pull(START)
    assert logged(tmp_path) == [deploy("d1", 1), deploy("d2", 2)]
    assert [message.split(": ")[0] for message in caplog.messages] == [
        f"{file}:{number}" for number in (2, 3, 4)
    ]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"deploys\.jsonl: no such file"):
        feed_of(tmp_path, live=True)


def test_who_does_not_answer_is_asked_again_and_holds_up_nobody_else(tmp_path: Path) -> None:
    class Away:
        def __init__(self) -> None:
            self.there = False

        def read(self) -> list[Deploy] | None:
            return [deploy("d2", 2)] if self.there else None

        def close(self) -> None:
            pass

    (tmp_path / "deploys.jsonl").write_text(line("d1", 1))
    away = Away()
    feed = feed_of(tmp_path, live=False, tails=[away, DeployFile(tmp_path / "deploys.jsonl")])
    assert not feed.pull(START)
    assert logged(tmp_path) == [deploy("d1", 1)]
    away.there = True
    assert feed.pull(START)
    assert logged(tmp_path) == [deploy("d1", 1), deploy("d2", 2)]


def test_a_topic_is_read_on_all_its_partitions_and_on(kafka: Cluster, tmp_path: Path) -> None:
    topic = kafka.topic("deploys", 2)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(topic, value=line("d1", 1) + line("d3", 3), partition=0)
    producer.produce(topic, value=line("d2", 2).strip(), partition=1)
    producer.produce(topic, value="no deploy", partition=1)
    assert producer.flush(DEADLINE_S) == 0
    settings = DeploysTopic(brokers=kafka.bootstrap, topic=topic)
    assert {each.id for each in read_deploys_topic(settings)} == {"d1", "d2", "d3"}
    feed = feed_of(tmp_path, live=False, tails=[*deploy_tails(settings)])
    wait_for(feed, tmp_path, 3)
    producer.produce(topic, value=line("d4", 4), partition=1)
    assert producer.flush(DEADLINE_S) == 0
    wait_for(feed, tmp_path, 4)
    feed.close()
    with pytest.raises(KafkaUnavailableError, match="no such topic"):
        deploy_tails(DeploysTopic(brokers=kafka.bootstrap, topic="nothing-here"))


def wait_for(feed: DeployFeed, folder: Path, count: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while len(logged(folder)) < count and time.monotonic() < deadline:
        feed.pull(START)
    assert len(logged(folder)) == count
