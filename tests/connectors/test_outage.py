"""A database that is away is waited for, so long and no longer."""

import logging
import sqlite3
import threading

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from connectors.incident_store import IncidentStore, IncidentStoreSink, SqlSink
from connectors.outage import Patience
from tests.connectors.made_transitions import OPENED, later
from tests.postgres.server import Postgres


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now, self.slept = 100.0, list[float]()

    def sleep(self, wait_s: float) -> None:
        self.now += wait_s
        self.slept.append(wait_s)


def away() -> OperationalError:
    return OperationalError("INSERT", {}, sqlite3.OperationalError("refused\nby peer"))


def patience(time: Time, wait_s: float) -> Patience:
    return Patience("the store", wait_s, sleep=time.sleep, monotonic=lambda: time.now)


def test_work_is_done_again_until_it_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    time, failures = Time(), [away() for _ in range(8)]

    def work() -> str:
        if failures:
            raise failures.pop()
        return "stored"

    with caplog.at_level(logging.INFO):
        assert patience(time, 60.0)(work) == "stored"
    assert time.slept == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert [record.getMessage() for record in caplog.records] == [
        "the store: is away, and waited for: refused by peer",
        "the store: is back",
    ]


def test_patience_ends() -> None:
    time = Time()

    def work() -> None:
        raise away()

    with pytest.raises(OperationalError):
        patience(time, 10.0)(work)
    assert 100.0 < time.now <= 110.0


def test_it_is_said_once_however_many_wait() -> None:
    said: list[bool] = []
    tried = threading.local()
    back = threading.Barrier(4)
    time = Time()
    patient = Patience("x", 60.0, report=said.append, sleep=time.sleep, monotonic=lambda: time.now)

    def work() -> None:
        tried.times = getattr(tried, "times", 0) + 1
        if tried.times < 4:
            raise away()
        back.wait(30)

    threads = [threading.Thread(target=patient, args=(work,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [False, True]


def test_a_failure_that_does_not_come_again_is_not_worth_a_word() -> None:
    said: list[bool] = []
    time, failures = Time(), [away()]

    def work() -> None:
        if failures:
            raise failures.pop()

    Patience("x", 60.0, report=said.append, sleep=time.sleep, monotonic=lambda: time.now)(work)
    assert said == []


def test_who_is_asked_to_stop_waits_no_more() -> None:
    stop, tried = threading.Event(), 0
    patient = Patience("x", 60.0, stop=stop)

    def work() -> None:
        nonlocal tried
        tried += 1
        stop.set()
        raise away()

    with pytest.raises(OperationalError):
        patient(work)
    assert tried == 1


def test_what_waiting_cannot_help_is_raised_at_once() -> None:
    time = Time()

    def work() -> None:
        raise IntegrityError("INSERT", {}, sqlite3.IntegrityError("twice"))

    with pytest.raises(IntegrityError):
        patience(time, 10.0)(work)
    assert time.slept == []


@pytest.mark.usefixtures("postgres")  # or there is none, and the test is skipped
def test_events_written_while_postgresql_was_restarted_are_stored_once() -> None:
    with Postgres() as server:
        url = server.database()
        sink = IncidentStoreSink(SqlSink(url, wait_s=30.0)).build_part("out", "incidents", None)
        sink.write_batch([OPENED])
        server.stop()
        back = threading.Timer(0.5, server.start)
        back.start()
        sink.write_batch([OPENED, later("inc-1", 2)])
        back.join()
        sink.close()
        store = IncidentStore(url)
        assert [each.incident.revision for each in store.history("inc-1")] == [1, 2]
        store.close()
