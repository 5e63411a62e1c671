"""Run a flow in this process, or as a cluster of processes of this machine, and stop it well.

The first SIGINT or SIGTERM asks the sources to stop: they end, the last snapshot is written, and
`run` returns. The second ends everything at once. A process that dies takes the others with it.
"""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from bytewax.errors import BytewaxRuntimeError

from connectors.recovery_manifest import Shape
from connectors.recovery_store import RecoverySettings, held
from flows.cluster import SIGNALS, TOO_SLOW, Cluster, LaunchError, spawn
from flows.failure import explain, real_exception, remember_failures
from flows.hosts import Plan
from flows.hosts import run_on_hosts as run_worker
from flows.logs import log_format
from flows.worker import Builder, Place, run_flow

__all__ = ["STOP_DEADLINE_S", "LaunchError", "run", "run_on_hosts", "stop_on_signal"]

_log = logging.getLogger(__name__)

STOP_DEADLINE_S = 10.0


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
            _run_children(build, processes, recovery, stop, stop_deadline_s)
    return received[0] if received else None


def run_on_hosts(plan: Plan, *, stop_deadline_s: float = STOP_DEADLINE_S) -> signal.Signals | None:
    """Run one worker of a cluster of hosts; return the signal that stopped it, here or there.

    Raises: what `flows.hosts.run_on_hosts` does.
    """
    with stop_on_signal() as (stop, received), _ended_in_time(stop, 2 * stop_deadline_s):
        stopped = run_worker(plan, stop, stop_deadline_s)
    if received:
        return received[0]
    return signal.SIGTERM if stopped else None


@contextmanager
def stop_on_signal() -> Iterator[tuple[threading.Event, list[signal.Signals]]]:
    """Set an event, and keep what came, on the first SIGINT or SIGTERM; the second one ends all."""
    stop = threading.Event()
    received: list[signal.Signals] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        received.append(signal.Signals(number))
        stop.set()
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)  # the second one kills; children follow
        _log.info("stopping on %s; once more to end at once", signal.Signals(number).name)

    if threading.current_thread() is not threading.main_thread():
        yield stop, received  # only the main thread may handle signals
        return
    before = {each: signal.signal(each, on_signal) for each in SIGNALS}
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
            _log.error(TOO_SLOW, deadline_s)
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


def _run_children(
    build: Builder,
    processes: int,
    recovery: RecoverySettings,
    stop: threading.Event,
    stop_deadline_s: float,
) -> None:
    addresses = tuple(f"127.0.0.1:{port}" for port in _free_ports(processes))
    level = logging.getLogger().getEffectiveLevel()
    places = [Place(addresses, index, recovery, level, log_format()) for index in range(processes)]
    Cluster([spawn(build, place) for place in places]).run(stop, stop_deadline_s)


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
