"""Whether a topology is about the resources that there are: what to look at before it is used."""

from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from config.app import App
from connectors.files import FileOrigin, FileSource
from connectors.formats.auto import AUTO
from connectors.incident_query import IncidentFilter
from connectors.incident_store import IncidentStore, cursor_of
from flows.assemble import catalogue_of
from flows.peek_input import Feed, feeds_of, take_in_order
from operators.topology import Topology
from schema import Resource, TopologyMap

PLAIN_TYPES = ("client", "host", "node", "pod", "queue", "region", "remote", "zone")
PAGE = 500  # incidents read at once


class Checked(msgspec.Struct, frozen=True):
    """What a look at a topology came to; lists of nodes are sorted."""

    nodes: int
    edges: dict[str, int]  # by type
    types: dict[str, int]  # nodes by type
    unknown_types: tuple[str, ...]  # neither a service of the catalogue nor one of `PLAIN_TYPES`
    self_calls: tuple[str, ...]
    isolated: tuple[str, ...]
    never_seen: tuple[str, ...] | None = None  # None: there was nothing to compare with
    on_no_map: tuple[str, ...] | None = None  # names of resources that were seen


def check(
    known: TopologyMap, is_service: Callable[[str], bool], seen: Iterable[Resource] | None = None
) -> Checked:
    """Return what stands out; zones and what is seen from outside only need not be seen."""
    topology = Topology(known)
    types = Counter(type_ for _, type_ in known.node_types)
    unknown = (each for each in types if each not in PLAIN_TYPES and not is_service(each))
    nodes = topology.nodes()
    return Checked(
        len(nodes),
        dict(sorted(Counter(edge.type for edge in topology.edges()).items())),
        dict(sorted(types.items())),
        tuple(sorted(unknown)),
        tuple(sorted({edge.source for edge in known.edges if edge.source == edge.target})),
        tuple(name for name in nodes if not topology.within(name, 1)),
        *(() if seen is None else _compared(topology, list(seen))),
    )


def _compared(topology: Topology, seen: list[Resource]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    met = {topology.node(resource) for resource in seen}
    never = (
        name
        for name in topology.nodes()
        if name not in met
        and not topology.is_zone(name)
        and topology.type_of(name) not in ("client", "remote", "region", "zone")
    )
    missing = {resource.name for resource in seen if not topology.knows(topology.node(resource))}
    return tuple(never), tuple(sorted(missing))


def resources_in(place: str) -> list[Resource]:
    """Return the resources in an incident store (a URL) or in payload files (a path or pattern).

    Of an incident, those count that it shows.
    Raises: ValueError where there is no such store or file.
    """
    return _in_store(place) if "://" in place else _in_files(place)


def _in_store(url: str) -> list[Resource]:
    store = IncidentStore(url)
    found: dict[str, Resource] = {}
    after = None
    try:
        while page := store.list_incidents(IncidentFilter(), limit=PAGE, after=after):
            members = (member for incident in page for member in incident.members)
            found.update((member.resource.key, member.resource) for member in members)
            after = cursor_of(page[-1])
    finally:
        store.close()
    return list(found.values())


def _in_files(place: str) -> list[Resource]:
    found: dict[str, Resource] = {}
    feeds = _feeds(place)
    for feed, taken in take_in_order(feeds, None):
        feed.decoder(taken.payloads, feed.table)
    for feed in feeds:
        found.update((each.resource.key, each.resource) for each in feed.table.series)
    return list(found.values())


def _feeds(place: str) -> list[Feed]:
    """Return what to read, of the formats that a manifest names, else of those that are found."""
    source = FileSource(paths=(place,))
    try:
        FileOrigin(source)
    except ValueError:
        source = FileSource(paths=(place,), format=AUTO)
    app = App(sources=(source,))
    return feeds_of(app, catalogue_of(app))
