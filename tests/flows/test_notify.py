"""Notification as a whole: a database that goes, a channel that hangs, a process that was down."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from config.app import App
from config.notify import NotifySettings
from connectors.channels.channel import Message, Outcome, Sent
from connectors.channels.console import ConsoleSettings
from connectors.incident_store import IncidentStore, SqlSink
from connectors.outbox import Outbox
from connectors.simulator.settings import SimulatorSource
from connectors.sole import Sole, TakenError
from flows import notify
from flows.notify import open_notification
from operators.routes import Route
from schema import Incident, Transition
from tests.operators.timelines import START_MS, incident
from tests.postgres.server import Postgres

DEADLINE_S = 60.0


class Taker:
    """A channel that remembers what it took, once it is let."""

    def __init__(self) -> None:
        self.took: list[Message] = []
        self.lets = threading.Event()
        self.lets.set()
        self.asked = threading.Event()

    def send(self, message: Message) -> Outcome:
        self.asked.set()
        assert self.lets.wait(DEADLINE_S)
        self.took.append(message)
        return Sent("m")

    def close(self) -> None:
        pass

    def said(self) -> list[str]:
        return [f"{each.notice.kind} {each.dedup_key}" for each in self.took]


def settings(url: str, names: tuple[str, ...] = ("page",)) -> App:
    channels = {name: ConsoleSettings(rate_messages=1_000) for name in names}
    told = NotifySettings(channels=dict(channels), route=Route(channels=names, repeat_s=0.0))
    return App(sources=(SimulatorSource(),), sinks=(SqlSink(url, wait_s=30.0),), notify=told)


@contextmanager
def running(app: App, takers: dict[str, Taker], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Notify in a thread until the block ends; what it raises fails the test."""
    left = list(takers.values())
    monkeypatch.setattr(notify, "open_channel", lambda _: left.pop(0) if left else Taker())
    monkeypatch.setattr(notify, "POLL_S", 0.02)
    stop, failed = threading.Event(), list[BaseException]()
    opened = open_notification(app, lambda: START_MS, stop)

    def run() -> None:
        try:
            opened.run()
        except BaseException as ex:  # noqa: BLE001  # raised below
            failed.append(ex)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failed:
        raise failed[0]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be"
        threading.Event().wait(0.01)


def say(store: IncidentStore, *incidents: Incident) -> None:
    store.record([Transition("opened", START_MS, "foreshock", "so", each) for each in incidents])


@pytest.mark.usefixtures("postgres")  # or there is none, and the test is skipped
def test_a_database_that_is_away_is_waited_for_and_nothing_is_told_twice(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    taker = Taker()
    with Postgres() as server:
        url = server.database()
        store = IncidentStore(url, create=True)
        with running(settings(url), {"page": taker}, monkeypatch):
            say(store, incident("inc-1"))
            until(lambda: taker.said() == ["trigger inc-1"])
            taker.lets.clear()
            taker.asked.clear()
            say(store, incident("inc-2"))
            assert taker.asked.wait(DEADLINE_S)
            server.stop()  # while a message is being sent: it is taken, and cannot be marked
            taker.lets.set()
            until(lambda: "is away, and waited for" in caplog.text)
            server.start()
            say(store, incident("inc-3"))
            until(lambda: len(taker.took) == 3)
        outbox = Outbox(url)
        assert outbox.counts() == {("page", "sent"): 3}
        outbox.close()
        store.close()
    assert taker.said() == ["trigger inc-1", "trigger inc-2", "trigger inc-3"]
    assert [r.getMessage().split(": is ")[1][:4] for r in caplog.records
            if r.name == "connectors.outage"] == ["away", "back"]  # fmt: skip


@pytest.mark.usefixtures("postgres")
def test_a_stop_does_not_wait_for_a_database_that_is_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with Postgres() as server:
        url = server.database()
        with running(settings(url), {"page": Taker()}, monkeypatch):
            server.stop()
            until(lambda: "is away, and waited for" in caplog.text)
    assert "the store is away: what is being sent may be sent again" in caplog.text


def test_a_channel_that_hangs_slows_neither_decisions_nor_other_channels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'incidents.db'}"
    store = IncidentStore(url, create=True)
    stuck, free = Taker(), Taker()
    stuck.lets.clear()
    with running(settings(url, ("a", "b")), {"a": stuck, "b": free}, monkeypatch):
        say(store, *(incident(f"inc-{i}") for i in range(20)))
        outbox = Outbox(url)
        until(lambda: outbox.counts() == {("a", "due"): 20, ("b", "sent"): 20})
        outbox.close()
        assert stuck.took == []
        stuck.lets.set()
        until(lambda: len(stuck.took) == 20)
    store.close()


def test_a_stop_ends_after_the_message_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'incidents.db'}"
    store = IncidentStore(url, create=True)
    taker = Taker()
    taker.lets.clear()
    with running(settings(url), {"page": taker}, monkeypatch):
        say(store, *(incident(f"inc-{i}") for i in range(20)))
        assert taker.asked.wait(DEADLINE_S)
        threading.Timer(0.1, taker.lets.set).start()
    assert len(taker.took) == 1
    outbox = Outbox(url)
    assert outbox.counts() == {("page", "due"): 19, ("page", "sent"): 1}
    outbox.close()
    store.close()


def test_two_do_not_notify_from_one_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = settings(f"sqlite:///{tmp_path / 'incidents.db'}")
    monkeypatch.setattr(notify, "Sole", partial(Sole, take_s=0.1))
    with running(app, {"page": Taker()}, monkeypatch), pytest.raises(TakenError):
        open_notification(app, lambda: START_MS, threading.Event())
