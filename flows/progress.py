"""How far a run over data has got, while it runs: a bar on a terminal, else a line now and then."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from bytewax.outputs import DynamicSink, StatelessSinkPartition
from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from flows.detect import AnySink
from schema import Closed, Tally, Transition

LINE_EVERY_S = 5.0
X = TypeVar("X")


class Progress:
    """What has come through so far; the flow's thread writes it, another one shows it."""

    def __init__(self, start_ms: int, end_ms: int) -> None:
        self._start_ms, self._end_ms = start_ms, end_ms
        self._began_s = time.monotonic()
        self._until_ms: dict[int, int] = {}  # by key group
        self._incidents: set[str] = set()
        self.samples = 0

    def tallies(self) -> AnySink[Tally]:
        """Return a sink that counts samples."""

        def count(tally: Tally) -> None:
            self.samples += tally.samples

        return _Tap(count)

    def words(self) -> AnySink[Closed]:
        """Return a sink that follows the time that is closed."""

        def follow(closed: Closed) -> None:
            self._until_ms[closed.group] = min(closed.until_ms, self._end_ms)

        return _Tap(follow)

    def events(self) -> AnySink[Transition]:
        """Return a sink that counts incidents."""
        return _Tap(lambda transition: self._incidents.add(transition.incident.id))

    @property
    def share(self) -> float:
        """How much of the data's time is closed, in [0, 1]."""
        until_ms = min(list(self._until_ms.values()), default=self._start_ms)
        return max(0, until_ms - self._start_ms) / (self._end_ms - self._start_ms)

    def words_now(self) -> str:
        """Return the counts in words."""
        closed_ms = self._start_ms + self.share * (self._end_ms - self._start_ms)
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=closed_ms)
        rate = self.samples / max(0.001, time.monotonic() - self._began_s)
        return (
            f"{at:%Y-%m-%d %H:%M} UTC  {self.samples:,} samples  {rate:,.0f}/s  "
            f"incidents {len(self._incidents)}"
        )


@contextmanager
def shown_as_bar(progress: Progress, console: Console, what: str) -> Iterator[None]:
    """Show a bar below whatever else is printed to the console."""
    columns = (SpinnerColumn(), TextColumn(what), BarColumn(), _Now(progress))
    with RichProgress(*columns, console=console, transient=True, refresh_per_second=4) as shown:
        shown.add_task(what, total=1.0)
        yield


@contextmanager
def shown_as_lines(progress: Progress, what: str) -> Iterator[None]:
    """Print a line to standard error every few seconds."""
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


class _Tap(DynamicSink[X], Generic[X]):
    """Hands each item to a function of this process."""

    def __init__(self, take: Callable[[X], None]) -> None:
        self._take = take

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> "_TapPart[X]":
        return _TapPart(self._take)


class _TapPart(StatelessSinkPartition[X], Generic[X]):
    def __init__(self, take: Callable[[X], None]) -> None:
        self._take = take

    def write_batch(self, items: list[X]) -> None:
        for item in items:
            self._take(item)
