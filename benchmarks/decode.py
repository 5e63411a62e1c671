"""`make bench-decode`: what a decoder costs a sample, beside bare readers of the same messages.

One core, processor time, the least of several rounds in which all take turns. `ratio` is to the
first of the bare readers: `msgspec.json.decode` for JSON, the protocol's own class for protobuf.
`typed` is msgspec with a struct an object, made from a message. A sample is a value that leaves the
decoder; a histogram's point is three of them.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.bare import readers
from benchmarks.messages import KINDS, Kind, messages
from config.catalogue import load_catalogue
from connectors.formats.registry import FORMATS, create_decoder
from schema import SeriesTable

GOAL_RATIO = 2.0
CHUNK_POINTS = 5_000  # that a source reads at once


class Row(NamedTuple):
    """The figures of one kind of message, in microseconds of processor time a sample."""

    format: str
    message: str
    samples: int
    bytes_a_sample: float
    ours_us: float
    bare_us: dict[str, float]
    ratio: float


def measure(kind: Kind, points: int, rounds: int) -> Row:
    """Measure one kind of message.

    Raises: ValueError if a message is not decoded without rejects.
    """
    payloads = messages(kind, points)
    size = max(1, CHUNK_POINTS // kind.points)
    chunks = [payloads[at : at + size] for at in range(0, len(payloads), size)]
    decoder, table = create_decoder(kind.format, load_catalogue()), SeriesTable()
    samples = 0
    for chunk in chunks:  # once untimed: what is learnt of a series is learnt once
        found = decoder(chunk, table)
        if found.rejects:
            raise ValueError(f"{kind.format} must decode its messages, got {found.rejects[0]!r}")
        samples += len(found.batch.value)
    bare = readers(kind.format, payloads[0])
    best = dict.fromkeys(("ours", *bare), float("inf"))
    for _ in range(rounds):
        began = time.process_time()
        for chunk in chunks:
            decoder(chunk, table)
        best["ours"] = min(best["ours"], time.process_time() - began)
        for name, read in bare.items():
            began = time.process_time()
            for chunk in chunks:
                read(chunk)
            best[name] = min(best[name], time.process_time() - began)
    each = {name: round(spent_s / samples * 1e6, 4) for name, spent_s in best.items()}
    ours = each.pop("ours")
    length = round(sum(map(len, payloads)) / samples, 1)
    ratio = round(ours / next(iter(each.values())), 2)
    return Row(kind.format, kind.what, samples, length, ours, each, ratio)


def main() -> None:
    """Print a table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=40_000, help="a kind of message")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--format", choices=FORMATS, action="append")
    parser.add_argument("--write", type=Path, help="a JSON file for the figures")
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    missing = sorted(set(FORMATS) - {kind.format for kind in KINDS})
    if missing:
        raise ValueError(f"every format must have a message here, got none of {missing}")
    print(
        f"{'format':24}{'a message':17}{'samples':>8}{'B/sample':>9}{'us/sample':>10}"
        f"{'bare':>8}{'ratio':>7}  other readers"
    )
    rows = []
    for kind in KINDS:
        if args.format and kind.format not in args.format:
            continue
        row = measure(kind, args.points, args.rounds)
        rows.append(row)
        (_, bare), *others = row.bare_us.items()
        shown = ", ".join(f"{name} {spent:.3f}" for name, spent in others)
        over = " !" if row.ratio > GOAL_RATIO else "  "
        print(
            f"{row.format:24}{row.message:17}{row.samples:8}{row.bytes_a_sample:9.1f}"
            f"{row.ours_us:10.3f}{bare:8.3f}{row.ratio:7.2f}{over}{shown}"
        )
        sys.stdout.flush()
    if args.write:
        about = {"python": platform.python_version(), "machine": platform.machine()}
        figures = {**about, "goal_ratio": GOAL_RATIO, "rows": [row._asdict() for row in rows]}
        args.write.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
