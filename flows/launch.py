"""Run a flow in this process, or as a cluster of processes of this machine, and stop it well.

The first SIGINT or SIGTERM asks the sources to stop: they end, the last snapshot is written, and
`run` returns. The second ends everything at once. A process that dies takes the others with it.
"""

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType

from bytewax.errors import BytewaxRuntimeError

from connectors.recovery_manifest import Shape
from connectors.recovery_store import RecoverySettings, held
from flows.failure import Failure, explain, real_exception, remember_failures
from flows.worker import DONE, GO, READY, STOP, Builder, Place, run_flow, work

_log = logging.getLogger(__name__)

STOP_DEADLINE_S = 10.0
_POLL_S = 0.1
_BETTER_ANSWER_S = 1.0  # a panic or a kill shows up in the peers first, or at the same time
_TURN_S = 0.05  # a process listens this soon after its go; the next one then connects at once
_TOO_SLOW = "workers did not stop within %g s and were ended; the last snapshot stands"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class LaunchError(RuntimeError):
    """A worker failed. The message is one line; `detail` is its traceback."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


def run(
    build: Builder,
    *,
    processes: int = 1,
    recovery: RecoverySettings | None = None,
    shape: Shape | None = None,
    stop_deadline_s: float = STOP_DEADLINE_S,
) -> signal.Signals | None:
    """Run what `build` makes until its sources end; return the signal that stopped it, if one did.

    One process: the flow runs in this one, and an exception of ours leaves as it was raised.
    More: children run it, each with its share of partitions and keys; see `Builder`. `shape` is
    what the state depends on: a store that was made for another is refused.

    Raises: RecoveryError for such a store; LaunchError if a child failed, or did not stop within
    `stop_deadline_s`.
    """
    if processes < 1:
        raise ValueError(f"processes must be 1 or more, got {processes!r}")
    recovery = recovery or RecoverySettings()
    with held(recovery, shape), stop_on_signal() as (stop, received):
        if processes == 1:
            with _ended_in_time(stop, stop_deadline_s):
                _run_here(build, recovery, stop)
        else:
            _Cluster(build, processes, recovery).run(stop, stop_deadline_s)
    return received[0] if received else None


@contextmanager
def stop_on_signal() -> Iterator[tuple[threading.Event, list[signal.Signals]]]:
    """Set an event, and keep what came, on the first SIGINT or SIGTERM; the second one ends all."""
    stop = threading.Event()
    received: list[signal.Signals] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        received.append(signal.Signals(number))
        stop.set()
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)  # the second one kills; children follow
        _log.info("stopping on %s; once more to end at once", signal.Signals(number).name)

    if threading.current_thread() is not threading.main_thread():
        yield stop, received  # only the main thread may handle signals
        return
    before = {each: signal.signal(each, on_signal) for each in _SIGNALS}
    try:
        yield stop, received
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _ended_in_time(stop: threading.Event, deadline_s: float) -> Iterator[None]:
    """End this process if it is asked to stop and does not: a sink may wait for what is away."""
    over = threading.Event()

    def watch() -> None:
        stop.wait()
        if not over.wait(deadline_s):
            _log.error(_TOO_SLOW, deadline_s)
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _run_here(build: Builder, recovery: RecoverySettings, stop: threading.Event) -> None:
    remember_failures()
    flow = build(stop)
    try:
        run_flow(flow, (), 0, recovery)
    except BytewaxRuntimeError as ex:
        real = real_exception(ex)
        if real is ex:
            raise LaunchError(explain(ex).message) from ex
        raise real from real.__cause__
    except BaseException as ex:
        if isinstance(ex, Exception | KeyboardInterrupt):
            raise
        failure = explain(ex)  # a panic of Bytewax's
        raise LaunchError(failure.message, failure.detail) from ex


class _Cluster:
    def __init__(self, build: Builder, processes: int, recovery: RecoverySettings) -> None:
        context = multiprocessing.get_context("spawn")
        addresses = tuple(f"127.0.0.1:{port}" for port in _free_ports(processes))
        resource_tracker.ensure_running()  # now: it unblocks the signals that we are to block
        level = logging.getLogger().getEffectiveLevel()
        self._children: list[SpawnProcess] = []
        self._ends: list[Connection] = []
        self._ready: set[int] = set()
        self._done: set[int] = set()
        self._failures: dict[int, Failure] = {}
        for index in range(processes):
            ours, theirs = context.Pipe()
            place = Place(addresses, index, recovery, level)
            child = context.Process(
                target=work, args=(build, place, theirs), name=f"foreshock-{index}"
            )
            with _signals_blocked():  # and so in the child, until it ignores them
                child.start()
            theirs.close()
            self._children.append(child)
            self._ends.append(ours)

    def run(self, stop: threading.Event, stop_deadline_s: float) -> None:
        try:
            self._watch(stop, stop_deadline_s)
        finally:
            for child in self._children:
                child.kill()
                child.join()
            for end in self._ends:
                end.close()

    def _watch(self, stop: threading.Event, stop_deadline_s: float) -> None:
        started = told = False
        deadline = float("inf")
        while len(self._done) < len(self._children):
            self._listen(_POLL_S)
            if self._failures:
                self._give_up()
            if not started and len(self._ready) == len(self._children):
                started = True
                for end in self._ends:
                    end.send(GO)
                    time.sleep(_TURN_S)
            if stop.is_set() and not told:
                told = True
                deadline = time.monotonic() + stop_deadline_s
                for end in self._ends:
                    end.send(STOP)
            if time.monotonic() > deadline:
                raise LaunchError(_TOO_SLOW % stop_deadline_s)

    def _listen(self, timeout_s: float) -> None:
        heard = wait(self._open_ends(), timeout_s)
        for index, end in enumerate(self._ends):
            if end not in heard:
                continue
            try:
                word = end.recv()
            except (EOFError, OSError):
                self._failures[index] = self._fallen(index)
                continue
            if isinstance(word, Failure):
                self._failures[index] = word
            elif word == READY:
                self._ready.add(index)
            elif word == DONE:
                self._done.add(index)

    def _open_ends(self) -> list[Connection]:
        ended = self._done | self._failures.keys()
        return [end for index, end in enumerate(self._ends) if index not in ended]

    def _fallen(self, index: int) -> Failure:
        child = self._children[index]
        child.join(_BETTER_ANSWER_S)
        code = child.exitcode or 0
        if code < 0:
            return Failure(f"killed by {signal.Signals(-code).name}", "", known=True)
        return Failure(f"ended with exit code {code} and no word", "", known=False)

    def _give_up(self) -> None:
        """Raise the best explanation; wait a little for it if the first is a mere consequence."""
        deadline = time.monotonic() + _BETTER_ANSWER_S
        while time.monotonic() < deadline and not any(f.known for f in self._failures.values()):
            if len(self._failures) + len(self._done) == len(self._children):
                break
            self._listen(_POLL_S)
        index, failure = min(self._failures.items(), key=lambda item: (not item[1].known, item[0]))
        raise LaunchError(
            f"worker {index + 1} of {len(self._children)}: {failure.message}", failure.detail
        )


@contextmanager
def _signals_blocked() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _free_ports(count: int) -> list[int]:
    """Return loopback ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
