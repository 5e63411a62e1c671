"""One process or several: the same work, one clear error, and an end in good order."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest

from connectors.recovery_store import RecoverySettings
from flows.launch import LaunchError, run
from tests.flows.small_flows import counting

ROOT = Path(__file__).parent.parent.parent
DEADLINE_S = 30.0
BOTH = pytest.mark.parametrize("processes", [1, 2])


def numbers(folder: Path, name: str) -> list[int]:
    lines = [
        line.split() for file in folder.glob("out-*.txt") for line in file.read_text().splitlines()
    ]
    return sorted(int(line[1]) for line in lines if len(line) == 2 and line[0] == name)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.02)


def signal_when(number: int, condition: Callable[[], bool]) -> threading.Thread:
    def watch() -> None:
        wait_until(condition)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@BOTH
def test_runs_until_the_sources_end(tmp_path: Path, processes: int) -> None:
    assert run(partial(counting, tmp_path, 20, ""), processes=processes) is None
    assert numbers(tmp_path, "a") == numbers(tmp_path, "b") == list(range(1, 21))


def test_two_processes_share_the_work(tmp_path: Path) -> None:
    run(partial(counting, tmp_path, 20, ""), processes=2)
    assert [len(file.read_text().splitlines()) for file in tmp_path.iterdir()] == [20, 20]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("build", "no such topic"),
        ("open", "cannot open partition b"),
        ("map", "5 is too much"),
    ],
)
def test_one_process_raises_what_was_raised(tmp_path: Path, broken: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$") as caught:
        run(partial(counting, tmp_path, 20, broken))
    assert isinstance(caught.value.__cause__, KeyError) == (broken == "map")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("build", "worker [12] of 2: ValueError: no such topic"),
        ("open", "worker [12] of 2: ValueError: cannot open partition b"),
        ("map", "worker [12] of 2: ValueError: 5 is too much"),
        ("kill", "worker [12] of 2: killed by SIGKILL"),
    ],
)
def test_a_failed_child_ends_all_and_is_named(tmp_path: Path, broken: str, message: str) -> None:
    before = set(psutil.Process().children())  # a broker of other tests
    with pytest.raises(LaunchError, match=f"^{message}$") as caught:
        run(partial(counting, tmp_path, None, broken), processes=2)
    assert ("raise ValueError" in caught.value.detail) == (broken != "kill")
    left = set(psutil.Process().children()) - before
    assert all("resource_tracker" in " ".join(child.cmdline()) for child in left)


@BOTH
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_in_order_and_a_later_run_goes_on(
    tmp_path: Path, processes: int, number: signal.Signals
) -> None:
    recovery = RecoverySettings(dir=str(tmp_path / "state"), snapshot_interval_s=0.1)
    handler = signal.getsignal(number)
    for least in (10, 20):
        thread = signal_when(number, lambda least=least: len(numbers(tmp_path, "a")) >= least)  # type: ignore[misc]
        build = partial(counting, tmp_path, None, "")
        assert run(build, processes=processes, recovery=recovery) is number
        thread.join()
        assert signal.getsignal(number) is handler
    seen = numbers(tmp_path, "a")
    assert seen == list(range(1, len(seen) + 1))  # nothing twice, nothing left out


def test_who_does_not_stop_in_time_is_ended(tmp_path: Path) -> None:
    thread = signal_when(signal.SIGTERM, lambda: len(numbers(tmp_path, "b")) > 0)
    with pytest.raises(LaunchError, match=r"did not stop within 0\.2 s"):
        run(partial(counting, tmp_path, None, "deaf"), processes=2, stop_deadline_s=0.2)
    thread.join()


def _start(folder: Path, processes: int, broken: str) -> "subprocess.Popen[bytes]":
    code = (
        "from functools import partial; from pathlib import Path; from flows.launch import run; "
        "from tests.flows.small_flows import counting; "
        f"run(partial(counting, Path({str(folder)!r}), None, {broken!r}), processes={processes})"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_second_signal_ends_at_once(tmp_path: Path, processes: int) -> None:
    with _start(tmp_path, processes, "deaf") as parent:
        wait_until(lambda: len(numbers(tmp_path, "b")) > 0)
        family = psutil.Process(parent.pid).children(recursive=True)
        parent.send_signal(signal.SIGTERM)
        before = len(numbers(tmp_path, "b"))
        wait_until(lambda: len(numbers(tmp_path, "b")) > before)  # it goes on: it is deaf
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(DEADLINE_S) == -signal.SIGTERM
    assert psutil.wait_procs(family, DEADLINE_S)[1] == []


def test_children_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    with _start(tmp_path, 2, "") as parent:
        wait_until(lambda: len(numbers(tmp_path, "b")) > 0)
        family = psutil.Process(parent.pid).children(recursive=True)
        assert len(family) >= 2
        parent.kill()
    assert psutil.wait_procs(family, DEADLINE_S)[1] == []


def test_a_recovery_folder_has_one_user_at_a_time(tmp_path: Path) -> None:
    recovery = RecoverySettings(dir=str(tmp_path / "state"), snapshot_interval_s=0.1)

    def build(stop: threading.Event) -> object:
        with pytest.raises(BlockingIOError, match="another run uses this recovery folder"):
            run(partial(counting, tmp_path, 1, ""), recovery=recovery)
        return counting(tmp_path, 5, "", stop)

    run(build, recovery=recovery)  # type: ignore[arg-type]
    run(partial(counting, tmp_path, 8, ""), recovery=recovery)
    assert numbers(tmp_path, "a") == list(range(1, 9))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"snapshot_interval_s": 0.0}, r"snapshot_interval_s must be in \(0, 3600\] s, got 0\.0"),
        ({"snapshot_interval_s": float("nan")}, "snapshot_interval_s must be"),
        ({"backup_interval_s": -1.0}, "backup_interval_s must be"),
        ({"partitions": 0}, r"partitions must be in \[1, 64\], got 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RecoverySettings(**settings)  # type: ignore[arg-type]


def test_less_than_one_process_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="processes must be 1 or more, got 0"):
        run(partial(counting, tmp_path, 1, ""), processes=0)
