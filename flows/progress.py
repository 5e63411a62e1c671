"""How far a run over data has got, while it runs: a bar on a terminal, else a line now and then.

It is read from the files that the run writes, so it is the same for any number of processes.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from connectors.pace import Pace
from flows.outcome import EVENTS, PACE, TALLIES, WORDS, Word
from schema import Tally

LINE_EVERY_S = 5.0
_LEAST_SHARE = 0.01  # before so much is read, what is left cannot be told
_TAIL_BYTES = 65_536  # of the words: the last ones are all that counts


class _Named(msgspec.Struct):
    id: str


class _Event(msgspec.Struct):
    incident: _Named


class Progress:
    """What has come through so far of the run that writes into `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._began_s = time.monotonic()
        self._tallies = _NewLines(folder / TALLIES)
        self._events = _NewLines(folder / EVENTS)
        self._incidents: set[str] = set()
        self._began_with = self._share()  # of an earlier run that this one continues
        self.samples = sum(self._new_samples())
        self._samples_before = self.samples

    @property
    def share(self) -> float:
        """How much of the data has been read, in [0, 1]."""
        return self._share()

    def words_now(self) -> str:
        """Return the counts in words."""
        self.samples += sum(self._new_samples())
        self._incidents |= {
            msgspec.json.decode(line, type=_Event).incident.id for line in self._events.read()
        }
        elapsed_s = max(0.001, time.monotonic() - self._began_s)
        rate = (self.samples - self._samples_before) / elapsed_s
        until = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self._reached_ms())
        at = f"{until:%Y-%m-%d %H:%M} UTC" if until.year > 1970 else "reading"
        return (
            f"{at}  {self.samples:,} samples  {rate:,.0f}/s  "
            f"incidents {len(self._incidents)}{self._left(elapsed_s)}"
        )

    def _left(self, elapsed_s: float) -> str:
        share, done = self.share, self.share - self._began_with
        if done < _LEAST_SHARE:
            return ""
        return f"  {timedelta(seconds=round(elapsed_s * (1 - share) / done))} left"

    def _share(self) -> float:
        path = self._folder / PACE
        return Pace.seen(path).share() if path.exists() else 0.0

    def _new_samples(self) -> Iterator[int]:
        return (msgspec.json.decode(line, type=Tally).samples for line in self._tallies.read())

    def _reached_ms(self) -> int:
        line = _last_line(self._folder / WORDS)
        return msgspec.json.decode(line, type=Word).until_ms if line else 0


class _NewLines:
    """Whole lines that a file has got since the last time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def read(self) -> list[bytes]:
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._at)
            found = file.read()
        whole = found[: found.rfind(b"\n") + 1]
        self._at += len(whole)
        return whole.splitlines()


def _last_line(path: Path) -> bytes:
    """Return the last whole line of a file, if it is no longer than a tail; else nothing."""
    if not path.exists():
        return b""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        found = file.read()
    before, end, _ = found.rpartition(b"\n")
    return before.rpartition(b"\n")[2] if end and b"\n" in before else b""


@contextmanager
def shown(progress: Progress, what: str, console: Console | None) -> Iterator[None]:
    """Show a bar below whatever else is printed there; without a console a line now and then."""
    if console is None:
        with _shown_as_lines(progress, what):
            yield
        return
    columns = (SpinnerColumn(), TextColumn(what), BarColumn(), _Now(progress))
    with RichProgress(*columns, console=console, transient=True, refresh_per_second=4) as bars:
        bars.add_task(what, total=1.0)
        yield


@contextmanager
def _shown_as_lines(progress: Progress, what: str) -> Iterator[None]:
    over = threading.Event()

    def show() -> None:
        while not over.wait(LINE_EVERY_S):
            sys.stderr.write(f"{what} {progress.share:4.0%}  {progress.words_now()}\n")
            sys.stderr.flush()

    shower = threading.Thread(target=show, daemon=True)
    shower.start()
    try:
        yield
    finally:
        over.set()
        shower.join()


class _Now(ProgressColumn):
    """Redrawn by the bar's own thread, so that the flow's never waits for a terminal."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def render(self, task: Task) -> Text:
        task.completed = self._progress.share
        return Text(self._progress.words_now())
