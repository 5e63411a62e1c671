"""Waiting for a database that is away: the flow stands still meanwhile, and loses nothing."""

import logging
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
    that it is back.
    """

    def __init__(
        self,
        name: str,
        wait_s: float,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._wait_s = wait_s
        self._sleep = sleep
        self._monotonic = monotonic

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
                if not isinstance(ex, _AWAY) or self._monotonic() + wait_s > until:
                    raise
                if wait_s == FIRST_WAIT_S:
                    said = " ".join(str(ex.orig).split())
                    _log.warning("%s: does not take what is to be stored: %s", self._name, said)
            else:
                if wait_s > FIRST_WAIT_S:
                    _log.info("%s: stores again", self._name)
                return done
            self._sleep(wait_s)
            wait_s = min(MOST_WAIT_S, wait_s * 2)
