"""What key groups say of a stream of anomalies, drawn from a seed: words for triage."""

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.stored import ACCOUNTS, METRICS, NEWEST_MS, PLACES, TEAMS
from schema import Anomaly, Closed, Evidence, Resource

GROUPS = 16
TICK_MS = 60_000
OPEN_TICKS = 5  # how long an alert stays open
LEAST = 1_000  # resources, however few anomalies
ZONES = "abc"


def words(
    a_minute: int, ticks: int, seed: int = 1, accounts: int = len(ACCOUNTS)
) -> Iterator[list[Closed]]:
    """Yield what all groups say of each tick: so many edges, half of them of alerts that open.

    The anomalies of a minute are of some services of some accounts, all of whose resources are hit;
    which ones changes every ten minutes. The fewer `accounts`, the fewer and larger the incidents.
    """
    draw = np.random.default_rng(seed)
    draws = draw.random((5 * a_minute + LEAST, 8)).tolist()
    resources = [_resource(iter(each), ACCOUNTS[:accounts]) for each in draws]
    by_service: dict[tuple[str, str, str], list[int]] = {}
    for number, each in enumerate(resources):
        by_service.setdefault((each.service, each.account, each.region), []).append(number)
    scopes = sorted(by_service)
    opened: list[list[int]] = []
    held: set[int] = set()
    for tick in range(ticks):
        tick_ms = NEWEST_MS + tick * TICK_MS
        if tick % 10 == 0:
            hit = [
                number for i in draw.permutation(len(scopes)) for number in by_service[scopes[i]]
            ]
        new = [number for number in hit if number not in held][: a_minute // 2]
        held |= set(new)
        opened.append(new)
        over = opened.pop(0) if len(opened) > OPEN_TICKS else []
        held -= set(over)
        said: list[list[Anomaly]] = [[] for _ in range(GROUPS)]
        for number in new:
            said[number % GROUPS].append(_edge("open", resources[number], tick_ms, tick_ms))
        for number in over:
            onset_ms = tick_ms - OPEN_TICKS * TICK_MS
            said[number % GROUPS].append(_edge("close", resources[number], tick_ms, onset_ms))
        until_ms = tick_ms + TICK_MS
        yield [Closed(group, until_ms, False, tuple(said[group])) for group in range(GROUPS)]


def _resource(draws: Iterator[float], accounts: Sequence[str]) -> Resource:
    def one_of(choices: Sequence[str]) -> str:
        return choices[int(next(draws) * len(choices))]

    cloud = one_of(tuple(PLACES))
    regions, services = PLACES[cloud]
    team = one_of(TEAMS)
    attributes = (("application", team), ("tier", "2"), ("zone", one_of(ZONES)))
    name = f"{team}-{int(next(draws) * 2**48):x}"
    service = f"{cloud}.{one_of(services)}"
    return Resource(cloud, service, one_of(accounts), one_of(regions), name, attributes)


def _edge(kind: str, resource: Resource, tick_ms: int, onset_ms: int) -> Anomaly:
    evidence = tuple(
        Evidence(metric, (), "percent", 90.0 + i, 40.0, 30.0, 50.0, 1 / 3, onset_ms)
        for i, metric in enumerate(METRICS[:3])
    )
    if kind == "open":
        return Anomaly("open", "metrics", resource, tick_ms, onset_ms, 0.9, 8.0, evidence)
    return Anomaly("close", "metrics", resource, tick_ms, onset_ms, 0.1, 1.0, evidence)
