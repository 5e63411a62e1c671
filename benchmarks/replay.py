"""How fast an archive of minutes is replayed, and in how much memory.

Run `make bench-replay`, or `python -m benchmarks.replay --help`. Each replay is a
`foreshock backtest` in a process of its own. The archive is written once, into a folder that is
kept.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from benchmarks.archive import METRICS, MINUTES, archive

ROOT = Path(__file__).resolve().parent.parent
RUNS = ("100x7", "100x30", "1000x3")  # resources x days
MB = 2**20


class Told(msgspec.Struct, frozen=True):
    """What is shown of `backtest --json`."""

    samples: int
    rejected: int
    late: int
    elapsed_s: float
    cpu_s: float
    peak_rss_bytes: int
    incident_count: int
    outcome_digest: str


def replayed(files: list[Path], options: list[str]) -> Told:
    """Replay files; compiling is not part of what is told."""
    command = [sys.executable, "foreshock.py", "backtest", *map(str, files), "--json", *options]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Told)


def show(name: str, days: int, told: Told) -> None:
    """Print one replay."""
    ahead = days * 86_400 / told.elapsed_s
    print(
        f"{name:>10}{told.samples:13,}{told.elapsed_s:9.1f}{told.cpu_s:9.1f}"
        f"{told.samples / told.elapsed_s:11,.0f}{told.cpu_s / told.samples * 1e6:9.2f}"
        f"{ahead:10,.0f}"
        f"{told.peak_rss_bytes / MB:9,.0f}{told.incident_count:11,}  {told.outcome_digest[:12]}",
        flush=True,
    )


def main() -> None:
    """Replay each archive and print a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", default=RUNS, help="resources x days, such as 100x30")
    folder = Path(tempfile.gettempdir()) / "foreshock-archive"
    parser.add_argument("--folder", type=Path, default=folder, help="where archives are kept")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--batch", type=int, default=10_000, help="rows at once")
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores, {args.workers} process(es), {METRICS} metrics a resource")
    print(
        f"{'':>10}{'samples':>13}{'wall s':>9}{'CPU s':>9}{'samples/s':>11}{'CPU us':>9}"
        f"{'x real':>10}{'peak MB':>9}{'incidents':>11}  outcome"
    )
    for name in args.runs:
        resources, days = map(int, name.split("x"))
        files = archive(args.folder, resources, days)
        options = ["--workers", str(args.workers), "--batch", str(args.batch)]
        told = replayed(files, options)
        show(name, days, told)
        expected = resources * METRICS * MINUTES * days
        if told.samples != expected or told.rejected or told.late:
            sys.exit(f"{name}: {expected:,} samples were written; got {told!r}")


if __name__ == "__main__":
    main()
