"""Who and what makes the most noise, and what was kept from people."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from connectors.scored_windows import Spool
from schema import Incident, Transition

MOST = 15  # rows of a table


class NoisyResource(msgspec.Struct, frozen=True):
    """How much there was of a resource."""

    name: str
    service: str
    incidents: int  # that it is a member of
    alerting_ms: int  # its alerts together
    high_share: float | None  # of its scored ticks, those at or above the threshold


class NoisyMetric(msgspec.Struct, frozen=True):
    """How much there was of a metric."""

    service: str
    metric: str
    incidents: int  # that it is evidence of
    resources: int  # of which it is evidence


class Hushed(msgspec.Struct, frozen=True):
    """An incident that nobody was told of, at least for a while, and why."""

    incident: str
    title: str
    severity: str
    how: str  # "silenced", "inhibited", "merged"
    why: str


def noisy_resources(
    incidents: Iterable[Incident], spool: Spool, threshold: float, until_ms: int
) -> tuple[NoisyResource, ...]:
    """Return the resources of most incidents, then of the longest alerts."""
    names: dict[str, tuple[str, str]] = {}
    count: Counter[str] = Counter()
    alerting: Counter[str] = Counter()
    for incident in incidents:
        count.update({member.resource.key for member in incident.members})
        for member in incident.members:
            key = member.resource.key
            names[key] = (member.resource.name, member.resource.service)
            closed_ms = member.closed_ms or incident.resolved_ms or until_ms
            alerting[key] += max(0, closed_ms - member.opened_ms)
    high = high_shares(spool, threshold) if count else {}
    most = sorted(count, key=lambda key: (-count[key], -alerting[key], key))[:MOST]
    return tuple(
        NoisyResource(*names[key], count[key], alerting[key], high.get(key)) for key in most
    )


def high_shares(spool: Spool, threshold: float) -> dict[str, float]:
    """Return by resource the share of its scored ticks at which its score was that high."""
    scored: Counter[int] = Counter()
    high: Counter[int] = Counter()
    for ids, verdicts in spool.rows():
        found, at = np.unique(ids, return_inverse=True)
        total = np.bincount(at, minlength=len(found))
        above = np.bincount(at, verdicts.score >= threshold, minlength=len(found))
        for resource_id, rows, over in zip(
            found.tolist(), total.tolist(), above.tolist(), strict=True
        ):
            scored[resource_id] += rows
            high[resource_id] += int(over)
    return {
        each.series.resource.key: high[each.resource_id] / scored[each.resource_id]
        for each in spool.series
        if scored[each.resource_id]
    }


def noisy_metrics(incidents: Iterable[Incident]) -> tuple[NoisyMetric, ...]:
    """Return the metrics that are evidence of most incidents."""
    within: dict[tuple[str, str], set[str]] = {}
    of: dict[tuple[str, str], set[str]] = {}
    for incident in incidents:
        for member in incident.members:
            for evidence in member.evidence:
                key = (member.resource.service, evidence.metric)
                within.setdefault(key, set()).add(incident.id)
                of.setdefault(key, set()).add(member.resource.key)
    most = sorted(within, key=lambda key: (-len(within[key]), -len(of[key]), key))[:MOST]
    return tuple(NoisyMetric(*key, len(within[key]), len(of[key])) for key in most)


def hushed(lives: Iterable[Sequence[Transition]]) -> tuple[Hushed, ...]:
    """Return what was silenced, inhibited or merged, as the events of its life say."""
    out = []
    for life in lives:
        found: dict[str, str] = {}
        for said in life:
            incident = said.incident
            if incident.silenced_by:
                found.setdefault("silenced", _why(said, ", ".join(incident.silenced_by)))
            elif incident.inhibited_by:
                found.setdefault("inhibited", _why(said, f"by {incident.inhibited_by}"))
            if said.event == "merged":
                found["merged"] = said.reason or f"into {incident.merged_into}"
        last = life[-1].incident
        out += [
            Hushed(last.id, last.title, last.severity.name, how, why)
            for how, why in sorted(found.items())
        ]
    return tuple(out)


def _why(said: Transition, otherwise: str) -> str:
    return said.reason if said.event == "silenced" and said.reason else otherwise
