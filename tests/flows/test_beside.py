"""Notification beside a run: started again, stopped with it, and never in its way."""

import logging
import urllib.request
from pathlib import Path

import msgspec
import pytest

from config.app import App
from config.notify import NotifySettings
from connectors.channels.webhook import WebhookSettings
from connectors.incident_store import IncidentStore, SqlSink
from connectors.secret import Secret
from connectors.simulator.settings import SimulatorSource
from flows import beside
from flows.beside import TAKEN, Beside, Child, notifying, start_child
from tests.connectors.channels.provider import Asked, Reply, provider
from tests.flows.small_children import started
from tests.flows.test_notify import say, until
from tests.kafka.broker import free_ports
from tests.operators.timelines import incident

APP = App(sources=(SimulatorSource(),))


class Starter:
    """Starts small processes, and remembers them."""

    def __init__(self, how: str, code: int) -> None:
        self.how, self.code = how, code
        self.restarts: list[int] = []
        self.children: list[Child] = []

    def __call__(self, _app: App, restarts: int) -> Child:
        self.restarts.append(restarts)
        self.children.append(Child(*started(self.how, self.code)))
        return self.children[-1]


def test_it_is_started_again_at_growing_waits(caplog: pytest.LogCaptureFixture) -> None:
    starter = Starter("ends", 5)
    kept = Beside(APP, starter, first_wait_s=0.01)
    until(lambda: len(starter.restarts) >= 3)
    kept.stop()
    assert starter.restarts[:3] == [0, 1, 2]
    said = [record.getMessage() for record in caplog.records]
    assert said[:2] == [
        "notification has ended with code 5: again in 0.01 s",
        "notification has ended with code 5: again in 0.02 s",
    ]


def test_where_another_notifies_it_stands_by_and_says_so_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "MOST_WAIT_S", 0.01)
    starter = Starter("ends", TAKEN)
    kept = Beside(APP, starter)
    until(lambda: len(starter.restarts) >= 3)
    kept.stop()
    assert starter.restarts[:3] == [0, 0, 0]
    assert [record.getMessage() for record in caplog.records] == [
        "another process notifies from the store: this one stands by"
    ]


@pytest.mark.parametrize(("finish", "code"), [(False, 7), (True, 8)])
def test_it_ends_with_the_run(finish: bool, code: int) -> None:
    starter = Starter("obeys", 7)
    kept = Beside(APP, starter)
    until(lambda: bool(starter.children))
    kept.finish() if finish else kept.stop()
    kept.stop()
    assert [each.process.exitcode for each in starter.children] == [code]


def test_one_that_does_not_end_is_ended(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "STOP_S", 0.1)
    starter = Starter("hears_nothing", 0)
    kept = Beside(APP, starter)
    until(lambda: bool(starter.children))
    kept.stop()
    assert starter.children[0].process.exitcode == -9
    assert "notification did not end in time" in caplog.text


def test_it_is_off_without_channels_or_by_the_setting() -> None:
    hook = WebhookSettings(url=Secret(env="HOOK"))
    off = NotifySettings(channels={"hook": hook}, inside=False)
    for app in (APP, msgspec.structs.replace(APP, notify=off)):
        with notifying(app) as kept:
            assert kept is None


def test_channels_and_nothing_to_notify_from_are_refused() -> None:
    told = NotifySettings(channels={"hook": WebhookSettings(url=Secret(env="HOOK"))})
    with (
        pytest.raises(ValueError, match="sinks must have an incident store"),
        notifying(msgspec.structs.replace(APP, notify=told)),
    ):
        pass


def test_killed_it_goes_on_where_it_stood_and_what_is_due_is_sent_before_it_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    told: list[str] = []

    def answer(asked: Asked) -> Reply:
        told.append(str(asked.body["dedup_key"]))
        return Reply()

    (port,) = free_ports(1)
    children: list[Child] = []

    def start(app: App, restarts: int) -> Child:
        children.append(start_child(app, restarts))
        return children[-1]

    store = IncidentStore(f"sqlite:///{tmp_path / 'incidents.db'}", create=True)
    with provider(answer) as served:
        monkeypatch.setenv("HOOK", served.url)
        hook = WebhookSettings(url=Secret(env="HOOK"), allow_private=True)
        app = App(
            sources=(SimulatorSource(),),
            sinks=(SqlSink(f"sqlite:///{tmp_path / 'incidents.db'}"),),
            notify=NotifySettings(channels={"hook": hook}, metrics_port=port),
        )
        kept = Beside(app, start, first_wait_s=0.01)
        say(store, incident("inc-1"))
        until(lambda: told == ["inc-1"])
        children[0].process.kill()
        say(store, incident("inc-2"))
        until(lambda: "inc-2" in told)
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30).read()
        say(store, incident("inc-3"))
        kept.finish()
    store.close()
    assert b"foreshock_notify_restarts_total 1.0" in page
    assert told in (["inc-1", "inc-2", "inc-3"], ["inc-1", "inc-1", "inc-2", "inc-3"])
    assert [each.process.exitcode for each in children] == [-9, 0]
