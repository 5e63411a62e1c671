"""`make bench-api`: how long the API takes for lists, filters and searches of a million incidents.

Over HTTP on this machine, by a server in a process of its own: look-up, reading, encoding and the
way. Then what event streams cost that process.
"""

import argparse
import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx
import psutil
from sqlalchemy import text

from benchmarks.store import fill
from benchmarks.stored import ACCOUNTS, NEWEST_MS, YEARS_MS
from connectors.incident_database import connect, shown_url

GOAL_MS = 50.0
MIDDLE_MS = NEWEST_MS - YEARS_MS // 2
STREAMS = 200
MIB = 2**20

QUERIES: dict[str, tuple[str, dict[str, str | int]]] = {
    "list, newest": ("incidents", {}),
    "list, oldest": ("incidents", {"sort": "opened"}),
    "list, worst": ("incidents", {"sort": "-severity"}),
    "list, from the middle": ("incidents", {"opened_before_ms": MIDDLE_MS}),
    "filter: open": ("incidents", {"state": "open"}),
    "filter: from HIGH, a service": ("incidents", {"severity": "HIGH", "service": "aws.rds"}),
    "filter: closed, CRITICAL, a service": (
        "incidents",
        {"state": "closed", "severity": "CRITICAL", "service": "gcp.run"},
    ),
    "filter: account, region, service": (
        "incidents",
        {"account": ACCOUNTS[7], "region": "eu-west-1", "service": "aws.rds"},
    ),
    "search: a rare word": ("incidents", {"q": "orders-77"}),
    "search: two common words": ("incidents", {"q": "latency orders"}),
    "search: two common words, worst": ("incidents", {"q": "latency orders", "sort": "-severity"}),
    "search: nothing found": ("incidents", {"q": "zebra", "service": "aws.rds"}),
    "queue": ("queue", {}),
    "one incident": ("incidents/{some}", {}),
}


@contextmanager
def served(url: str) -> Iterator[tuple[str, psutil.Process]]:
    """Serve a store in a process of its own; yield its address and the process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = (
        "from pathlib import Path; from api.server import Server; from flows.desk import Desk; "
        "from config.serve import ServeSettings; import sys; "
        "Server(ServeSettings(port=int(sys.argv[2]), rate_requests=10_000_000), "
        "Desk(sys.argv[1], control=Path(sys.argv[3]))).run()"
    )
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "control.jsonl"
        process = subprocess.Popen([sys.executable, "-c", command, url, str(port), str(log)])
        try:
            base = f"http://127.0.0.1:{port}/api/v1/"
            deadline = time.monotonic() + 60
            while not _answers(base):
                if time.monotonic() > deadline:
                    raise TimeoutError("the server does not answer")
                time.sleep(0.1)
            yield base, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(30)


def _answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}queue", timeout=60, trust_env=False).is_success
    except httpx.TransportError:
        return False


def measure(base: str, process: psutil.Process, rounds: int) -> None:
    """Print what each query takes by the clock, and of the server's processor."""
    with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
        newest = client.get("incidents", params={"limit": 1}).json()["incidents"]
        for name, (path, query) in QUERIES.items():
            taken = []
            worked = process.cpu_times()
            for _ in range(rounds + 3):
                start = time.perf_counter()
                answer = client.get(path.format(some=newest[0]["id"]), params=query)
                taken.append((time.perf_counter() - start) * 1000)
                answer.raise_for_status()
            work = process.cpu_times()
            cpu_s = work.user + work.system - worked.user - worked.system
            best = sorted(taken[3:])
            p99 = best[min(len(best) - 1, int(len(best) * 0.99))]
            over = "" if p99 < GOAL_MS else "  over the goal"
            print(
                f"  {name:<38} median {median(best):6.1f} ms  p99 {p99:6.1f} ms"
                f"  work {cpu_s / (rounds + 3) * 1000:5.1f} ms"
                f"  {len(answer.content) / 1000:6.1f} kB{over}",
                flush=True,
            )


async def listen(base: str, process: psutil.Process, streams: int) -> None:
    """Print what so many event streams cost, once all of them have heard something."""
    before = process.memory_info().rss
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=base, timeout=60, trust_env=False, limits=limits
    ) as client:
        heard = 0
        done = asyncio.Event()

        async def one() -> None:
            nonlocal heard
            async with client.stream("GET", "events") as stream:
                async for _ in stream.aiter_lines():
                    heard += 1
                    if heard == streams:
                        done.set()
                    await done.wait()
                    return

        await asyncio.gather(*(one() for _ in range(streams)))
        after = process.memory_info().rss
    print(
        f"  {streams} event streams: {(after - before) / MIB:.1f} MiB more, "
        f"{after / MIB:.0f} MiB in all"
    )


def main() -> None:
    """Fill, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--filled", action="store_true", help="the store is there")
    parser.add_argument("url", nargs="?", help="of a database without a store; default: a file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="foreshock-bench-") as folder:
        url = options.url or f"sqlite:///{folder}/incidents.db"
        if not options.filled:
            took_s = fill(url, options.incidents)
            print(f"{shown_url(url)}: {options.incidents:,} incidents, filled in {took_s:.0f} s")
        engine, _ = connect(url, create=False)
        with engine.connect() as connection:
            count = connection.execute(text("SELECT count(*) FROM incidents")).scalar()
        engine.dispose()
        with served(url) as (base, process):
            print(f"  {count:,} incidents; {process.memory_info().rss / MIB:.0f} MiB to begin with")
            asyncio.run(listen(base, process, STREAMS))
            measure(base, process, options.rounds)


if __name__ == "__main__":
    main()
