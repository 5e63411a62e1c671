"""The worker processes of one flow, as their supervisor sees them: they start and end together.

Each member says when it is ready; when all are, they go. The first to fail, or to vanish, takes the
others with it; the first that is asked to stop has all of them stop.
"""

import multiprocessing
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from threading import Event

from connectors.pace_mirror import PaceMirror
from flows.failure import Failure
from flows.wire import Done, Failed, Go, Ready, Rows, Stop, Wire, Word
from flows.worker import MIRROR_S, Builder, Place, work

SIGNALS = (signal.SIGINT, signal.SIGTERM)
TOO_SLOW = "workers did not stop within %g s and were ended; the last snapshot stands"
_POLL_S = 0.1  # between two looks
_BETTER_ANSWER_S = 1.0  # a panic or a kill shows up in the peers first, or at the same time
_TURN_S = 0.05  # a process listens this soon after its go; the next one then connects at once


class LaunchError(RuntimeError):
    """A worker failed. The message is one line; `detail` is its traceback."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


@dataclass(frozen=True)
class Member:
    """A worker process: a child of ours, or one on another host."""

    wire: Wire
    child: SpawnProcess | None = None


def spawn(build: Builder, place: Place) -> Member:
    """Start a child, which builds its flow and waits for its turn."""
    context = multiprocessing.get_context("spawn")
    resource_tracker.ensure_running()  # now: it unblocks the signals that we are to block
    ours, theirs = context.Pipe()
    child = context.Process(
        target=work, args=(build, place, theirs), name=f"foreshock-{place.index}"
    )
    with signals_blocked():  # and so in the child, until it ignores them
        child.start()
    theirs.close()
    return Member(Wire(ours), child)


class Cluster:
    """All members, by index. `mirror` opens this host's tables of pace, for those elsewhere."""

    def __init__(self, members: Sequence[Member], tables: Sequence[Path] = ()) -> None:
        self._members = members
        self._tables = tables
        self._mirror: PaceMirror | None = None
        self._ready: set[int] = set()
        self._done: set[int] = set()
        self._failures: dict[int, Failure] = {}
        self._asked = False  # to stop, by a member

    def run(self, stop: Event, stop_deadline_s: float) -> bool:
        """Run until all have ended; return whether a member asked to stop.

        Raises: LaunchError if one failed, or they did not stop in time.
        """
        try:
            self._watch(stop, stop_deadline_s)
        finally:
            for member in self._members:
                if member.child is not None:
                    member.child.kill()
                    member.child.join()
            for member in self._members:
                member.wire.close()
        return self._asked

    def _watch(self, stop: Event, stop_deadline_s: float) -> None:
        started = told = False
        deadline = float("inf")
        while len(self._done) < len(self._members):
            self._listen(MIRROR_S if self._mirror else _POLL_S)
            if self._failures:
                self._give_up()
            if not started and len(self._ready) == len(self._members):
                started = True
                self._go()
            if (stop.is_set() or self._asked) and not told:
                told = True
                deadline = time.monotonic() + stop_deadline_s
                self._tell(Stop())
                if not started:
                    return
            if self._mirror is not None and (rows := self._mirror.changes()):
                self._tell_others(Rows(rows), 0)
            if time.monotonic() > deadline:
                raise LaunchError(TOO_SLOW % stop_deadline_s)

    def _go(self) -> None:
        if self._tables:
            self._mirror = PaceMirror(self._tables)
        for index in range(len(self._members)):
            self._say(index, Go())
            time.sleep(_TURN_S)

    def _listen(self, timeout_s: float) -> None:
        open_ = [i for i in range(len(self._members)) if not self._over(i)]
        heard = wait([self._members[i].wire.connection for i in open_], timeout_s)
        for index in open_:
            wire = self._members[index].wire
            if wire.connection not in heard:
                continue
            try:
                self._hear(index, wire.receive())
            except (EOFError, OSError, ValueError):
                self._failures[index] = self._fallen(index)

    def _hear(self, index: int, word: Word) -> None:
        match word:
            case Ready():
                self._ready.add(index)
            case Done():
                self._done.add(index)
            case Stop():
                self._asked = True
            case Failed(failure):
                self._failures[index] = failure
            case Rows(rows) if self._mirror is not None:
                self._mirror.take(rows)
                self._tell_others(word, index)
            case _:
                pass

    def _tell(self, word: Word) -> None:
        for index in range(len(self._members)):
            self._say(index, word)

    def _tell_others(self, word: Word, index: int) -> None:
        """Tell the hosts but this one, which sees the table itself, and the one that knows."""
        for other in range(1, len(self._members)):
            if other != index:
                self._say(other, word)

    def _say(self, index: int, word: Word) -> None:
        if self._over(index):
            return
        try:
            self._members[index].wire.send(word)
        except OSError:
            self._failures[index] = self._fallen(index)

    def _over(self, index: int) -> bool:
        return index in self._done or index in self._failures

    def _fallen(self, index: int) -> Failure:
        child = self._members[index].child
        if child is None:
            return Failure("its connection is lost", "", known=True)
        child.join(_BETTER_ANSWER_S)
        code = child.exitcode or 0
        if code < 0:
            return Failure(f"killed by {signal.Signals(-code).name}", "", known=True)
        return Failure(f"ended with exit code {code} and no word", "", known=False)

    def _give_up(self) -> None:
        """Raise the best explanation; wait a little for it if the first is a mere consequence."""
        deadline = time.monotonic() + _BETTER_ANSWER_S
        while time.monotonic() < deadline and not any(f.known for f in self._failures.values()):
            if len(self._failures) + len(self._done) == len(self._members):
                break
            self._listen(_POLL_S)
        index, failure = min(self._failures.items(), key=lambda item: (not item[1].known, item[0]))
        raise LaunchError(
            f"worker {index + 1} of {len(self._members)}: {failure.message}", failure.detail
        )


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Keep signals that end a run from this thread, and from what it starts."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
