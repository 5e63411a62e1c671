"""One worker a host: they meet at the first, start when all are there, and stop and fail as one.

The first, index 0, keeps the recovery store and listens at the port after its own. The others call
there, again and again until it answers. They may come in any order, and are waited for.
"""

import hashlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path

import msgspec

from connectors.recovery_manifest import Shape
from connectors.recovery_store import RecoverySettings, held
from flows.cluster import Cluster, LaunchError, Member, spawn
from flows.logs import log_format
from flows.wire import Join, Refused, Stop, Welcome, Wire
from flows.worker import Builder, Place, serve

_log = logging.getLogger(__name__)

CALL_EVERY_S, ANSWER_S, SAY_EVERY_S = 1.0, 5.0, 60.0
_LOOK_S = 0.2
_KEEPALIVE = {  # a host that vanishes without a word is missed after 25 s
    "TCP_KEEPIDLE": 10,
    "TCP_KEEPINTVL": 5,
    "TCP_KEEPCNT": 3,
}


class Hosts(msgspec.Struct, frozen=True):
    """Where every worker of the cluster listens, and which one this is."""

    addresses: tuple[str, ...]  # host:port, as all hosts reach it, the same everywhere
    index: int

    def __post_init__(self) -> None:
        if len(self.addresses) < 2 or len(set(self.addresses)) != len(self.addresses):
            raise ValueError(f"addresses must be two or more that differ, got {self.addresses!r}")
        for address in self.addresses:
            host, _, port = address.rpartition(":")
            if not host or not port.isdecimal() or not 1 <= int(port) <= 65_534:
                raise ValueError(f"addresses must be host:port, got {address!r}")
        if not 0 <= self.index < len(self.addresses):
            raise ValueError(f"index must be in [0, {len(self.addresses) - 1}], got {self.index!r}")

    @property
    def lobby(self) -> tuple[str, int]:
        """Where the workers meet."""
        host, _, port = self.addresses[0].rpartition(":")
        return host, int(port) + 1


class Plan(msgspec.Struct, frozen=True):
    """What a host is to run."""

    hosts: Hosts
    build: Callable[[RecoverySettings], Builder]  # given where the notes beside the state are
    recovery: RecoverySettings  # of the first host
    shape: Shape
    settings: str  # whatever must be the same on all hosts, as text
    folder: Path  # of this run alone
    tables: tuple[Path, ...] = ()  # of pace, that the flow makes there

    @property
    def digest(self) -> str:
        """What the others' settings are compared by."""
        text = f"{self.settings} {self.shape!r} {self.hosts.addresses!r}"
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def run_on_hosts(plan: Plan, stop: threading.Event, deadline_s: float) -> bool:
    """Be one worker of the cluster until all end; return whether another host stopped it.

    Raises: LaunchError if a worker failed, or this one is not like the others; what `held` raises.
    """
    if plan.hosts.index:
        return _follow(plan, stop)
    with held(plan.recovery, plan.shape):
        return _lead(plan, stop, deadline_s)


def _lead(plan: Plan, stop: threading.Event, deadline_s: float) -> bool:
    wires = _gathered(plan, stop)
    if wires is None:
        return False
    place = Place(plan.hosts.addresses, 0, plan.recovery, _level(), log_format())
    first = spawn(plan.build(plan.recovery), place)
    members = [first, *(Member(wire) for wire in wires)]
    return Cluster(members, plan.tables).run(stop, deadline_s)


def _gathered(plan: Plan, stop: threading.Event) -> list[Wire] | None:
    """Return the others, welcomed, in the order of their indexes; None: stopped before."""
    joined: dict[int, Wire] = {}
    missing = set(range(1, len(plan.hosts.addresses)))
    say_s = time.monotonic() + SAY_EVERY_S
    with closing(_server(plan.hosts.lobby)) as server:
        while missing - joined.keys():
            if stop.is_set():
                for wire in joined.values():
                    wire.close()
                return None
            if time.monotonic() > say_s:
                say_s += SAY_EVERY_S
                absent = [plan.hosts.addresses[i] for i in sorted(missing - joined.keys())]
                _log.info("waiting for the workers at %s", ", ".join(absent))
            heard = wait([server, *(wire.connection for wire in joined.values())], _LOOK_S)
            for index, wire in list(joined.items()):
                if wire.connection in heard:  # nobody has anything to say yet: it is gone
                    joined.pop(index).close()
            if server in heard:
                _admit(plan, server, joined)
    notes = _notes(plan.recovery)
    for index, wire in list(joined.items()):
        with suppress(OSError):  # whoever has left is missed at once by the cluster
            wire.send(Welcome(notes))
        _log.info("worker %d is here", index)
    return [joined[index] for index in sorted(joined)]


def _admit(plan: Plan, server: socket.socket, joined: dict[int, Wire]) -> None:
    caller, (address, *_) = server.accept()
    wire = _wire(caller)
    try:
        word = wire.receive() if wire.poll(ANSWER_S) else None
    except (EOFError, OSError, ValueError):
        word = None
    if not isinstance(word, Join) or not 1 <= word.index < len(plan.hosts.addresses):
        wire.close()
        _log.warning("%s called and is none of our workers", address)
        return
    if word.settings != plan.digest:
        with suppress(OSError):
            wire.send(
                Refused(
                    "its settings, release or addresses are not those of worker 0: start all "
                    "workers with the same"
                )
            )
        wire.close()
        _log.warning(
            "worker %d at %s has other settings, release or addresses", word.index, address
        )
        return
    if word.index in joined:
        joined.pop(word.index).close()  # it was started again
    joined[word.index] = wire


def _follow(plan: Plan, stop: threading.Event) -> bool:
    found = _called(plan, stop)
    if found is None:
        return False
    wire, notes = found
    store = plan.recovery
    if store.dir is not None:  # the state itself is with the first worker
        folder = plan.folder / "recovery"
        folder.mkdir()
        for name, note in notes.items():
            (folder / Path(name).name).write_bytes(note)
        store = msgspec.structs.replace(store, dir=str(folder))
    told = threading.Event()  # by the first worker
    threading.Thread(target=_pass_on, args=(stop, told, wire), daemon=True).start()
    place = Place(plan.hosts.addresses, plan.hosts.index, store, _level(), afar=True)
    serve(plan.build(store), place, wire, stop, plan.tables, told)
    return told.is_set()


def _called(plan: Plan, stop: threading.Event) -> tuple[Wire, dict[str, bytes]] | None:
    """Return the connection to the first worker and what it said; None: stopped before."""
    say_s = time.monotonic()
    while not stop.is_set():
        if time.monotonic() >= say_s:
            say_s += SAY_EVERY_S
            _log.info("calling worker 0 at %s:%d", *plan.hosts.lobby)
        try:
            wire = _wire(socket.create_connection(plan.hosts.lobby, ANSWER_S))
        except OSError:
            stop.wait(CALL_EVERY_S)
            continue
        try:
            wire.send(Join(plan.hosts.index, len(plan.hosts.addresses), plan.digest))
            while not wire.poll(_LOOK_S):
                if stop.is_set():
                    wire.close()
                    return None
            word = wire.receive()
        except (EOFError, OSError):
            wire.close()
            stop.wait(CALL_EVERY_S)
            continue
        if isinstance(word, Welcome):
            return wire, word.notes
        wire.close()
        raise LaunchError(
            f"worker {plan.hosts.index} was refused: "
            f"{word.reason if isinstance(word, Refused) else 'worker 0 is of another release'}"
        )
    return None


def _pass_on(stop: threading.Event, told: threading.Event, wire: Wire) -> None:
    stop.wait()
    if not told.is_set():
        with suppress(OSError):
            wire.send(Stop())


def _notes(recovery: RecoverySettings) -> dict[str, bytes]:
    if recovery.dir is None:
        return {}
    return {note.name: note.read_bytes() for note in Path(recovery.dir).glob("*.json")}


def _server(lobby: tuple[str, int]) -> socket.socket:
    family = socket.getaddrinfo(*lobby, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server(lobby, family=family)


def _wire(connected: socket.socket) -> Wire:
    connected.settimeout(None)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):  # as on Linux
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return Wire(Connection(connected.detach()))


def _level() -> int:
    return logging.getLogger().getEffectiveLevel()
