"""What a resource costs: memory by part, and bytes of a snapshot.

Run `make bench-memory`, or `python -m benchmarks.memory --help`. One process reads a partition and
holds every key group, as a single worker does, but for Bytewax. The past that the discord
detector compares with is counted apart: its length is a setting.
"""

import argparse
import ctypes
import gc
from collections.abc import Iterator
from resource import RUSAGE_SELF, getrusage

import msgspec
import numpy as np
import psutil

from benchmarks.archive import METRICS, about
from config.catalogue import load_catalogue
from connectors.formats.registry import create_decoder
from operators.detect_settings import DetectSettings
from operators.groups import group_names
from operators.ingest import Ingest, IngestSettings
from operators.keygroup import GroupSettings, KeyGroup
from operators.keygroup_state import dump
from schema import Chunk

MINUTE_MS = 60_000
PAYLOADS = 10_000  # at once


def rss() -> int:
    """Return the memory of this process, without what glibc could give back and has kept.

    Most of that is the benchmark's own: it makes the payloads of a minute in this process.
    """
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
    return int(psutil.Process().memory_info().rss)


def chunks(resources: int, minute: int) -> Iterator[Chunk]:
    """Yield a minute's samples as `foreshock-json`, made as they are asked for."""
    texts = about(resources)
    draws = np.random.default_rng((7, minute))
    position = 0
    for start in range(0, resources * METRICS, PAYLOADS):
        rows = range(start, min(start + PAYLOADS, resources * METRICS))
        value = draws.normal(50.0, 5.0, len(rows))
        payloads = [
            msgspec.json.encode(
                {
                    **{name: cells[i] for name, cells in texts.items()},
                    "ts_ms": minute * MINUTE_MS,
                    "value": float(v),
                }
            )
            for i, v in zip(rows, value, strict=True)
        ]
        position += len(payloads)
        yield Chunk(payloads, range(position - len(payloads), position), position)


def held(resources: int, minutes: int) -> tuple[Ingest, list[KeyGroup]]:
    """Return a partition and all key groups after so many minutes."""
    catalogue, settings = load_catalogue(), IngestSettings()
    ingest = Ingest(settings, create_decoder("foreshock-json", catalogue), "files", "a", 0)
    shared = GroupSettings(settings.groups, 1, settings.tick_s, DetectSettings(), catalogue)
    groups = {name: KeyGroup(shared, i) for i, name in enumerate(group_names(settings.groups))}
    times = range(1_000_000, 1_000_000 + minutes)
    fed = (ingest.feed(chunk) for minute in times for chunk in chunks(resources, minute))
    for said in (*fed, ingest.end()):
        for name, buffer in said.packed:
            groups[name].feed(buffer)
            groups[name].close()
    return ingest, list(groups.values())


def sizes(groups: list[KeyGroup]) -> dict[str, int]:
    """Return the bytes of the groups' arrays, by name."""
    found: dict[str, int] = {}
    for group in groups:
        for table in group.roster.tables:
            for name, array in table.arrays._asdict().items():
                found[name] = found.get(name, 0) + array.nbytes
    return found


def main() -> None:
    """Feed some minutes and print what they leave behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resources", type=int, default=100_000)
    parser.add_argument("--minutes", type=int, default=5)
    args = parser.parse_args()
    resources: int = args.resources
    held(10, 2)  # what compiled code takes is no resource's
    before = rss()
    ingest, groups = held(resources, args.minutes)
    both = rss() - before
    peak = getrusage(RUSAGE_SELF).ru_maxrss
    del ingest
    in_groups = rss() - before
    arrays = sizes(groups)
    past = arrays["past"]
    snapshots = sum(len(dump(group)) for group in groups)
    print(f"{resources:,} resources, {METRICS} metrics each; bytes a resource")
    for name, size in (
        ("source: names and ids", both - in_groups),
        ("key groups, but for the past", in_groups - past),
        ("  of it arrays", sum(arrays.values()) - past),
        *(("    " + name, n) for name, n in sorted(arrays.items(), key=lambda each: -each[1])),
        ("the discord detector's past", past),
        ("a snapshot, with the past", snapshots),
    ):
        if size >= 50 * resources:
            print(f"  {name:32}{size / resources:10,.0f}")
    print(f"  peak of the process, MB         {peak / 2**10:10,.0f}")


if __name__ == "__main__":
    main()
