"""Hours at a steady load: does memory stay, does the lag stay, are handles given back?

Run `make soak`, or `python -m benchmarks.soak --help`. A simulated estate is told at its pace to
`foreshock run`. The first quarter is warm-up; the last is compared with the second. The lag is
how long ago the simulator told what the key groups have closed by now.
"""

import argparse
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import msgspec
import psutil
import yaml
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parent.parent
LOOK_S = 5.0
GOAL_GROWTH = 0.02
CLOSED = "foreshock_closed_timestamp_seconds"


class Look(msgspec.Struct, frozen=True):
    """The workers at a moment."""

    after_s: float
    memory_mb: float
    handles: int
    store_mb: float
    cpu_s: float
    closed_s: float  # event time, 0: none yet


class Line(msgspec.Struct, frozen=True):
    """How event time goes with the clock, and where the key groups were nearest to it."""

    speed: float
    ahead_s: float

    def lag_s(self, look: Look) -> float:
        """Return how much further behind than the nearest a look is, in seconds of the clock."""
        return look.after_s - (look.closed_s - self.ahead_s) / self.speed


def line_of(found: list[Look], speed: float) -> Line:
    """Return the line through the look that was least behind."""
    return Line(speed, max(look.closed_s - look.after_s * speed for look in found))


def closed_s(port: int) -> float:
    """Return the event time that the slowest worker has closed; 0 if it does not say."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=LOOK_S) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, OSError):
        return 0.0
    families = text_string_to_metric_families(text)
    return next((s.value for f in families for s in f.samples if s.name == CLOSED), 0.0)


def settings(folder: Path, days: float, resources: int, speed: float, port: int) -> Path:
    """Write the settings of the run."""
    source = {"type": "simulator", "days": days, "resources": resources, "speed": speed}
    document = {
        "sources": [source],
        "sinks": [{"type": "sql", "url": f"sqlite:///{folder}/incidents.db", "retention_days": 3}],
        "recovery": {"dir": str(folder / "recovery")},
        "control_log": str(folder / "control.jsonl"),
        "metrics_port": port,
    }
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def looks(run: "subprocess.Popen[bytes]", folder: Path, hours: float, port: int) -> list[Look]:
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
                closed_s(port),
            )
        )
        if len(found) % 12 == 1:
            look = found[-1]
            print(
                f"  {look.after_s:7.0f} s {look.memory_mb:8.1f} MB {look.handles:5} handles "
                f"{look.store_mb:8.1f} MB on disk {look.cpu_s:9.1f} s of CPU, closed "
                f"{look.closed_s:.0f}",
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
    parser.add_argument("--port", type=int, default=19464, help="of the first worker's metrics")
    given = parser.parse_args()
    days = given.hours * 3600 * given.speed / 86_400 + 1
    with TemporaryDirectory(prefix="foreshock-") as name:
        folder = Path(name)
        command = [sys.executable, "-m", "foreshock", "run", "-c"]
        command += [str(settings(folder, days, given.resources, given.speed, given.port))]
        command += ["--processes", str(given.processes)]
        run = subprocess.Popen(command, cwd=ROOT)
        try:
            found = looks(run, folder, given.hours, given.port)
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
    line = line_of(second + last, given.speed)
    lags = [max(line.lag_s(look) for look in part) for part in (second, last)]
    print(
        f"memory {growth:+.2%} (goal {GOAL_GROWTH:.0%}), handles {handles:+}, load {load:.2f} "
        f"cores, most behind {lags[0]:.1f} s in the second quarter, {lags[1]:.1f} s in the last"
    )
    return int(growth > GOAL_GROWTH or handles > 0)


if __name__ == "__main__":
    sys.exit(main())
