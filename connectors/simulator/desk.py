"""Where a running simulation says that it runs, and takes faults from outside: a folder of files.

`fleet.json` who is simulated; `clock.<cloud>.json` how far a cloud has got; `inject.jsonl` what
was asked for; `answers.jsonl` what became of it; `truth.json` the labels, injected ones included.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from connectors.simulator.drifts import KIND as DRIFT
from connectors.simulator.drifts import may_drift
from connectors.simulator.faults import FAULTS, may_start_at
from connectors.simulator.plan import Plan
from connectors.simulator.topology import topology_yaml
from connectors.simulator.truth import (
    TrueDrift,
    TrueFault,
    read_truth,
    replace_file,
    truth_of,
    write_truth,
)

DEFAULT_STATE_DIR = ".foreshock/simulator"
TELL_EVERY_S = 0.2


class Simulated(msgspec.Struct, frozen=True):
    """A resource of the running fleet, and the faults that can start at it; "drift" is one here."""

    name: str
    title: str
    cloud: str
    service: str
    faults: tuple[str, ...]


class Running(msgspec.Struct, frozen=True):
    """The file `fleet.json`."""

    seed: int
    start_ms: int
    end_ms: int
    interval_s: int
    speed: float | None
    resources: tuple[Simulated, ...]


class CloudClock(msgspec.Struct, frozen=True):
    """The file `clock.<cloud>.json`."""

    pid: int
    now_ms: int  # simulated
    ended: bool


class Request(msgspec.Struct, frozen=True):
    """A line of `inject.jsonl`."""

    id: str
    fault: str
    resource: str
    minutes: float
    size_dev: float


class Answer(msgspec.Struct, frozen=True):
    """A line of `answers.jsonl`."""

    id: str
    accepted: bool
    reason: str = ""
    fault: TrueFault | None = None
    drift: TrueDrift | None = None


def append_line(path: Path, record: msgspec.Struct) -> None:
    """Add one record to a JSON-lines file in a single write."""
    with path.open("ab") as file:
        file.write(msgspec.json.encode(record) + b"\n")


def read_lines(path: Path, offset: int) -> tuple[list[bytes], int]:
    """Return the whole lines from a byte offset on, and the offset after them."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return [], offset
    whole = data.rfind(b"\n") + 1
    return data[:whole].splitlines(), offset + whole


class Desk:
    """The folder of one running simulation, as the simulation sees it."""

    def __init__(self, folder: Path, plan: Plan, clock: Callable[[], float]) -> None:
        self.folder = folder
        self.truth_path = folder / "truth.json"
        self._plan = plan
        self._clock = clock
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / "fleet.json", msgspec.json.encode(self._running()))
        replace_file(folder / "topology.yaml", topology_yaml(plan.fleet).encode())
        write_truth(self.truth_path, truth_of(plan))

    def _running(self) -> Running:
        settings, fleet = self._plan.settings, self._plan.fleet
        return Running(
            settings.seed,
            settings.start_ms,
            settings.ms(settings.steps),
            settings.interval_s,
            settings.speed,
            tuple(
                Simulated(
                    node.name,
                    node.title,
                    node.cloud,
                    node.vendor.service,
                    tuple(kind for kind in sorted(FAULTS) if may_start_at(fleet, kind, i))
                    + ((DRIFT,) if may_drift(fleet, i) else ()),
                )
                for i, node in enumerate(fleet.nodes)
            ),
        )

    def tray(self, cloud: str) -> "Tray":
        """Return the part of the desk that concerns one cloud."""
        return Tray(self, cloud, self._plan, self._clock)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes of the same simulation away from the labels."""
        with (self.folder / "truth.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class Tray:
    """One cloud's requests, which its reader takes out and answers."""

    def __init__(self, desk: Desk, cloud: str, plan: Plan, clock: Callable[[], float]) -> None:
        self._desk = desk
        self._cloud = cloud
        self._settings = plan.settings
        self._names = {
            name for n in plan.fleet.nodes if n.cloud == cloud for name in (n.name, n.title)
        }
        self._path = desk.folder / "inject.jsonl"
        self._offset = self._path.stat().st_size if self._path.exists() else 0
        self._clock = clock
        self._told_s: float | None = None

    def tell(self, step: int, ended: bool) -> None:
        """Say how far the cloud has got; now and then, and at the end."""
        now_s = self._clock()
        if ended or self._told_s is None or now_s - self._told_s >= TELL_EVERY_S:
            self._told_s = now_s
            clock = CloudClock(os.getpid(), self._settings.ms(step), ended)
            replace_file(
                self._desk.folder / f"clock.{self._cloud}.json", msgspec.json.encode(clock)
            )

    def requests(self, step: int) -> list[Request]:
        """Return what was asked for since the last call; what cannot be read is left alone."""
        if self._told_s is None:
            self.tell(step, False)
        lines, self._offset = read_lines(self._path, self._offset)
        found: list[Request] = []
        for line in lines:
            try:
                request = msgspec.json.decode(line, type=Request)
            except msgspec.DecodeError:
                continue
            if request.resource in self._names and request.fault in {*FAULTS, DRIFT}:
                found.append(request)
        return found

    def confirm(self, request: Request, fault: TrueFault) -> None:
        """Add the fault to the labels, then say that it will be played."""
        with self._desk.locked():
            truth = read_truth(self._desk.truth_path)
            faults = tuple(sorted((*truth.faults, fault), key=lambda f: (f.start_ms, f.id)))
            write_truth(self._desk.truth_path, msgspec.structs.replace(truth, faults=faults))
        append_line(self._desk.folder / "answers.jsonl", Answer(request.id, True, fault=fault))

    def confirm_drift(self, request: Request, drift: TrueDrift) -> None:
        """Do the same for a drift."""
        with self._desk.locked():
            truth = read_truth(self._desk.truth_path)
            drifts = (*truth.drifts, drift)
            write_truth(self._desk.truth_path, msgspec.structs.replace(truth, drifts=drifts))
        append_line(self._desk.folder / "answers.jsonl", Answer(request.id, True, drift=drift))

    def refuse(self, request: Request) -> None:
        """Say why not."""
        reason = (
            "it cannot happen there now: the metric's natural limits leave no room for two "
            "deviations, or the simulation is at its end"
        )
        append_line(self._desk.folder / "answers.jsonl", Answer(request.id, False, reason))
