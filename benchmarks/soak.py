"""Hours at a steady load: does memory stay, does the lag stay, are handles given back?

Run `make soak`, or `python -m benchmarks.soak --help`. A simulated estate is told at its pace to
`foreshock run`. The first quarter is warm-up; the last is compared with the second.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import msgspec
import psutil
import yaml

ROOT = Path(__file__).resolve().parent.parent
LOOK_S = 5.0
GOAL_GROWTH = 0.02


class Look(msgspec.Struct, frozen=True):
    """The workers at a moment."""

    after_s: float
    memory_mb: float
    handles: int
    store_mb: float
    cpu_s: float


def settings(folder: Path, days: float, resources: int, speed: float) -> Path:
    """Write the settings of the run."""
    source = {"type": "simulator", "days": days, "resources": resources, "speed": speed}
    document = {
        "sources": [source],
        "sinks": [{"type": "sql", "url": f"sqlite:///{folder}/incidents.db", "retention_days": 3}],
        "recovery": {"dir": str(folder / "recovery")},
        "control_log": str(folder / "control.jsonl"),
    }
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def looks(run: "subprocess.Popen[bytes]", folder: Path, hours: float) -> list[Look]:
    """Look at the run for so long."""
    found: list[Look] = []
    began_s = time.monotonic()
    while run.poll() is None and time.monotonic() < began_s + hours * 3600:
        time.sleep(LOOK_S)
        family = [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]
        size = sum(f.stat().st_size for f in (folder / "recovery").glob("*")) / 2**20
        times = [process.cpu_times() for process in family]
        found.append(
            Look(
                time.monotonic() - began_s,
                sum(process.memory_info().rss for process in family) / 2**20,
                sum(process.num_fds() for process in family),
                size,
                sum(each.user + each.system for each in times),
            )
        )
        if len(found) % 12 == 1:
            look = found[-1]
            print(
                f"  {look.after_s:7.0f} s {look.memory_mb:8.1f} MB {look.handles:5} handles "
                f"{look.store_mb:8.1f} MB on disk {look.cpu_s:9.1f} s of CPU",
                flush=True,
            )
    return found


def main() -> int:
    """Run, and say whether anything grows; 1 if it does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--resources", type=int, default=200)
    parser.add_argument("--speed", type=float, default=1200.0, help="simulated seconds a second")
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    days = given.hours * 3600 * given.speed / 86_400 + 1
    with TemporaryDirectory(prefix="foreshock-") as name:
        folder = Path(name)
        command = [sys.executable, "-m", "foreshock", "run", "-c"]
        command += [str(settings(folder, days, given.resources, given.speed))]
        command += ["--processes", str(given.processes)]
        run = subprocess.Popen(command, cwd=ROOT)
        try:
            found = looks(run, folder, given.hours)
        finally:
            run.terminate()
            code = run.wait()
    quarter = len(found) // 4
    second, last = found[quarter : 2 * quarter], found[-quarter:]
    if code != 0 or not second:
        print(f"it ended with {code} after {len(found)} looks")
        return 1
    growth = fmean(x.memory_mb for x in last) / fmean(x.memory_mb for x in second) - 1
    handles = max(x.handles for x in last) - max(x.handles for x in second)
    load = (last[-1].cpu_s - second[0].cpu_s) / (last[-1].after_s - second[0].after_s)
    print(
        f"memory {growth:+.2%} (goal {GOAL_GROWTH:.0%}), handles {handles:+}, load {load:.2f} cores"
    )
    return int(growth > GOAL_GROWTH or handles > 0)


if __name__ == "__main__":
    sys.exit(main())
