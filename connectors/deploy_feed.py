"""From where pipelines announce deploys into the control log, once each: a file that grows, topics.

A deploy is known by its id, so nothing has to be remembered but the log itself: a flow that starts
anew reads all that was announced, and writes what the log lacks.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from connectors.control_log import ControlLog, soonest_ms
from connectors.deploy_lines import heard, in_time
from schema import Deploy


class DeployTail(Protocol):
    """A reader of announcements that goes on where it stood."""

    def read(self) -> Sequence[Deploy] | None:
        """Return what was announced since the last call; None: it cannot be had now."""
        ...

    def close(self) -> None:
        """Let go of the outside system."""
        ...


class DeployFile:
    """A file of JSON lines that is only added to; one that has become shorter is read anew.

    Raises: ValueError if there is none.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ValueError(f"deploys: {path}: no such file")
        self._path = path
        self._bytes = self._lines = 0

    def read(self) -> list[Deploy]:
        """Return the deploys of new whole lines."""
        if self._path.stat().st_size < self._bytes:
            self._bytes = self._lines = 0
        with self._path.open("rb") as file:
            file.seek(self._bytes)
            data = file.read()
        return self._heard(data[: data.rfind(b"\n") + 1])

    def read_all(self) -> list[Deploy]:
        """Return the deploys of all lines; the last need not have an end."""
        return self._heard(self._path.read_bytes())

    def close(self) -> None:
        """Hold nothing open."""

    def _heard(self, data: bytes) -> list[Deploy]:
        found = heard(data, str(self._path), self._lines)
        self._bytes += len(data)
        self._lines += data.count(b"\n")
        return found


class DeployFeed:
    """Writes what is announced into a flow's control log."""

    def __init__(
        self, tails: Sequence[DeployTail], log: ControlLog, tick_s: int, *, live: bool
    ) -> None:
        self._tails = tails
        self._log = log
        self._tick_s = tick_s
        self._live = live  # else each counts from when it was
        self._known = {each.id for each in log.read() if isinstance(each, Deploy)}

    def pull(self, now: datetime) -> bool:
        """Write what is new; return whether that was all: false if somebody did not answer."""
        answered = True
        for tail in self._tails:
            found = tail.read()
            answered = answered and found is not None
            for deploy in found or ():
                if deploy.id not in self._known:
                    soon_ms = soonest_ms(now, self._tick_s)
                    self._log.append(in_time(deploy, soon_ms) if self._live else deploy)
                    self._known.add(deploy.id)
        return answered

    def close(self) -> None:
        """Close what is read."""
        for tail in self._tails:
            tail.close()
