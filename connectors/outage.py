"""Waiting for a database that is away: the flow stands still meanwhile, and loses nothing."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError

X = TypeVar("X")

_log = logging.getLogger(__name__)

FIRST_WAIT_S, MOST_WAIT_S = 0.1, 5.0
_AWAY = (OperationalError, InterfaceError, InternalError)  # not what the statement itself is for


class Patience:
    """Does a piece of work again until the database takes it, for `wait_s` at most.

    The work is one transaction that may be repeated. Says once that the database is away, and once
    that it is back, to the log and to `report`; threads may share it. Once `stop` is set nothing is
    waited for any more.
    """

    def __init__(
        self,
        name: str,
        wait_s: float,
        *,
        stop: threading.Event | None = None,
        report: Callable[[bool], None] | None = None,
        sleep: Callable[[float], object] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._wait_s = wait_s
        self._stop = stop or threading.Event()
        self._report = report
        self._sleep = sleep or self._stop.wait
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._away = False

    def __call__(self, work: Callable[[], X]) -> X:
        """Return what the work returns.

        Raises: what the work raised last, when the time is up, or at once if waiting cannot help.
        """
        until = self._monotonic() + self._wait_s
        wait_s = FIRST_WAIT_S
        while True:
            try:
                done = work()
            except DBAPIError as ex:
                over = self._stop.is_set() or self._monotonic() + wait_s > until
                if over or not isinstance(ex, _AWAY):
                    raise
                if wait_s > FIRST_WAIT_S:  # else a connection of before, in a thread that slept
                    self._note(away=True, why=" ".join(str(ex.orig).split()))
            else:
                self._note(away=False)
                return done
            self._sleep(wait_s)
            wait_s = min(MOST_WAIT_S, wait_s * 2)

    def _note(self, *, away: bool, why: str = "") -> None:
        if self._away == away:
            return
        with self._lock:
            if self._away == away:
                return
            self._away = away
        if away:
            _log.warning("%s: is away, and waited for: %s", self._name, why)
        else:
            _log.info("%s: is back", self._name)
        if self._report is not None:
            self._report(not away)


IMPATIENT = Patience("", 0.0)  # what is away is an error
