"""What is known of who needs whom, before anything has changed."""

import msgspec

from schema.commands import Edge
from schema.names import Labels


class TopologyMap(msgspec.Struct, frozen=True):
    """A map as it was read: names of resources as they came in, or their uids or keys."""

    nodes: tuple[str, ...] = ()  # those of edges and types are nodes too
    node_types: Labels = ()  # node -> its type ("aws.rds", "remote", "client", "zone")
    edges: tuple[Edge, ...] = ()
