"""One process of a cluster: builds the flow, waits for its turn, runs, and says how it ended."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import NoReturn

import msgspec
from bytewax._bytewax import cluster_main
from bytewax.dataflow import Dataflow

from connectors.recovery_store import RecoverySettings
from flows.failure import Failure, explain, remember_failures
from flows.logs import log_to_stderr

_SETTLE_S = 1.0  # for Bytewax to unwind after a failure, before the process is ended regardless

Builder = Callable[[threading.Event], Dataflow]
"""Makes the flow, given the event that asks its sources to stop.

In a cluster it is pickled and called once a process: a module's function, or a `functools.partial`
of one over settings structs. Whatever it opens is used by another thread than it is called in.
"""


class Place(msgspec.Struct, frozen=True):
    """A process's place in its cluster."""

    addresses: tuple[str, ...]  # of all processes; none: not a cluster
    index: int
    recovery: RecoverySettings
    log_level: int


READY = "ready"
GO = "go"
STOP = "stop"
DONE = "done"


def run_flow(flow: Dataflow, addresses: tuple[str, ...], index: int, how: RecoverySettings) -> None:
    """Run until the sources end. Takes place in a thread of Bytewax's own; signals stay here."""
    cluster_main(
        flow, list(addresses), index, epoch_interval=how.epoch, recovery_config=how.config()
    )


def work(build: Builder, place: Place, parent: Connection) -> None:
    """Be a child process, which obeys its parent alone: Ctrl-C reaches the whole group."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    log_to_stderr(place.log_level)
    _keep_stdout_ours()
    stop = threading.Event()
    go = threading.Event()
    happened = remember_failures()
    threading.Thread(target=_obey, args=(parent, go, stop), daemon=True).start()
    threading.Thread(target=_end_if_stuck, args=(happened, parent), daemon=True).start()
    try:
        flow = build(stop)
        parent.send(READY)
        go.wait()
        run_flow(flow, place.addresses, place.index, place.recovery)
    except BaseException as ex:  # noqa: BLE001  # a Rust panic is a bare BaseException
        _end(parent, explain(ex))
    parent.send(DONE)


def _keep_stdout_ours() -> None:
    """Send Rust's prints ("error connecting to worker 0") to nowhere, and Python's to stdout."""
    sys.stdout.flush()
    ours = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    sys.stdout = os.fdopen(ours, "w", buffering=1, encoding="utf-8")


def _obey(parent: Connection, go: threading.Event, stop: threading.Event) -> None:
    while True:
        try:
            order = parent.recv()
        except (EOFError, OSError):
            os._exit(1)  # the parent is gone
        if order == STOP:
            stop.set()
        go.set()  # a stop before the start lets the sources end at once


def _end_if_stuck(happened: threading.Event, parent: Connection) -> None:
    happened.wait()
    threading.Event().wait(_SETTLE_S)
    _end(parent, explain(RuntimeError("the worker failed and did not end")))


def _end(parent: Connection, failure: Failure) -> NoReturn:
    """Report and leave at once: an orderly exit aborts while Bytewax's threads are unwinding."""
    try:
        parent.send(failure)
    finally:
        os._exit(1)
