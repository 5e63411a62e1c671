"""An API's event stream, followed on a thread of its own and handed on when asked for."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import httpx
import msgspec

from schema.desk import Change
from terminal.backend import Away, Missed

MOST_WAITING = 5_000  # changes that nobody has asked for yet
RETRY_S = 2.0
Connect = Callable[[int | None], AbstractContextManager[httpx.Response]]


class Listening:
    """Follows the stream from when it is first asked, and takes it up again where it was cut."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._waiting: deque[Change] = deque()
        self._sequence: int | None = None
        self._missed = False
        self._away = "nothing has been heard yet"
        self._settled = threading.Event()  # connected, or found that it cannot be
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self, wait_s: float) -> list[Change]:
        """Return what has come since it was last asked.

        Raises: Away while there is no stream, Missed if not all that came could be heard.
        """
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._follow, name="foreshock-events", daemon=True
            )
            self._thread.start()
        self._settled.wait(wait_s)
        with self._lock:
            if self._away:
                raise Away(self._away)
            if self._missed:
                self._missed = False
                self._waiting.clear()
                raise Missed("more has changed than was heard")
            found = list(self._waiting)
            self._waiting.clear()
            return found

    def close(self) -> None:
        """Follow no longer."""
        self._ended.set()

    def _follow(self) -> None:
        while not self._ended.is_set():
            words = "the event stream has ended"
            try:
                with self._connect(self._sequence) as response:
                    self._heard_from(response)
            except (Away, httpx.HTTPError, msgspec.MsgspecError) as ex:
                words = str(ex) or type(ex).__name__
            with self._lock:
                self._away = words
                self._missed = self._missed or self._sequence is None
            self._settled.set()
            self._ended.wait(RETRY_S)

    def _heard_from(self, response: httpx.Response) -> None:
        for kind, data in events(self._begun(response.iter_lines())):
            if self._ended.is_set() or kind == "dropped":
                return
            if kind == "transition":
                self._keep(msgspec.json.decode(data, type=Change))
            elif kind == "reset":
                with self._lock:
                    self._missed = True

    def _begun(self, lines: Iterator[str]) -> Iterator[str]:
        """Pass lines on. From the first one on all that changes is told, and not before."""
        for line in lines:
            if self._away:
                with self._lock:
                    self._away = ""
                self._settled.set()
            yield line

    def _keep(self, change: Change) -> None:
        with self._lock:
            self._sequence = change.sequence
            self._waiting.append(change)
            if len(self._waiting) > MOST_WAITING:
                self._waiting.clear()
                self._missed = True


def events(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield kind and data of each event of a stream.

    >>> list(events(iter(["event: reset", "data: {}", "", ": still here", ""])))
    [('reset', '{}')]

    Source: the HTML standard's event stream format, of which one line of data is used.
    """
    kind, data = "message", ""
    for line in lines:
        if not line:
            if data:
                yield kind, data
            kind, data = "message", ""
        elif line.startswith("event:"):
            kind = line[6:].strip()
        elif line.startswith("data:"):
            data += line[5:].strip()
