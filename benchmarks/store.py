"""`make bench-store`: how long a screen waits for a page of incidents, of a million in the store.

Each query once to warm up, then some rounds, by
the clock, the whole of `list_incidents` or `find_ids`: look-up, reading and decoding.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from sqlalchemy import text

from benchmarks.stored import ACCOUNTS, NEWEST_MS, YEARS_MS, incidents
from connectors.incident_database import connect, shown_url
from connectors.incident_query import Cursor, IncidentFilter
from connectors.incident_store import IncidentStore
from schema import Severity

PAGE = 50
GOAL_MS = 50.0
BATCH = 5_000
MIDDLE = Cursor(NEWEST_MS - YEARS_MS // 2, "")
DAY_MS = 86_400_000


class Result(NamedTuple):
    """What a query took."""

    name: str
    found: int
    median_ms: float
    worst_ms: float


QUERIES: dict[str, tuple[IncidentFilter, Cursor | None]] = {
    "first page": (IncidentFilter(), None),
    "page in the middle": (IncidentFilter(), MIDDLE),
    "open": (IncidentFilter(states=("open",)), None),
    "open or acknowledged, from HIGH": (
        IncidentFilter(states=("open", "acknowledged"), least=Severity.HIGH), None,
    ),
    "CRITICAL": (IncidentFilter(least=Severity.CRITICAL), None),
    "a service": (IncidentFilter(service="aws.rds"), None),
    "a service, closed, CRITICAL, in the middle": (
        IncidentFilter(states=("closed",), least=Severity.CRITICAL, service="gcp.run"), MIDDLE,
    ),
    "a cloud": (IncidentFilter(cloud="gcp"), None),
    "account and region and service": (
        IncidentFilter(account=ACCOUNTS[7], region="eu-west-1", service="aws.rds"), None,
    ),
    "an account, open": (IncidentFilter(states=("open",), account=ACCOUNTS[7]), None),
    "a day a year ago, a region": (
        IncidentFilter(
            region="eastus", opened_from_ms=MIDDLE.opened_ms,
            opened_before_ms=MIDDLE.opened_ms + DAY_MS,
        ), None,
    ),
    "a rare word": (IncidentFilter(title="orders-77"), None),
    "a common word": (IncidentFilter(title="latency"), None),
    "a common word and a service": (IncidentFilter(title="latency", service="aws.rds"), None),
    "two common words": (IncidentFilter(title="latency orders"), None),
    "two common words, open": (IncidentFilter(states=("open",), title="latency orders"), None),
    "a word that is nowhere": (IncidentFilter(title="zebra", service="aws.rds"), None),
    "an assignee": (IncidentFilter(assignee="person7"), None),
    "an assignee and a service": (IncidentFilter(assignee="person7", service="azure.vm"), None),
    "a cloud and another's service": (IncidentFilter(cloud="aws", service="gcp.run"), None),
}  # fmt: skip


def fill(url: str, count: int) -> float:
    """Fill a new store; return the seconds that it took."""
    store = IncidentStore(url, create=True)
    start = time.perf_counter()
    made = incidents(count)
    while batch := list(islice(made, BATCH)):
        store.record(batch)
    store.close()
    took_s = time.perf_counter() - start
    engine, _ = connect(url, create=False)
    if engine.dialect.name == "postgresql":  # as its autovacuum would in time
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()
    return took_s


def measure(url: str, rounds: int) -> list[Result]:
    """Return what each query takes."""
    store = IncidentStore(url)
    some = store.list_incidents(limit=1, after=MIDDLE)[0].id

    def page(wanted: IncidentFilter, after: Cursor | None) -> Callable[[], int]:
        return lambda: len(store.list_incidents(wanted, limit=PAGE, after=after))

    calls = {name: page(*query) for name, query in QUERIES.items()}
    calls["by how an id begins"] = lambda: len(store.find_ids(some[:12]))
    calls["one incident"] = lambda: store.get_incident(some) is not None
    results = [_timed(name, call, rounds) for name, call in calls.items()]
    store.close()
    return results


def _timed(name: str, call: Callable[[], int], rounds: int) -> Result:
    found = call()
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        taken.append((time.perf_counter() - start) * 1000)
    return Result(name, found, statistics.median(taken), max(taken))


def main() -> None:
    """Fill, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("url", nargs="?", help="of a database without a store; default: a file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="foreshock-bench-") as folder:
        url = options.url or f"sqlite:///{folder}/incidents.db"
        took_s = fill(url, options.incidents)
        print(f"{shown_url(url)}: {options.incidents:,} incidents, filled in {took_s:.0f} s")
        for each in measure(url, options.rounds):
            over = "" if each.median_ms < GOAL_MS else "  over the goal"
            print(
                f"  {each.name:<44}{each.found:>4} found  median {each.median_ms:6.1f} ms"
                f"  worst {each.worst_ms:6.1f} ms{over}",
                flush=True,
            )


if __name__ == "__main__":
    main()
