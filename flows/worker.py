"""One process of a cluster: builds the flow, waits for its turn, runs, and says how it ended."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

import msgspec
from bytewax._bytewax import cluster_main
from bytewax.dataflow import Dataflow

from connectors.pace_mirror import PaceMirror
from connectors.recovery_store import RecoverySettings
from flows.failure import Failure, explain, remember_failures
from flows.logs import Format, log_to_stderr
from flows.wire import Done, Failed, Go, Ready, Rows, Stop, Wire

_log = logging.getLogger(__name__)

MIRROR_S = 0.02  # how often pace is told to other hosts
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
    log_format: Format = "console"
    afar: bool = False  # from its leader, on another host: it tells of its end itself


def run_flow(flow: Dataflow, addresses: tuple[str, ...], index: int, how: RecoverySettings) -> None:
    """Run until the sources end. Takes place in a thread of Bytewax's own; signals stay here."""
    cluster_main(
        flow, list(addresses), index, epoch_interval=how.epoch, recovery_config=how.config()
    )


def work(build: Builder, place: Place, parent: "Connection[bytes, bytes]") -> None:
    """Be a child process, which obeys its parent alone: Ctrl-C reaches the whole group."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    log_to_stderr(place.log_level, place.log_format)
    _keep_stdout_ours()
    serve(build, place, Wire(parent), threading.Event())


def serve(
    build: Builder,
    place: Place,
    leader: Wire,
    stop: threading.Event,
    tables: Sequence[Path] = (),
    told: threading.Event | None = None,
) -> None:
    """Build the flow, wait for the leader's word, run, and say how it ended.

    A leader that is gone ends this process at once, as does a failure. `tables` are those of pace,
    to be kept like those of the other hosts; `told` is set when the leader says to stop.
    """
    duty = _Duty(leader, stop, told or threading.Event(), place.afar)
    happened = remember_failures()
    try:
        threading.Thread(target=_end_if_stuck, args=(happened, duty), daemon=True).start()
        threading.Thread(target=_obey, args=(duty,), daemon=True).start()
        flow = build(stop)
        duty.mirror = PaceMirror(tables)
        leader.send(Ready())
        duty.go.wait()
        if tables:
            threading.Thread(target=_tell_pace, args=(duty,), daemon=True).start()
        run_flow(flow, place.addresses, place.index, place.recovery)
    except BaseException as ex:  # noqa: BLE001  # a Rust panic is a bare BaseException
        _end(duty, explain(ex))
    duty.over.set()
    leader.send(Done())


class _Duty:
    """What the threads of a worker share."""

    def __init__(
        self, leader: Wire, stop: threading.Event, told: threading.Event, afar: bool
    ) -> None:
        self.leader = leader
        self.stop = stop
        self.told = told
        self.afar = afar
        self.go = threading.Event()
        self.over = threading.Event()
        self.mirror: PaceMirror | None = None


def _keep_stdout_ours() -> None:
    """Send Rust's prints ("error connecting to worker 0") to nowhere, and Python's to stdout."""
    sys.stdout.flush()
    ours = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    sys.stdout = os.fdopen(ours, "w", buffering=1, encoding="utf-8")


def _obey(duty: _Duty) -> None:
    while True:
        try:
            word = duty.leader.receive()
        except (EOFError, OSError, ValueError):
            if duty.over.is_set():
                return
            if duty.afar:
                _log.error("worker 0 is gone: ending, to be started again")
            os._exit(1)
        match word:
            case Rows(rows) if duty.mirror is not None:
                duty.mirror.take(rows)
            case Stop():
                duty.told.set()
                duty.stop.set()
                if duty.afar and not duty.go.is_set():
                    os._exit(0)  # nothing has begun
            case Go():
                duty.go.set()
            case _:
                pass


def _tell_pace(duty: _Duty) -> None:
    while duty.mirror is not None and not duty.over.wait(MIRROR_S):
        rows = duty.mirror.changes()
        if rows:
            with suppress(OSError):  # `_obey` sees to a leader that is gone
                duty.leader.send(Rows(rows))


def _end_if_stuck(happened: threading.Event, duty: _Duty) -> None:
    happened.wait()
    threading.Event().wait(_SETTLE_S)
    _end(duty, explain(RuntimeError("the worker failed and did not end")))


def _end(duty: _Duty, failure: Failure) -> NoReturn:
    """Report and leave at once: an orderly exit aborts while Bytewax's threads are unwinding."""
    try:
        if duty.afar:
            _log.error("%s", failure.message)
        duty.leader.send(Failed(failure))
    finally:
        os._exit(1)
