"""An inventory in a compacted topic, read to its end once, at the start.

A record's key is the name or the key of a resource, its value an entry as JSON, which may leave out
`match`: then the key says it. A record without a value deletes the entry of its key.
"""

import msgspec

from connectors.inventory import Attributes, Entry, Inventory, Match
from connectors.kafka_settings import KafkaClient, check_topic
from connectors.kafka_table import read_table

_KEY_BARS = 4  # in a resource's key: cloud|account|region|service|name


class InventoryTopic(
    KafkaClient, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="kafka"
):
    """The topic and how it is reached."""

    topic: str

    def __post_init__(self) -> None:
        super().__post_init__()
        check_topic("topic", self.topic)


class _Value(msgspec.Struct, forbid_unknown_fields=True):
    attributes: Attributes
    match: Match | None = None


def read_inventory_topic(settings: InventoryTopic) -> Inventory:
    """Read what the topic holds now; see `kafka_table.read_table`."""
    return Inventory(read_table(settings, settings.topic, "inventory", _entry))


def _entry(key: str, value: bytes) -> Entry:
    found = msgspec.json.decode(value, type=_Value)
    match = Match(key=key) if key.count("|") >= _KEY_BARS else Match(resource=key)
    return Entry(found.match or match, found.attributes)
