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

METRICS = 5  # a resource
ROOT = Path(__file__).resolve().parent.parent
VARIANTS = ("bare", "whole", "profile", "per-event")
SIZES = (1_000, 20_000)
SAMPLES = 2_000_000
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


def show(runs: list[Run], base: Run) -> None:
    """Print the variants of one size."""
    print(f"\n{base.resources:,} resources, {METRICS} metrics each, every minute")
    print(
        f"  {'':10}{'samples':>11}{'wall s':>8}{'CPU s':>8}{'samples/s':>12}{'of bare':>9}"
        f"{'by CPU':>8}{'CPU us/sample':>15}{'peak MB':>9}{'rows':>10}{'incidents':>11}"
    )
    for run in runs:
        print(
            f"  {run.variant:10}{run.samples:11,}{run.wall_s:8.1f}{run.cpu_s:8.1f}"
            f"{run.rate:12,.0f}{run.rate / base.rate:9.3f}{base.cpu_us / run.cpu_us:8.3f}"
            f"{run.cpu_us:15.2f}{run.peak_mb:9,.0f}{run.scored:10,}{run.incidents:11,}"
        )


def show_steps(run: Run) -> None:
    """Print where the time of a profiled run goes, by wall time."""
    print(f"\n  shares of it, profiled ({run.wall_s:.1f} s):")
    for name, share in sorted(run.shares.items(), key=lambda item: -item[1]):
        us = share * run.wall_s / run.samples * 1e6
        print(f"    {name:28}{share:7.1%}{us:8.2f} us/sample{run.calls.get(name, 0):9,} calls")
    if run.fits:
        a_day = run.resources * METRICS * 1440
        print(
            f"    not in it, once a day: {run.fits} fits of {run.fit_s / run.fits * 1e3:.0f} ms, "
            f"{run.fit_s / a_day * 1e6:.2f} us/sample"
        )


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
    rates: list[Run] = []
    for resources in args.sizes:
        runs = {v: run_in_child(v, resources, args.samples, args.without) for v in args.variants}
        base = runs.get("bare") or next(iter(runs.values()))
        show(list(runs.values()), base)
        if "profile" in runs:
            show_steps(runs["profile"])
        rates.append(runs.get("whole") or base)
    if len(rates) > 1:
        print(
            f"\n{args.sizes[-1]:,} to {args.sizes[0]:,} resources: "
            f"{rates[-1].rate / rates[0].rate:.2f} of the samples/s, by CPU "
            f"{rates[0].cpu_us / rates[-1].cpu_us:.2f}; goal: 1 +- {GOAL_FLAT}"
        )
    print(f"goal for the whole flow: {GOAL_RATIO} or more of the bare one")


if __name__ == "__main__":
    main()
