"""Hand a fault to a running simulation, from another process, and wait for its word."""

import difflib
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from connectors.simulator.desk import (
    Answer,
    CloudClock,
    Request,
    Running,
    Simulated,
    append_line,
    read_lines,
)
from connectors.simulator.drifts import KIND as DRIFT
from connectors.simulator.effects import LEAST_DEV, MOST_DEV
from connectors.simulator.faults import FAULTS
from schema import stable_id

POLL_S = 0.05


class InjectError(Exception):
    """The fault was not taken; the text says why and what would be."""


def running_in(folder: Path) -> Running:
    """Return who is simulated in this state folder. Raises: InjectError if nobody is."""
    path = folder / "fleet.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Running)
    except FileNotFoundError:
        raise InjectError(
            f"no simulation has run with its state in {folder}: start `foreshock demo` or "
            "`foreshock simulate --kafka ... --live`, or name its --state-dir"
        ) from None
    except (OSError, msgspec.DecodeError) as ex:
        raise InjectError(f"{path}: {ex}") from ex


def _near(what: str, wanted: str, known: list[str]) -> InjectError:
    near = difflib.get_close_matches(wanted, known, n=5, cutoff=0.4) or known[:5]
    return InjectError(f"{what} must be one of the running ones, near {', '.join(near)}; "
                       f"got {wanted!r}")  # fmt: skip


def check(
    running: Running, fault: str, resource: str, minutes: float, size_dev: float
) -> Simulated:
    """Return the resource that is meant. Raises: InjectError with near matches."""
    kinds = (*FAULTS, DRIFT)
    if fault not in kinds:
        near = difflib.get_close_matches(fault, kinds, n=1, cutoff=0.4)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise InjectError(f"fault must be one of {', '.join(kinds)}; got {fault!r}{hint}")
    if not 1 <= minutes <= 1440:
        raise InjectError(f"minutes must be in [1, 1440], got {minutes!r}")
    if not LEAST_DEV <= size_dev <= MOST_DEV:
        raise InjectError(f"size must be in [{LEAST_DEV:g}, {MOST_DEV:g}], got {size_dev!r}")
    found = [r for r in running.resources if resource in (r.name, r.title)]
    if not found:
        raise _near("resource", resource, [r.title for r in running.resources])
    if fault not in found[0].faults:
        raise InjectError(
            f"{fault} cannot start at {resource} ({found[0].service}), "
            f"which can have {', '.join(found[0].faults)}"
        )
    return found[0]


def clock_of(folder: Path, cloud: str) -> CloudClock:
    """Return how far a cloud has got. Raises: InjectError if its simulation has ended."""
    path = folder / f"clock.{cloud}.json"
    try:
        clock = msgspec.json.decode(path.read_bytes(), type=CloudClock)
    except (OSError, msgspec.DecodeError) as ex:
        raise InjectError(f"no simulation of {cloud} runs with its state in {folder}") from ex
    if clock.ended or not _alive(clock.pid):
        raise InjectError(f"the simulation in {folder} has ended: nothing is running")
    return clock


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def inject(
    folder: Path,
    fault: str,
    resource: str,
    minutes: float,
    size_dev: float,
    wait_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> Answer:
    """Hand in a fault, or a drift of the resource's service, and return the simulation's answer.

    Raises: InjectError on a bad name, if nothing runs, or if no answer came within `wait_s`.
    """
    target = check(running_in(folder), fault, resource, minutes, size_dev)
    before = clock_of(folder, target.cloud)
    name = f"I{stable_id(f'{os.getpid()}:{time.monotonic_ns()}'):016x}"
    answers = folder / "answers.jsonl"
    offset = answers.stat().st_size if answers.exists() else 0
    append_line(
        folder / "inject.jsonl", Request(name, fault, target.name, float(minutes), size_dev)
    )
    until_s = clock() + wait_s
    while clock() < until_s:
        lines, offset = read_lines(answers, offset)
        for line in lines:
            answer = msgspec.json.decode(line, type=Answer)
            if answer.id == name:
                return answer
        clock_of(folder, target.cloud)  # raises once it has ended
        time.sleep(POLL_S)
    raise InjectError(
        f"no answer within {wait_s:g} s; the simulation (process {before.pid}) may be paused; "
        "the fault may still come"
    )
