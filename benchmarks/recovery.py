"""What recovery costs, a snapshot weighs, a resume takes, and two processes gain.

Run `make bench-recovery`, or `python -m benchmarks.recovery --help`. The estate of `benchmarks` is
written to four files, and read by the flow of `foreshock run`, in processes of its own. The start
of a run, as one over a single minute takes it, is not counted.
"""

import argparse
import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.estate import METRICS, PARTITIONS, Panel, Plan
from config.app import App
from connectors.files import FileSource
from connectors.jsonl_sink import JsonLinesSink
from connectors.recovery_store import RecoverySettings
from flows.assemble import catalogue_of
from flows.launch import run as launch
from flows.recovery import inspect
from flows.run import detect_flow
from flows.warm_up import compile_kernels

SIZES = (1_000, 10_000, 50_000)
SAMPLES = 3_000_000
WORKERS = (8, 32)  # of the model
ROOT = Path(__file__).resolve().parent.parent


class Cost(msgspec.Struct, frozen=True):
    """What one run took."""

    wall_s: float
    cpu_s: float


def write(folder: Path, resources: int, minutes: int) -> None:
    """Write the estate's files."""
    folder.mkdir()
    plan = Plan(resources, (), tuple(range(minutes)))
    for i, name in enumerate(PARTITIONS):
        panel = Panel(plan, i)
        with (folder / f"{name}.jsonl").open("wb") as file:
            for minute in plan.minutes:
                file.write(b"\n".join(panel.payloads(minute)) + b"\n")


def run_here(data: Path, store: str, processes: int) -> Cost:
    """Run the flow once."""
    with TemporaryDirectory() as own:
        app = App(
            sources=(FileSource((str(data),), format="cloudwatch-json"),),
            sinks=(JsonLinesSink(f"{own}/incidents.jsonl"),),
            recovery=RecoverySettings(dir=store or None),
        )
        compile_kernels(app, catalogue_of(app))
        began_s, cpu_s = time.perf_counter(), _cpu_s()
        flow = partial(detect_flow, app, Path(own) / "pace")
        launch(flow, processes=processes, recovery=app.recovery)
        return Cost(time.perf_counter() - began_s, _cpu_s() - cpu_s)


def run_apart(data: Path, store: Path | None, processes: int = 1) -> Cost:
    """Run the flow once, in processes of its own."""
    command = [sys.executable, "-m", "benchmarks.recovery", "--child", str(data)]
    command += ["--store", str(store or ""), "--processes", str(processes)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Cost)


def measure(resources: int, samples: int, folder: Path) -> None:
    """Measure one size and print it."""
    minutes = max(2, round(samples / (resources * METRICS)))
    samples = minutes * resources * METRICS
    data, minute, store = folder / "data", folder / "minute", folder / "store"
    write(data, resources, minutes)
    write(minute, resources, 1)
    idle = {n: run_apart(minute, None, n) for n in (1, 2)}
    off = _less(run_apart(data, None), idle[1])
    on = _less(run_apart(data, store), idle[1])
    resumed = run_apart(data, store)
    two = _less(run_apart(data, None, 2), idle[2])
    kept = inspect(store)
    size = sum(step.bytes for step in kept.steps)
    snapshots = max(1, kept.resume_epoch - 2)
    print(f"\n{resources:,} resources, {samples:,} samples")
    print(f"  without recovery  {samples / off.wall_s:12,.0f} samples/s")
    print(
        f"  with recovery     {samples / on.wall_s:12,.0f} samples/s, {off.wall_s / on.wall_s:.2f}"
    )
    print(
        f"  a snapshot        {size:12,} bytes, {size / resources:,.0f} a resource, "
        f"{max(0.0, on.wall_s - off.wall_s) / snapshots:.2f} s ({snapshots} of them)"
    )
    print(
        f"  a resume          {max(0.0, resumed.wall_s - idle[1].wall_s):12.2f} s more than a start"
    )
    print(
        f"  two processes     {samples / two.wall_s:12,.0f} samples/s, "
        f"{off.wall_s / two.wall_s:.2f}"
    )
    print("  " + _model(off, two, samples))


def _model(one: Cost, two: Cost, samples: int) -> str:
    """Return what more workers would do, if an exchange costs each as it costs two.

    Of n workers' samples (n - 1) / n go to another; each has a core of its own.
    """
    own_us = one.cpu_s / samples * 1e6
    moved_us = max(0.0, two.cpu_s - one.cpu_s) / (samples / 2) * 1e6
    rates = [f"{n}: {n / (own_us + moved_us * (n - 1) / n):.2f} million/s" for n in WORKERS]
    said = f"a sample          {own_us:.2f} us, moved {moved_us:.2f} us more"
    return f"{said}; workers {', '.join(rates)}"


def _less(cost: Cost, idle: Cost) -> Cost:
    return Cost(max(0.01, cost.wall_s - idle.wall_s), max(0.01, cost.cpu_s - idle.cpu_s))


def _cpu_s() -> float:
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main() -> None:
    """Measure every size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="resources")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="of a run")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--store", default="", help=argparse.SUPPRESS)
    parser.add_argument("--processes", type=int, default=1, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        cost = run_here(given.child, given.store, given.processes)
        sys.stdout.write(msgspec.json.encode(cost).decode())
        return
    for size in given.sizes:
        with TemporaryDirectory(prefix="foreshock-") as folder:
            measure(size, given.samples, Path(folder))


if __name__ == "__main__":
    main()
