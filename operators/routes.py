"""The routing tree: which channels hear of an incident, how soon and how often."""

from collections.abc import Iterator, Mapping

import msgspec

from operators.matching import Labels, labels_of, matches, parse_matcher, shown
from operators.time_intervals import Hours
from schema import Incident, Matcher, Resource

MAX_S = 2_592_000.0  # 30 days
MAX_DEPTH = 20


class Timing(msgspec.Struct, frozen=True):
    """How a route paces what it tells."""

    group_wait_s: float = 0.0  # from the first event to the first message
    group_interval_s: float = 300.0  # least time between two messages of an incident to a channel
    repeat_s: float = 14_400.0  # while it is open and nobody has acknowledged it; 0: never
    cooldown_s: float = 0.0  # after a resource was told of, before another incident of it is


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A node of the tree, the YAML section `notify.route`. What it leaves out, it has from above.

    A node without `match` takes everything that reaches it. Of its `routes` the first that matches
    takes an incident, and with `continue` the next that matches as well; if none does, the node
    itself does.
    """

    match: tuple[str, ...] = ()  # matchers as in 'severity=~"CRITICAL|HIGH"'; all must hold
    channels: tuple[str, ...] | None = None
    escalate: str | None = None  # name of a policy; "": none
    hours: Hours | None = None
    goes_on: bool = msgspec.field(name="continue", default=False)
    group_wait_s: float | None = None
    group_interval_s: float | None = None
    repeat_s: float | None = None
    cooldown_s: float | None = None
    routes: tuple["Route", ...] = ()

    def __post_init__(self) -> None:
        for text in self.match:
            parse_matcher(text)
        for name in ("group_wait_s", "group_interval_s", "repeat_s", "cooldown_s"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= MAX_S:
                raise ValueError(f"{name} must be in [0, {MAX_S}] s, got {value!r}")

    def matchers(self) -> tuple[Matcher, ...]:
        """Return what must hold."""
        return tuple(parse_matcher(text) for text in self.match)


class Target(msgspec.Struct, frozen=True):
    """A leaf that an incident has come to: whom it is told to, and how."""

    path: str  # "0.2": the second of the root's third; "": the root
    why: str  # the matchers on the way, in words
    channels: tuple[str, ...]
    escalate: str
    hours: Hours
    timing: Timing


_ROOT = Target("", "", (), "", Hours(), Timing())


def targets_of(route: Route, labels: Labels) -> list[Target]:
    """Return the nodes that take an incident, in the order of the tree.

    >>> page = Route(match=("severity=CRITICAL",), channels=("page",))
    >>> tree = Route(channels=("chat",), routes=(page,))
    >>> [target.channels for target in targets_of(tree, {"severity": "CRITICAL"})]
    [('page',)]
    >>> [target.why for target in targets_of(tree, {"severity": "LOW"})]
    ['every incident']
    """
    return list(_taken(route, labels, _inherit(_ROOT, route, "")))


def every_target(route: Route) -> list[Target]:
    """Return all nodes of the tree, a node before those below it."""
    return list(_all(route, _inherit(_ROOT, route, "")))


def labels_of_incident(incident: Incident) -> dict[str, str]:
    """Return what routes see: the labels of whom it is blamed on, and the incident's own.

    That is the first suspect, or the first member where nobody is blamed; so it is the owner of
    the cause who is told.
    """
    resource, first = blamed(incident), incident.members[0]
    own = next((each for each in incident.members if each.resource.key == resource.key), first)
    metric = own.evidence[0].metric if own.evidence else ""
    return labels_of(resource, own.kind, metric, incident.severity, incident.pattern)


def blamed(incident: Incident) -> Resource:
    """Return whom it is blamed on."""
    return incident.suspects[0].resource if incident.suspects else incident.members[0].resource


def check_route(
    route: Route,
    channels: Mapping[str, object],
    intervals: Mapping[str, object],
    escalations: Mapping[str, object],
) -> None:
    """Raise ValueError where the tree names what there is not, or is deeper than people write."""
    if _depth(route) > MAX_DEPTH:
        raise ValueError(f"route must be at most {MAX_DEPTH} deep, got more")
    if route.match:
        raise ValueError(f"route must take everything at its root, got match {route.match!r}")
    for target in every_target(route):
        where = f"route {target.path}" if target.path else "route"
        named = (
            ("channels", target.channels, channels),
            ("hours", (*target.hours.active, *target.hours.mute), intervals),
            ("escalate", (target.escalate,) if target.escalate else (), escalations),
        )
        for key, names, known in named:
            for name in names:
                if name not in known:
                    there = ", ".join(sorted(known)) or "none"
                    raise ValueError(f"{where}: {key} must be of {there}, got {name!r}")


def _taken(route: Route, labels: Labels, here: Target) -> Iterator[Target]:
    taken = False
    for i, child in enumerate(route.routes):
        if not matches(child.matchers(), labels):
            continue
        taken = True
        yield from _taken(child, labels, _inherit(here, child, f"{here.path}.{i}".lstrip(".")))
        if not child.goes_on:
            break
    if not taken:
        yield here


def _all(route: Route, here: Target) -> Iterator[Target]:
    yield here
    for i, child in enumerate(route.routes):
        yield from _all(child, _inherit(here, child, f"{here.path}.{i}".lstrip(".")))


def _inherit(above: Target, route: Route, path: str) -> Target:
    given = {
        name: value
        for name in Timing.__struct_fields__
        if (value := getattr(route, name)) is not None
    }
    words = ", ".join(map(shown, route.matchers()))
    why = " and ".join(filter(None, (above.why if above.path else "", words)))
    return Target(
        path,
        why or "every incident",
        above.channels if route.channels is None else route.channels,
        above.escalate if route.escalate is None else route.escalate,
        above.hours if route.hours is None else route.hours,
        msgspec.structs.replace(above.timing, **given),
    )


def _depth(route: Route) -> int:
    return 1 + max(map(_depth, route.routes), default=0)
