"""Incidents to fill a store with: two years of three clouds, drawn from a seed."""

from bisect import bisect
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from schema import Evidence, Incident, Member, Resource, Severity, State, Transition

NEWEST_MS = 1_772_359_200_000  # 2026-03-01 10:00 UTC
YEARS_MS = 2 * 365 * 86_400_000
PLACES = {
    "aws": (("eu-west-1", "us-east-1", "ap-south-1"), ("ec2", "rds", "elb", "sqs", "lambda")),
    "azure": (("westeurope", "eastus"), ("vm", "sql", "cosmosdb", "storage")),
    "gcp": (("europe-west1", "us-central1"), ("gce", "cloudsql", "pubsub", "run")),
}
ACCOUNTS = tuple(f"{number:012d}" for number in range(40))
METRICS = ("cpu.utilization", "latency", "error.rate", "memory.utilization", "queue.depth")
TEAMS = ("checkout", "orders", "search", "billing", "identity", "media", "reports")
PEOPLE = tuple(f"person{number}" for number in range(60))
NUMBERS = range(10_000)
CHUNK = 10_000
STATES: tuple[State, ...] = ("open", "acknowledged", "resolved", "merged", "closed")
STATE_LIMITS = (0.0005, 0.001, 0.004, 0.01)  # the rest is closed
SEVERITY_LIMITS = (0.4, 0.8, 0.97)  # the rest is CRITICAL

X = TypeVar("X")


def incidents(count: int, seed: int = 1) -> Iterator[Transition]:
    """Yield one event of each of so many incidents, by the time at which they opened."""
    generator = np.random.default_rng(seed)
    for number in range(count):
        if number % CHUNK == 0:
            draws = generator.random((CHUNK, 16)).tolist()
        opened_ms = NEWEST_MS - YEARS_MS + YEARS_MS * number // count // 60_000 * 60_000
        yield _event(iter(draws[number % CHUNK]), opened_ms)


def _event(draws: Iterator[float], opened_ms: int) -> Transition:
    def one_of(choices: Sequence[X], limits: Sequence[float] = ()) -> X:
        place = next(draws)
        return choices[bisect(limits, place) if limits else int(place * len(choices))]

    cloud = one_of(tuple(PLACES), (0.6, 0.85))
    regions, services = PLACES[cloud]
    metric, team = one_of(METRICS), one_of(TEAMS)
    resource = Resource(
        cloud, f"{cloud}.{one_of(services)}", one_of(ACCOUNTS), one_of(regions),
        f"{team}-{one_of(NUMBERS)}", (("team", team), ("tier", "2")),
    )  # fmt: skip
    state = one_of(STATES, STATE_LIMITS)
    value = round(50 + 850 * next(draws), 1)
    evidence = Evidence(metric, (), "percent", value, 40.0, 30.0, 50.0, 1.0, opened_ms)
    member = Member(resource, "metrics", opened_ms, opened_ms, None, 0.9, 9.0, (evidence,))
    said_ms = opened_ms + 3_600_000
    incident = Incident(
        f"inc-{int(next(draws) * 2**53):016x}",
        1 + int(9 * next(draws)),
        state,
        one_of(tuple(Severity), SEVERITY_LIMITS),
        ("tier 2 service", "confidence 0.90"),
        f"{metric} of {resource.name} rose to {value}",
        f"{metric} of {resource.name} rose to {value} (expected 30-50)",
        (("cloud", cloud), ("account", resource.account), ("region", resource.region)),
        opened_ms,
        opened_ms,
        said_ms,
        None if state in ("open", "acknowledged") else said_ms,
        0.9,
        1,
        (member,),
        assignee=one_of(PEOPLE) if next(draws) < 0.3 else "",
        closed_ms=said_ms if state == "closed" else None,
    )
    return Transition("updated", said_ms, "foreshock", "as it stands", incident)
