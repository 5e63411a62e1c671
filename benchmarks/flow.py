"""The whole flow beside a bare one and beside the per-event way, on one core, in one run.

Run `make bench`, or `python -m benchmarks.flow --help`. Each variant has a process of its own, so
that its peak memory is its own. Making the payloads, compiling, and the lead-in after which every
detector is at work are not timed. The bare flow has the same source, payloads and decoder.
"""

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

import msgspec

from benchmarks.run import Run

ROOT = Path(__file__).resolve().parent.parent
VARIANTS = ("bare", "whole", "profile", "per-event")
SIZES = (1_000, 20_000)
SAMPLES = 3_000_000
GOAL_RATIO, GOAL_FLAT = 0.35, 0.2
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def run_here(variant: str, resources: int, samples: int, without: list[str]) -> Run:
    """Run one variant in this process."""
    from benchmarks import variants  # noqa: PLC0415  # the parent need not load the product

    match variant:
        case "bare":
            return variants.bare(resources, samples)
        case "per-event":
            return variants.one_by_one(resources)
        case _:
            return variants.whole(resources, samples, profile=variant == "profile", without=without)


def run_in_child(variant: str, resources: int, samples: int, without: list[str]) -> Run:
    """Run one variant in a process of its own, on one core."""
    core = max(os.sched_getaffinity(0))
    command = [
        sys.executable, "-m", "benchmarks.flow", "--child", variant, "--sizes", str(resources),
        "--samples", str(samples), "--without", *without,
    ]  # fmt: skip
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **dict.fromkeys(_THREADS, "1"), "FORESHOCK_BENCH_CORE": str(core)},
        stdout=subprocess.PIPE,
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=Run)


def show(runs: list[Run], bare_run: Run) -> None:
    """Print the variants of one size."""
    print(f"\n{bare_run.resources:,} resources, 5 metrics each, every minute")
    print(
        f"  {'':10}{'samples':>11}{'wall s':>8}{'CPU s':>8}{'samples/s':>12}{'of bare':>9}"
        f"{'us/sample':>11}{'peak MB':>9}{'rows':>10}{'incidents':>11}"
    )
    for run in runs:
        rate = run.samples / run.wall_s
        ratio = rate / (bare_run.samples / bare_run.wall_s)
        print(
            f"  {run.variant:10}{run.samples:11,}{run.wall_s:8.1f}{run.cpu_s:8.1f}{rate:12,.0f}"
            f"{ratio:9.3f}{run.cpu_s / run.samples * 1e6:11.2f}{run.peak_mb:9,.0f}"
            f"{run.scored:10,}{run.incidents:11,}"
        )


def show_steps(run: Run) -> None:
    """Print where the time of a profiled run goes."""
    print(f"\n  shares of {run.resources:,} resources, profiled ({run.wall_s:.1f} s):")
    for name, share in sorted(run.shares.items(), key=lambda item: -item[1]):
        us = share * run.wall_s / run.samples * 1e6
        print(f"    {name:32}{share:7.1%}{us:8.2f} us/sample{run.calls.get(name, 0):10,} calls")
    fits = {k: v for k, v in run.lead_in.items() if "fit" in k}
    print(f"    lead-in: {sum(run.lead_in.values()):.1f} s, of it {fits}")


def main() -> None:
    """Run all variants and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--variants", nargs="+", default=VARIANTS, choices=VARIANTS)
    parser.add_argument("--without", nargs="*", default=[], help="detectors to switch off")
    parser.add_argument("--child", choices=VARIANTS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        os.sched_setaffinity(0, {int(os.environ["FORESHOCK_BENCH_CORE"])})
        run = run_here(args.child, args.sizes[0], args.samples, args.without)
        sys.stdout.buffer.write(msgspec.json.encode(run))
        return
    print(f"one core of {os.cpu_count()}, {platform.machine()}, Python {platform.python_version()}")
    rates: list[float] = []
    for resources in args.sizes:
        runs = {v: run_in_child(v, resources, args.samples, args.without) for v in args.variants}
        show(list(runs.values()), runs.get("bare") or next(iter(runs.values())))
        if "profile" in runs:
            show_steps(runs["profile"])
        if "whole" in runs and "bare" in runs:
            rates.append(runs["whole"].samples / runs["whole"].wall_s)
            ratio = rates[-1] / (runs["bare"].samples / runs["bare"].wall_s)
            print(f"\n  whole to bare: {ratio:.3f}; goal: {GOAL_RATIO} or more")
    if len(rates) > 1:
        print(f"\nlargest to smallest: {rates[-1] / rates[0]:.2f}; goal: 1 +- {GOAL_FLAT}")


if __name__ == "__main__":
    main()
