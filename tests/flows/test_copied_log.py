"""Notification from a topic: whatever a flow repeats is told once, and a stop loses nothing."""

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from config.app import App
from connectors.incident_store import IncidentStore, SqlSink
from connectors.incident_wire import encode_transition
from connectors.kafka_client import KafkaUnavailableError
from connectors.kafka_settings import KafkaOutput
from schema import Event, State, Transition
from tests.flows.test_notify import Taker, running, settings, until
from tests.kafka.cluster import Cluster
from tests.operators.timelines import START_MS, STATES, incident


def reading(kafka: Cluster, topic: str, folder: Path) -> App:
    """Return settings that notify from a topic alone."""
    app = settings("sqlite:///unused.db")
    own = SqlSink(f"sqlite:///{folder / 'notify.db'}")
    return msgspec.structs.replace(
        app,
        sinks=(KafkaOutput(brokers=kafka.bootstrap, topic=topic),),
        notify=msgspec.structs.replace(app.notify, log="topic", store=own),
    )


@pytest.fixture
def say(real_kafka: Cluster) -> Callable[..., None]:
    def write(topic: str, *events: tuple[str, int, Event], partition: int = 0) -> None:
        for name, revision, event in events:
            state: State = STATES.get(event, "open")
            said = incident(name, name, revision=revision, state=state)
            line = encode_transition(Transition(event, START_MS, "foreshock", "so", said))
            real_kafka.produce(topic, line, partition=partition)

    return write


def test_what_a_flow_repeats_is_told_once_and_a_stop_loses_nothing(
    real_kafka: Cluster,
    say: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    topic = real_kafka.topic("copied", partitions=2)
    app = reading(real_kafka, topic, tmp_path)
    say(topic, ("inc-old", 1, "opened"), ("inc-old", 2, "closed"), ("inc-new", 1, "opened"))
    taker = Taker()
    with running(app, {"page": taker}, monkeypatch):
        until(lambda: taker.said() == ["trigger inc-new"])  # the past is not told
        real_kafka.produce(topic, b"{no event}", partition=1)
        say(topic, ("inc-b", 1, "opened"), partition=1)
        until(lambda: taker.said()[1:] == ["trigger inc-b"])
    say(topic, ("inc-new", 2, "resolved"), ("inc-new", 3, "closed"), ("inc-c", 1, "opened"))
    with running(app, {"page": taker}, monkeypatch):
        until(lambda: len(taker.took) == 4)
        say(topic, ("inc-new", 1, "opened"), ("inc-new", 2, "resolved"), ("inc-new", 3, "closed"),
            ("inc-c", 1, "opened"), ("inc-d", 1, "opened"))  # a crash; then it goes on  # fmt: skip
        until(lambda: taker.said()[4:] == ["trigger inc-d"])
    assert sorted(taker.said()[2:4]) == ["resolve inc-new", "trigger inc-c"]
    assert "is no incident event, and skipped" in caplog.text
    store = IncidentStore(f"sqlite:///{tmp_path / 'notify.db'}")
    assert [each.event for each in store.history("inc-new")] == ["opened", "resolved", "closed"]
    store.close()


def test_what_retention_took_is_passed_over(
    real_kafka: Cluster,
    say: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    topic = real_kafka.topic("overtaken")
    app = reading(real_kafka, topic, tmp_path)
    taker = Taker()
    say(topic, ("inc-a", 1, "opened"))
    with running(app, {"page": taker}, monkeypatch):
        until(lambda: taker.said() == ["trigger inc-a"])
    say(topic, ("inc-b", 1, "opened"), ("inc-c", 1, "opened"))
    admin = AdminClient({"bootstrap.servers": real_kafka.bootstrap})
    for done in admin.delete_records([TopicPartition(topic, 0, 2)]).values():
        done.result()
    with running(app, {"page": taker}, monkeypatch):
        until(lambda: taker.said() == ["trigger inc-a", "trigger inc-c"])
    assert "going on at the first event that is kept" in caplog.text


def test_a_topic_that_is_not_there_is_named(
    real_kafka: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = reading(real_kafka, real_kafka.name("absent"), tmp_path)
    with (
        pytest.raises(KafkaUnavailableError, match="absent: no such topic"),
        running(app, {"page": Taker()}, monkeypatch),
    ):
        pass
