"""What an incident looks like: known patterns, by the first suspect's trouble and by deploys."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from operators.matching import labels_of, matches
from operators.past import Trace
from operators.suspicion import Blamed, climb_a_minute
from schema import Deploy

MAX_DEPLOYS = 500
DISK, MEANS = ("disk.",), ("cpu.", "memory.", "disk.", "connections", "queue.", "db.load")
LEAKS = ("memory.", "connections", "files.open", "queue.depth", "consumer.lag")
SAME_TIME_MS = 60_000  # a tick starts before what happens in it
SURGE = 1.5  # times the expected traffic


class PatternSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML section `triage.patterns`."""

    deploy_s: float = 3_600.0  # a deploy is to blame for what begins so soon after it

    def __post_init__(self) -> None:
        if not 0 <= self.deploy_s <= 604_800:
            raise ValueError(f"deploy_s must be in [0, 604800] s, got {self.deploy_s!r}")


class Scene(NamedTuple):
    """What a pattern is told from."""

    blamed: Sequence[Blamed]  # most suspect first
    traces: Sequence[Trace]  # of the first suspect
    members: frozenset[str]  # keys of the resources that alert
    deploys: Sequence[Deploy]  # by time
    since_ms: int


def pattern_of(scene: Scene, settings: PatternSettings) -> tuple[str, str]:
    """Return the pattern and what is to be said of it; ("", "") where none is known."""
    if not scene.blamed:
        return "", ""
    first = scene.blamed[0].proof
    deploy = _deploy(scene, settings)
    if deploy is not None:
        version = f" of {deploy.version}" if deploy.version else ""
        return "bad_deploy", f"it began after deploy {deploy.id}{version}"
    metric = first.evidence[0].metric if first.evidence else ""
    climbs = any(
        climb_a_minute(trace, scene.since_ms) is not None
        for trace in scene.traces
        if trace.metric == metric
    )
    shared = first.resource.key not in scene.members or len(scene.members) > 1
    known = (
        (first.kind == "silent", "silent_resource", ""),
        (climbs and metric.startswith(DISK), "disk_filling", "the disk is filling up"),
        (climbs and metric.startswith(LEAKS), "leak", "it looks like a leak"),
        (_surges(scene), "traffic_surge", "more traffic than usual comes with it"),
        (metric.startswith(MEANS), "saturation", "it is saturated"),
        (shared, "dependency_failure", "what depends on it suffers"),
    )
    return next(((name, words) for holds, name, words in known if holds), ("", ""))


def _deploy(scene: Scene, settings: PatternSettings) -> Deploy | None:
    """Return the last deploy of the first suspect that the trouble follows closely."""
    first = scene.blamed[0].proof
    labels = labels_of(first.resource, first.kind)
    after_ms = first.onset_ms - round(settings.deploy_s * 1000)
    hits = [
        deploy
        for deploy in scene.deploys
        if after_ms <= deploy.was_ms < first.onset_ms + SAME_TIME_MS
        and deploy.matchers
        and matches(deploy.matchers, labels)
    ]
    return max(hits, key=lambda deploy: (deploy.was_ms, deploy.id), default=None)


def _surges(scene: Scene) -> bool:
    return any(
        point.value > SURGE * point.expected and point.strength >= 1.0
        for trace in scene.traces
        if trace.load
        for point in trace.points
        if point.tick_ms >= scene.since_ms
    )


def note_deploy(deploys: list[Deploy], deploy: Deploy) -> None:
    """Keep a deploy, in order and once; the oldest of too many go."""
    if all(known.id != deploy.id for known in deploys):
        deploys.append(deploy)
        deploys.sort(key=lambda each: (each.was_ms, each.id))
        del deploys[:-MAX_DEPLOYS]
