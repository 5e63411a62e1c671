"""What most of those that need it have lost: a zone, a host, a callee; alerting itself or not."""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from operators.tally import Tally
from operators.topology import Topology
from schema import Resource, Suspect

SHOWN = 3  # of the services, zones and kinds that a summary counts
SAME_TIME_MS = 60_000
CHANCE = 2  # alerts that may have begun before for other reasons
SERVICES = 2  # at least, among the alerts of a zone's loss


class Common(msgspec.Struct, array_like=True):
    """A node that most of those that need it have lost."""

    node: str
    is_zone: bool
    alerts: bool  # itself
    hit: int  # of those next to it, or in the zone, within the window; the most so far
    known: int
    type: str = ""  # of the node, as the topology has it
    is_late: bool = False  # those that need it began after others of the incident

    @property
    def pattern(self) -> str:
        """Return the name of what it looks like."""
        return "zone_outage" if self.is_zone else "shared_dependency"

    def said(self) -> str:
        """Return it in words."""
        verb = "lie in" if self.is_zone else "need"
        return f"{self.hit:,} of {self.known:,} resources known to {verb} {self.node} alert"

    def suspect(self, scope: Mapping[str, str]) -> Suspect:
        """Return it as a suspect, of an incident whose members share `scope`."""
        place = (scope.get("account", ""), scope.get("region", ""), self.node)
        service = "zone" if self.is_zone else self.type
        share = min(1.0, self.hit / max(1, self.known))
        return Suspect(Resource(scope.get("cloud", ""), service, *place), share, self.said())


def foremost(found: Mapping[str, Common], tally: Tally, topology: Topology) -> Common | None:
    """Return what is most likely the cause: a zone, else what needs none of the others.

    Among equals one that alerts itself, then the one that most have lost. What is lost only to
    those that came later than others is no cause, unless it alerts itself.
    """
    across = len(tally.by("service")) >= SERVICES
    kept = [
        each
        for each in found.values()
        if (across if each.is_zone else each.alerts or not each.is_late)
    ]
    return min(kept, key=lambda each: _place(each, found, topology), default=None)


def _place(
    each: Common, found: Mapping[str, Common], topology: Topology
) -> tuple[bool, bool, bool, int, str]:
    needs_one = any(needed in found for needed in topology.needs(each.node))
    return not each.is_zone, needs_one and not each.is_zone, not each.alerts, -each.hit, each.node


def begins_late(onsets_ms: Iterable[int], needing_ms: Iterable[int]) -> bool:
    """Tell whether those that need something began after others of the incident.

    `onsets_ms` are of all, `needing_ms` of those that need it. One or two others may be chance.

    >>> begins_late([0, 0, 60_000, 240_000, 240_000], [240_000, 240_000])
    True
    """
    before_ms = min(needing_ms, default=0) - SAME_TIME_MS
    return sum(onset_ms < before_ms for onset_ms in onsets_ms) > CHANCE


def summary(tally: Tally) -> str:
    """Return an incident's alerts by service, zone and kind, the most frequent first.

    >>> from operators.tally import Count
    >>> summary(Tally(counts={("aws.ec2", "a", "", "silent", -1): Count(1200, 3)}))
    '1,200 alerts: aws.ec2 1,200; zone a 1,200; silent 1,200'
    """
    total = sum(count.seen for count in tally.counts.values())
    parts = (
        _counted(tally.by("service"), ""),
        _counted(tally.by("zone"), "zone "),
        _counted(tally.by("kind"), ""),
    )
    return f"{total:,} alerts: " + "; ".join(part for part in parts if part)


def _counted(counts: Counter[str], prefix: str) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    named = [(name, count) for name, count in ordered if name]
    shown = [f"{prefix}{name} {count:,}" for name, count in named[:SHOWN]]
    rest = sum(count for _, count in named[SHOWN:])
    if rest:
        others = len(named) - SHOWN
        shown.append(f"{others} other{'s' if others > 1 else ''} {rest:,}")
    return ", ".join(shown)
