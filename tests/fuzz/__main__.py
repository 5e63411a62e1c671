"""`python -m tests.fuzz`: many damaged payloads of every format, and a table of what came of them.

A fault ends the run and prints the payload; `--seed`, `--format` and `--payloads` repeat it.
"""

import argparse
import sys
import warnings

from tests.fuzz.formats import FUZZED
from tests.fuzz.harness import MIN_PARTLY_VALID, Figures, Run

_MAX_GROWN_BYTES = 64_000_000


def main() -> int:
    """Fuzz, print a line a format, and return 1 if a figure is not what it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payloads", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", choices=list(FUZZED), action="append")
    args = parser.parse_args()
    say = sys.stdout.write
    say(
        f"{'format':24}{'payloads':>9}{'partly':>8}{'samples':>9}{'rejects':>9}{'empty':>7}"
        f"{'slowest':>10}{'grown':>9}{'a second':>10}{'packed':>9}{'late':>7}{'absorbed':>9}\n"
    )
    warnings.simplefilter("error")
    bad = 0
    for name in args.format or list(FUZZED):
        found = Run(name, args.seed).over(args.payloads)
        say(line(name, found))
        sys.stdout.flush()
        bad += found.share < MIN_PARTLY_VALID or found.grown_bytes > _MAX_GROWN_BYTES
    return int(bad > 0)


def line(name: str, found: Figures) -> str:
    """Return a format's figures; a second line has the rejects by reason."""
    reasons = ", ".join(f"{reason} {count}" for reason, count in found.rejects.most_common())
    return (
        f"{name:24}{found.payloads:9}{found.share:8.1%}{found.samples:9}"
        f"{found.rejects.total():9}{found.empty:7}{found.slowest_s * 1000:7.1f} ms"
        f"{found.grown_bytes / 1e6:6.1f} MB{found.payloads / found.elapsed_s:10.0f}"
        f"{found.packed:9}{found.late:7}{found.absorbed:9}\n{'':24}{reasons}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
