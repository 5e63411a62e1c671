"""Workers on hosts of their own: they wait for each other, and stop and fail as one."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from flows.hosts import Hosts
from tests.flows.test_launch import DEADLINE_S, ROOT, numbers, wait_until
from tests.kafka.broker import free_ports

Process = subprocess.Popen[bytes]


class Place:
    """A cluster of two hosts, both this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[Process] = []
        first, second = next(
            pair for pair in iter(partial(free_ports, 2), None) if is_free(pair[0] + 1)
        )
        self.lobby = ("127.0.0.1", first + 1)
        self.addresses = f"127.0.0.1:{first},127.0.0.1:{second}"

    def start(self, index: int, end: int = 0, settings: str = "same") -> Process:
        """Start one worker."""
        given = [str(self.folder), self.addresses, str(index), str(end), settings]
        with (self.folder / f"log.{index}").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.flows.host_main", *given], cwd=ROOT, stderr=log
            )
        self.processes.append(process)
        return process

    def said(self, index: int) -> str:
        """Return what a worker has logged."""
        return (self.folder / f"log.{index}").read_text()

    def seen(self) -> list[int]:
        """Return what the flow has counted in one of its partitions."""
        return numbers(self.folder, "a")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    for process in made.processes:
        process.kill()
        process.wait()


def both(place: Place, end: int = 0) -> tuple[Process, Process]:
    """Start both, the second first, and wait until they count."""
    second, first = place.start(1, end), place.start(0, end)
    before = len(place.seen())
    wait_until(lambda: len(place.seen()) > before + 5)
    return first, second


def test_they_share_the_work_to_its_end(place: Place) -> None:
    for process in both(place, end=20):
        assert process.wait(DEADLINE_S) == 0
    assert place.seen() == numbers(place.folder, "b") == list(range(1, 21))
    assert len(list(place.folder.glob("out-*.txt"))) == 2
    assert "worker 1 is here" in place.said(0)


def test_a_signal_to_either_stops_both_in_order_and_they_go_on(place: Place) -> None:
    for signalled in (1, 0):
        workers = both(place)
        workers[signalled].send_signal(signal.SIGTERM)
        assert [worker.wait(DEADLINE_S) for worker in workers] == [0, 0]
    seen = place.seen()
    assert seen == list(range(1, len(seen) + 1))  # nothing twice, nothing left out


@pytest.mark.parametrize(
    ("killed", "said"), [(1, "worker 2 of 2: its connection is lost"), (0, "worker 0 is gone")]
)
def test_one_that_is_killed_takes_the_other_with_it(place: Place, killed: int, said: str) -> None:
    workers = both(place)
    workers[killed].kill()
    assert workers[1 - killed].wait(DEADLINE_S) == 1
    assert said in place.said(1 - killed)
    for worker in both(place):  # started again, they go on
        worker.send_signal(signal.SIGTERM)
        worker.wait(DEADLINE_S)


@pytest.mark.parametrize("index", [0, 1])
def test_one_that_waits_for_the_others_can_be_stopped(place: Place, index: int) -> None:
    worker = place.start(index)
    if index:
        wait_until(lambda: "calling worker 0" in place.said(1))
    else:
        wait_until(lambda: listens(place.lobby))
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(DEADLINE_S) == 0
    assert place.seen() == []


def test_strangers_and_other_settings_are_kept_out(place: Place) -> None:
    first = place.start(0)
    wait_until(lambda: listens(place.lobby))
    with socket.create_connection(place.lobby) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        wait_until(lambda: "is none of our workers" in place.said(0))
    other = place.start(1, settings="other")
    assert other.wait(DEADLINE_S) == 1
    assert "its settings, release or addresses are not those of worker 0" in place.said(1)
    right = place.start(1)
    wait_until(lambda: len(place.seen()) > 5)
    right.send_signal(signal.SIGTERM)
    assert (first.wait(DEADLINE_S), right.wait(DEADLINE_S)) == (0, 0)


def is_free(port: int) -> bool:
    with socket.socket() as taker:
        try:
            taker.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def listens(address: tuple[str, int]) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(address) == 0


@pytest.mark.parametrize(
    ("addresses", "index", "message"),
    [
        (("a:1",), 0, "addresses must be two or more"),
        (("a:1", "a:1"), 0, "that differ"),
        (("a:1", "b"), 0, "must be host:port, got 'b'"),
        (("a:1", "b:0"), 0, "must be host:port, got 'b:0'"),
        (("a:1", "b:2"), 2, r"index must be in \[0, 1\], got 2"),
    ],
)
def test_addresses_that_cannot_be_are_refused(
    addresses: tuple[str, ...], index: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Hosts(addresses, index)
