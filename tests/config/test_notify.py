"""The settings of notification: what is refused, and how a command finds its store."""

from pathlib import Path

import pytest

from config.app import load_app
from config.notify import NotifySettings
from connectors.incident_store import SqlSink
from flows.notify import store_of

TOPIC = """
sources: [{type: simulator}]
sinks: [{type: kafka, brokers: "localhost:9092", topic: incidents}]
notify:
  log: topic
  store: {url: "sqlite:///own.db"}
  channels: {log: {type: console}}
"""


def test_a_topic_needs_a_store_of_its_own_and_nothing_else_has_one() -> None:
    with pytest.raises(ValueError, match="store must be set where log is topic"):
        NotifySettings(log="topic")
    with pytest.raises(ValueError, match="and nowhere else"):
        NotifySettings(store=SqlSink("sqlite:///own.db"))


def test_the_port_of_metrics_is_a_port() -> None:
    with pytest.raises(ValueError, match=r"metrics_port must be in \[1, 65535\], got 0"):
        NotifySettings(metrics_port=0)


def test_it_is_notified_from_its_own_store_beside_a_topic_else_from_the_flows(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(TOPIC)
    assert store_of(load_app(str(file))).url == "sqlite:///own.db"
    file.write_text("sources: [{type: simulator}]\nsinks: [{type: sql, url: 'sqlite:///a.db'}]\n")
    assert store_of(load_app(str(file))).url == "sqlite:///a.db"


@pytest.mark.parametrize(
    ("sinks", "message"),
    [
        ("[{type: console}]", "sinks must have a topic"),
        ("[{type: sql, url: 'sqlite:///a.db'}]", "sinks must have a topic"),
    ],
)
def test_a_log_that_no_sink_writes_is_refused(sinks: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    lines = [f"sinks: {sinks}" if line.startswith("sinks") else line for line in TOPIC.splitlines()]
    file.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=message):
        store_of(load_app(str(file)))
