"""Notification in a process of its own beside a run, which it can neither slow nor end.

It is started again when it ends, at growing waits, and stops with the run. Where another process
notifies from the same store it stands by.
"""

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import NamedTuple

from config.app import App
from connectors.sole import TakenError
from connectors.source import wall_clock
from flows.cluster import signals_blocked
from flows.failure import explain
from flows.logs import Format, log_format, log_to_stderr
from flows.notify import open_notification, store_of

_log = logging.getLogger(__name__)

FIRST_WAIT_S, MOST_WAIT_S = 1.0, 60.0
GOOD_S = 60.0  # who has run for so long begins anew with short waits
STOP_S = 10.0  # for the messages at hand
FINISH_S = 30.0  # for all that is due, where the sources have ended
TAKEN = 3  # exit code: another process notifies
_STOP, _FINISH = "stop", "finish"


class Child(NamedTuple):
    """The process, and where it hears us."""

    process: BaseProcess
    wire: "Connection[str, str]"


Start = Callable[[App, int], Child]
"""Starts a process that notifies; given how often it has been started before."""


@contextmanager
def notifying(app: App) -> Iterator["Beside | None"]:
    """Notify for as long as the block runs, where the settings have channels and say so.

    Raises: ValueError where there is nothing to notify from.
    """
    if not app.notify.channels or not app.notify.inside:
        yield None
        return
    store_of(app)
    beside = Beside(app, start_child)
    try:
        yield beside
    finally:
        beside.stop()


class Beside:
    """Keeps a process running."""

    def __init__(self, app: App, start: Start, first_wait_s: float = FIRST_WAIT_S) -> None:
        self._app = app
        self._start = start
        self._first_wait_s = first_wait_s
        self._word = ""
        self._over = threading.Event()
        self.restarts = 0
        self._thread = threading.Thread(target=self._keep, name="notify", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Let it send all that is due, for a while, and end."""
        self._end(_FINISH)

    def stop(self) -> None:
        """Let it end after the messages at hand."""
        self._end(_STOP)

    def _end(self, word: str) -> None:
        self._word = self._word or word
        self._over.set()
        self._thread.join()

    def _keep(self) -> None:
        wait_s, taken = self._first_wait_s, False
        while not self._over.is_set():
            began_s = time.monotonic()
            child = self._start(self._app, self.restarts)
            while not self._over.is_set() and not wait([child.process.sentinel], 0.2):
                pass
            if self._over.is_set():
                self._let_go(child)
                return
            child.process.join()
            code = child.process.exitcode
            child.wire.close()
            if time.monotonic() - began_s >= GOOD_S:
                wait_s = self._first_wait_s
            if code == TAKEN:
                wait_s = MOST_WAIT_S
                if not taken:
                    _log.warning("another process notifies from the store: this one stands by")
            else:
                _log.error("notification has ended with code %s: again in %g s", code, wait_s)
                self.restarts += 1
            taken = code == TAKEN
            self._over.wait(wait_s)
            wait_s = min(wait_s * 2, MOST_WAIT_S)

    def _let_go(self, child: Child) -> None:
        with suppress(OSError):
            child.wire.send(self._word)
        child.process.join(FINISH_S if self._word == _FINISH else STOP_S)
        if child.process.is_alive():
            _log.warning("notification did not end in time: what is due is sent at the next start")
            child.process.kill()
            child.process.join()
        child.wire.close()


def start_child(app: App, restarts: int) -> Child:
    """Start a process that notifies until it is told to end, or we are gone."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    level = logging.getLogger().getEffectiveLevel()
    process = context.Process(
        target=_notify, args=(app, theirs, restarts, level, log_format()), name="foreshock-notify"
    )
    with signals_blocked():  # and so in the child, until it ignores them
        process.start()
    theirs.close()
    return Child(process, ours)


def _notify(
    app: App, wire: "Connection[str, str]", restarts: int, level: int, form: Format
) -> None:
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)  # the run says when
    log_to_stderr(level, form)
    stop, finish = threading.Event(), threading.Event()
    threading.Thread(target=_obey, args=(wire, stop, finish), daemon=True).start()
    try:
        notification = open_notification(app, _now_ms, stop, finish=finish, restarts=restarts)
        notification.run()
    except TakenError:
        os._exit(TAKEN)
    except BaseException as ex:  # noqa: BLE001  # the run logs that it has ended, not why
        _log.error("notification: %s", explain(ex).message)  # one line
        os._exit(1)


def _obey(wire: "Connection[str, str]", stop: threading.Event, finish: threading.Event) -> None:
    try:
        word = wire.recv()
    except (EOFError, OSError):
        word = _STOP  # the run is gone
    (finish if word == _FINISH else stop).set()


def _now_ms() -> int:
    return round(wall_clock().timestamp() * 1000)
