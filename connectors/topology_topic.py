"""Who needs whom, in a compacted topic: a record a node or an edge, read to its end at the start.

A record's key is an id of the sender's choice, its value `{"node": ..., "type": ...}` or an edge as
in a file; a record without a value deletes what its key said.
"""

import msgspec

from connectors.kafka_settings import KafkaClient, check_topic
from connectors.kafka_table import read_table
from connectors.topology_file import Link, Name
from schema import TopologyMap


class TopologyTopic(
    KafkaClient, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="kafka"
):
    """The topic and how it is reached."""

    topic: str

    def __post_init__(self) -> None:
        super().__post_init__()
        check_topic("topic", self.topic)


class _Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    node: Name
    type: Name | None = None


class _IsNode(msgspec.Struct, frozen=True):
    node: object = msgspec.UNSET


def read_topology_topic(settings: TopologyTopic) -> TopologyMap:
    """Read what the topic holds now; see `kafka_table.read_table`.

    Of two records with types for one node, the one with the greater key counts.
    """
    entries = read_table(settings, settings.topic, "topology", _entry)
    nodes = [entry for entry in entries if isinstance(entry, _Node)]
    edges = {entry.edge() for entry in entries if isinstance(entry, Link)}
    types = {entry.node: entry.type for entry in nodes if entry.type is not None}
    return TopologyMap(
        tuple(sorted({entry.node for entry in nodes})),
        tuple(sorted(types.items())),
        tuple(sorted(edges)),
    )


def _entry(_key: str, value: bytes) -> _Node | Link:
    is_node = msgspec.json.decode(value, type=_IsNode).node is not msgspec.UNSET
    kind: type[_Node] | type[Link] = _Node if is_node else Link
    return msgspec.json.decode(value, type=kind)
