"""What is known of who needs whom, before anything has changed."""

import msgspec

from schema.commands import Edge
from schema.names import Labels


class TopologyMap(msgspec.Struct, frozen=True):
    """A map as it was read: names of resources as they came in, or their uids or keys."""

    nodes: tuple[str, ...] = ()  # those of edges and types are nodes too
    node_types: Labels = ()  # node -> its type ("aws.rds", "remote", "client", "zone")
    edges: tuple[Edge, ...] = ()


class Seen(msgspec.Struct, frozen=True, order=True, array_like=True):
    """What the data show: edges that replace what was seen of `owner` before; 0: they add up."""

    owner: int  # `stable_id` of a resource's key
    edges: tuple[Edge, ...]  # sorted
    names: tuple[str, ...] = ()  # by which maps may know the owner
    told: Labels = ()  # attributes of it that others want to know: tier, users
